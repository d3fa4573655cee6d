// Small behaviours of every page, attached by data attributes.

const NOTICE_MS = 10_000;

export function notify(text, undoUrl = "", onUndo = null) {
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.append(Object.assign(document.createElement("p"), { textContent: text }));
  if (undoUrl) {
    const button = Object.assign(document.createElement("button"), {
      className: "quiet", type: "button", textContent: "Undo",
    });
    button.addEventListener("click", () => { notice.remove(); onUndo(undoUrl); });
    notice.append(button);
  }
  document.getElementById("notices").append(notice);
  fade(notice);
}

export function fade(notice) {
  setTimeout(() => {
    if (notice.matches(":hover, :focus-within")) fade(notice);
    else notice.remove();
  }, NOTICE_MS);
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

async function copyFrom(button) {
  const done = await copyText(document.querySelector(button.dataset.copy).textContent.trim());
  const label = button.textContent;
  button.textContent = done ? "Copied" : "Select it";
  if (done && "copyDone" in button.dataset) delete document.querySelector("[data-secret]").dataset.secret;
  setTimeout(() => { button.textContent = label; }, 2000);
}

function isField(element) {
  return element.matches("input, textarea, select, [contenteditable]");
}

function leavingLosesSomething() {
  const secret = document.querySelector("[data-secret]:not([data-secret=''])") ||
    (document.querySelector("[data-copy-done]") && document.querySelector("[data-secret]"));
  return Boolean(secret || document.querySelector("form[data-changed]"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copyFrom(button);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = event.target.closest?.("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); event.stopPropagation(); }
  } else if (event.key === "/" && !isField(event.target) && !event.ctrlKey && !event.metaKey) {
    const search = document.querySelector("[data-search]");
    if (search) { event.preventDefault(); search.focus(); }
  }
});

document.addEventListener("input", (event) => {
  event.target.closest("form[data-guard]")?.setAttribute("data-changed", "");
});
document.addEventListener("submit", (event) => {
  for (const form of document.querySelectorAll("form[data-changed]")) {
    if (form === event.target) form.removeAttribute("data-changed");
  }
});
addEventListener("beforeunload", (event) => {
  if (leavingLosesSomething()) event.preventDefault();
});

for (const clock of document.querySelectorAll("[data-countdown]")) {
  let left = Number(clock.dataset.countdown);
  const timer = setInterval(() => {
    left -= 1;
    clock.textContent = String(Math.max(0, left));
    if (left <= 0) clearInterval(timer);
  }, 1000);
}
for (const notice of document.querySelectorAll("[data-notice]")) fade(notice);

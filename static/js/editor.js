// The character editor: more greetings, and tokens counted while one types.

const form = document.querySelector("form[data-tokens]");
const greetings = form.querySelector("[data-greetings]");
const add = greetings.querySelector("[data-add-greeting]");
let timer = 0;

add.hidden = false;
add.addEventListener("click", () => {
  const all = greetings.querySelectorAll("textarea");
  const next = all[all.length - 1].cloneNode();
  next.value = "";
  next.setAttribute("aria-label", `Greeting ${all.length + 1}`);
  add.before(next);
  next.focus();
});

async function count() {
  const body = new FormData(form);
  body.delete("portrait");
  const response = await fetch(form.dataset.tokens, {
    method: "POST", body: new URLSearchParams(body), headers: { Accept: "application/json" },
  });
  if (!response.ok) return;
  const counts = await response.json();
  for (const output of form.querySelectorAll("[data-count]")) {
    output.textContent = counts[output.dataset.count] ?? output.textContent;
  }
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => count().catch(() => {}), 700);
});

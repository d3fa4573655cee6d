// Editors of characters and personas: more greetings, and tokens counted while one types.

const form = document.querySelector("form[data-tokens]");
const greetings = form.querySelector("[data-greetings]");
let timer = 0;

function offerMore(add) {
  add.hidden = false;
  add.addEventListener("click", () => addBefore(add));
}

function addBefore(add) {
  const all = greetings.querySelectorAll("textarea");
  const next = all[all.length - 1].cloneNode();
  next.value = "";
  next.setAttribute("aria-label", `Greeting ${all.length + 1}`);
  add.before(next);
  next.focus();
}

if (greetings) offerMore(greetings.querySelector("[data-add-greeting]"));

async function count() {
  const body = new FormData(form);
  for (const [name, value] of [...body]) if (value instanceof File) body.delete(name);
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

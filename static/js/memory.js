// Pages of memories: focus and notices after a swap, and how far the jobs of a chat are.

import { fade, notify } from "./app.js";

const ASK_MS = 2_000;

document.addEventListener("htmx:afterSettle", () => {
  for (const notice of document.querySelectorAll("[data-notice]")) fade(notice);
  if (document.activeElement === document.body) document.getElementById("memories")?.focus({ preventScroll: true });
});
document.addEventListener("htmx:responseError", () => {
  notify("That did not work. Reload the page and look again.");
});
document.addEventListener("htmx:sendError", () => {
  notify("The server cannot be reached.");
});

// While a job runs its line is drawn anew; when all are done, so is the page.
async function ask(box) {
  let text = "";
  try {
    const answer = await fetch(box.dataset.progress);
    text = answer.ok ? await answer.text() : "";
  } catch { /* the next try may reach it */ }
  if (text) box.innerHTML = text;
  if (box.querySelector("[data-open]")) setTimeout(ask, ASK_MS, box);
  else if (!document.querySelector("[data-progress] [data-open], form[data-changed]")) location.reload();
}
for (const box of document.querySelectorAll("[data-progress]")) {
  if (box.querySelector("[data-open]")) setTimeout(ask, ASK_MS, box);
}

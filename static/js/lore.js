// The editor of a lorebook: what a part's refusal shows, leaving a changed entry, order by dragging.

import { fade, notify } from "./app.js";

const UNSAVED = "This entry has changes that are not saved. Go on without them?";
const workbench = () => document.getElementById("workbench");

// A refusal is drawn in place of the workbench, with what was typed; anything else is told.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.status < 400) return;
  const isPart = detail.xhr.responseText.includes('id="workbench"');
  detail.shouldSwap = isPart && !detail.xhr.responseText.includes("<!doctype");
  detail.isError = false;
  if (!detail.shouldSwap && detail.target.id !== "entry-check") {
    notify("That did not work. Nothing was changed; reload the page and try again.");
  }
});
document.addEventListener("htmx:sendError", () => {
  notify("The server cannot be reached. What you typed is still here.");
});

document.addEventListener("htmx:confirm", (event) => {
  const { elt, target, issueRequest } = event.detail;
  const changed = workbench()?.querySelector("form[data-changed]");
  if (!changed || target?.id !== "workbench" || changed.contains(elt)) return;
  event.preventDefault();
  if (!window.confirm(UNSAVED)) return;
  changed.removeAttribute("data-changed");
  issueRequest(true);
});

// The same entry drawn anew keeps its open folds and its place.
let kept = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.id !== "workbench") return;
  const form = document.getElementById("entry-form");
  kept = form && {
    address: form.getAttribute("action"),
    top: form.parentElement.scrollTop,
    folds: [...form.querySelectorAll("details[open]")].map((fold) => fold.id),
  };
});
function restore() {
  const form = document.getElementById("entry-form");
  if (!form || form.getAttribute("action") !== kept?.address) return;
  for (const id of kept.folds) document.getElementById(id)?.setAttribute("open", "");
  form.parentElement.scrollTop = kept.top;
}

let opened = "";
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target.id !== "workbench") return;
  opened = detail.elt.matches("[id^=entry-], #add-entry") ? detail.elt.id : "";
});
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  for (const notice of document.querySelectorAll("[data-notice]")) {
    if (!notice.dataset.seen) { notice.dataset.seen = "1"; fade(notice); }
  }
  if (detail.target.id !== "workbench" && detail.elt.id !== "workbench") return;
  prepare();
  restore();
  const wrong = document.querySelector("#entry-form .field-wrong :is(input, textarea, select)");
  if (wrong) wrong.focus();
  else if (opened === "add-entry" || opened === "entry-form") focusNew();
  else if (opened && opened !== "entry-close") document.getElementById("entry-heading")?.focus();
  opened = "";
});

function focusNew() {
  if (document.getElementById("entry-again")) document.getElementById("id_comment").focus();
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-choose-all]")) return;
  for (const box of document.querySelectorAll("input[name=chosen]")) {
    if (box.type === "checkbox") box.checked = event.target.checked;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== "s") return;
  const form = event.target.closest?.("#entry-form");
  if (!form || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit(document.getElementById("entry-save"));
});

// Order by dragging. Up and Down do the same for keys and touch.

let dragged = null;

function prepare() {
  const all = document.querySelector("[data-choose-all]");
  if (all) all.hidden = false;
  for (const row of document.querySelectorAll("[data-order] tbody tr")) row.draggable = true;
}

function rowAt(event) {
  return event.target.closest?.("[data-order] tbody tr");
}
document.addEventListener("dragstart", (event) => {
  dragged = event.target.matches?.("[data-order] tbody tr") ? event.target : null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.entry);
  dragged.classList.add("dragged");
});
document.addEventListener("dragover", (event) => {
  const row = dragged && rowAt(event);
  if (!row) return;
  event.preventDefault();
  for (const other of document.querySelectorAll(".drop-above")) other.classList.remove("drop-above");
  row.classList.add("drop-above");
});
document.addEventListener("dragend", () => {
  dragged = null;
  for (const row of document.querySelectorAll(".drop-above, .dragged")) {
    row.classList.remove("drop-above", "dragged");
  }
});
document.addEventListener("drop", (event) => {
  const row = dragged && rowAt(event);
  if (!row || row === dragged) return;
  event.preventDefault();
  const form = document.getElementById("table");
  const said = { move: dragged.dataset.entry, before: row.dataset.entry };
  for (const [name, value] of Object.entries(said)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  form.requestSubmit();
});

prepare();

// The chat page, put together, and its keys.

import { Actions } from "./actions.js";
import { Composer } from "./composer.js";
import { Follow } from "./follow.js";
import { Live } from "./live.js";
import { Log } from "./log.js";
import { Socket } from "./socket.js";

const DOWN_MS = 900;

const root = document.querySelector("[data-chat]");
const bar = document.getElementById("connection");
const follow = new Follow(document.getElementById("scroll"), document.getElementById("new-lines"));
const log = new Log(root, follow);
const composer = new Composer({ root, log, form: document.getElementById("composer") });
const live = new Live({ root, log, composer, socket: () => socket });
let hideTimer = 0;

function showBar(words) {
  bar.textContent = words;
  bar.hidden = false;
}

const socket = new Socket(root.dataset.chat, {
  onEvent: (event) => live.receive(event),
  onUp() {
    clearTimeout(hideTimer);
    bar.hidden = true;
    composer.retry();
  },
  onDown() {
    clearTimeout(hideTimer);
    const wait = navigator.onLine ? DOWN_MS : 0;
    hideTimer = setTimeout(() => showBar("Not connected. What you send waits here."), wait);
  },
  onEnd(signedOut) {
    showBar(signedOut ? "You are signed out. Reload to sign in; your text is kept." : "This chat is gone.");
  },
});

new Actions({ root, log, composer });
bindKeys();
follow.toEnd();

// Letters work only while a turn itself has the focus.
function bindKeys() {
  const press = (article, selector) => article.querySelector(selector)?.click();

  composer.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      composer.send();
    } else if (event.key === "ArrowUp" && composer.empty && !event.altKey) {
      const own = log.turns.filter((turn) => turn.dataset.role === "user").at(-1);
      if (own) { event.preventDefault(); press(own, '[data-act="edit"]'); }
    }
  });

  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && composer.busy) {
      event.preventDefault();
      composer.stop.click();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      move(event.key === "ArrowUp" ? -1 : 1);
    } else if (event.target.matches?.("article.turn")) onTurn(event, event.target);
  });

  function move(step) {
    const { turns } = log;
    const here = turns.indexOf(document.activeElement.closest("article.turn"));
    const next = here < 0 ? (step < 0 ? turns.length - 1 : turns.length) : here + step;
    (turns[next] ?? composer.text).focus();
    turns[next]?.scrollIntoView({ block: "nearest" });
  }

  function onTurn(event, article) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const selector = {
      ArrowLeft: '[aria-label="Previous version"]',
      ArrowRight: '[aria-label="Next version"]',
      e: '[data-act="edit"]', b: '[data-act="branch"]', c: '[data-act="copy"]',
    }[event.key];
    if (selector) { event.preventDefault(); press(article, selector); }
  }
}

// The chat page, put together.

import { Actions } from "./actions.js";
import { Composer } from "./composer.js";
import { Follow } from "./follow.js";
import { bindKeys } from "./keys.js";
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
bindKeys({ root, log, composer });
follow.toEnd();

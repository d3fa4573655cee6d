// What happens in the chat, applied to the page in the order in which it happened.

import { Stream } from "./stream.js";

const SLOW_MS = 10_000;

export class Live {
  constructor({ root, log, composer, socket }) {
    Object.assign(this, { root, log, composer, socket });
    this.name = root.dataset.name;
    this.after = root.querySelector("#after");
    this.announcer = root.querySelector("#announce");
    this.stream = null;
    this.hidden = null;
    this.queue = Promise.resolve();
  }

  receive(event) {
    const handler = this[`on_${event.type}`];
    if (handler) this.queue = this.queue.then(() => handler.call(this, event)).catch(() => this.again());
  }

  // Something did not fit: read it all again.
  async again() {
    try { await this.log.refresh(); } catch { this.socket().again(); }
  }

  async on_state({ version, snapshot, failed }) {
    if (!snapshot) this.settle();
    if (version !== this.log.version) await this.log.refresh();
    if (snapshot) this.on_snapshot(snapshot);
    // What failed while nobody was connected, as when the server died.
    const unseen = failed && !this.after.querySelector(".failed");
    if (unseen) this.log.follow.change(() => this.after.replaceChildren(this.log.parse(failed)));
    this.log.version = version;
  }

  on_snapshot(event) {
    if (this.stream?.turn !== event.turn) this.begin(event);
    this.stream.take(0, event.text);
  }

  async on_opened(event) {
    this.after.replaceChildren();
    if (event.surface !== "web" || !this.fits(event)) await this.log.refresh();
    this.log.version = event.version;
    this.begin(event);
    if (event.key) this.composer.hint(`${this.name} is answering ${event.key}.`);
  }

  // Whether the user's message could be put in its place.
  fits({ html, text, user_message: uid }) {
    if (!uid) return true;
    if (!html) return false;
    const pending = this.composer.claim(text);
    if (pending) pending.remove();
    return this.log.place(html);
  }

  begin({ turn, message, kind }) {
    this.stream?.end();
    const known = this.log.find(message);
    if (kind === "regenerate") this.coverLast(message);
    const article = known ?? this.log.append(this.log.blank({ role: "assistant", name: this.name }));
    article.dataset.message = message;
    article.setAttribute("aria-busy", "true");
    this.stream = new Stream(turn, article, this.log.follow);
    this.composer.setBusy(turn);
    this.say(`${this.name} is writing.`);
    this.watchForSilence();
  }

  // Another version takes the place of the reply that is shown; it comes back if nothing is written.
  coverLast(message) {
    const { last } = this.log;
    if (last?.dataset.role !== "assistant" || last.dataset.message === message) return;
    last.hidden = true;
    this.hidden = last;
  }

  watchForSilence() {
    clearTimeout(this.slow);
    const { stream } = this;
    this.slow = setTimeout(() => {
      if (this.stream !== stream || stream.length) return;
      this.note("slow", `Still waiting for ${this.name}. You can stop, and try another model in the panel.`);
    }, SLOW_MS);
  }

  on_delta({ turn, at, text }) {
    if (this.stream?.turn !== turn || !this.stream.take(at, text)) this.socket().again();
    else if (this.after.firstChild) this.after.replaceChildren();
  }

  async on_closed({ message, html, state, error, version }) {
    this.settle(Boolean(html));
    if (html) {
      if (!this.log.place(html)) await this.log.refresh();
    } else if (message) await this.log.refresh();
    this.log.version = version;
    if (error) this.fail(error, state);
    this.say(error ? `The reply failed. ${error}` : `${this.name} has finished.`);
  }

  async on_changed({ version }) {
    if (version > this.log.version) await this.log.refresh();
  }

  // Nothing is being written any more.
  settle(saved = false) {
    this.stream?.end();
    this.stream = null;
    clearTimeout(this.slow);
    this.after.querySelector(".slow")?.remove();
    this.log.follow.change(() => {
      for (const article of this.log.turns) {
        if (article.getAttribute("aria-busy") !== "true") continue;
        article.removeAttribute("aria-busy");
        if (!saved && !article.dataset.position) article.remove();
      }
      if (this.hidden && saved) this.hidden.remove();
      else if (this.hidden) this.hidden.hidden = false;
      this.hidden = null;
    });
    this.composer.setBusy("");
    this.composer.hint("");
  }

  fail(words, state) {
    const charged = state === "voided" ? " Nothing was charged." : "";
    const box = this.note("failed", "");
    box.setAttribute("role", "alert");
    const line = document.createElement("p");
    line.append(Object.assign(document.createElement("strong"), { textContent: "The reply failed. " }), words + charged);
    const retry = Object.assign(document.createElement("button"), { type: "button", textContent: "Retry" });
    retry.dataset.act = "retry";
    box.append(line, retry);
    this.log.follow.change(() => {});
  }

  note(kind, words) {
    const box = Object.assign(document.createElement("div"), { className: kind, textContent: words });
    this.log.follow.change(() => this.after.replaceChildren(box));
    return box;
  }

  say(words) {
    this.announcer.textContent = words;
  }
}

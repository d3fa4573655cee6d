// Writing and sending: the own message shows at once, a draft is kept, nothing is sent twice or lost.

import { newId, post, Refused } from "./net.js";

const DRAFT_MS = 1500;
const RETRY_MS = 4000;

export class Composer {
  constructor({ root, log, form }) {
    Object.assign(this, { root, log, form });
    this.text = form.querySelector("textarea");
    this.stop = form.querySelector(".stop");
    this.refused = form.querySelector("#refused");
    this.draftKey = `reverie.draft.${root.dataset.chat}`;
    this.outKey = `reverie.outbox.${root.dataset.chat}`;
    this.outbox = JSON.parse(localStorage.getItem(this.outKey) ?? "[]");
    this.busy = root.dataset.turn;
    this.sending = false;
    this.restoreDraft();
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.text.addEventListener("input", () => this.typed());
    addEventListener("pagehide", () => this.saveDraft({ keepalive: true }));
    for (const item of this.outbox) this.show(item);
  }

  get empty() { return !this.text.value.trim(); }

  setBusy(turn) {
    this.busy = turn;
    this.stop.hidden = !turn;
  }

  send() {
    const text = this.text.value.replace(/\s+$/, "");
    if (!text.trim()) return;
    if (this.busy) { this.hint(`${this.root.dataset.name} is still writing. Esc stops.`); return; }
    this.text.value = "";
    this.typed();
    this.hint("");
    this.refused.hidden = true;
    const item = { client: newId(), text };
    this.outbox.push(item);
    this.keepOutbox();
    this.show(item);
    this.log.follow.toEnd();
    this.flush();
  }

  show({ client, text }) {
    const article = this.log.blank({ role: "user", name: "You", text });
    article.dataset.pending = client;
    this.log.append(article);
  }

  pending(client) {
    return this.log.element.querySelector(`[data-pending="${client}"]`);
  }

  // The page's own copy of a message that has just been stored, if there is one.
  claim(text) {
    const item = this.outbox.find((one) => one.text.trim() === text.trim());
    return item ? this.pending(item.client) : null;
  }

  // Send what waits, in order. One call at a time.
  async flush() {
    if (this.sending || !this.outbox.length) return;
    this.sending = true;
    const [item] = this.outbox;
    try {
      const sent = await post(this.form.action, { content: item.text, client: item.client });
      this.done(item, sent.user_message);
    } catch (error) {
      if (error instanceof Refused) this.takeBack(item, error);
      else this.wait(item);
    } finally {
      this.sending = false;
    }
    if (this.outbox.length && navigator.onLine && !this.waiting) this.flush();
  }

  done(item, uid) {
    this.forget(item);
    const article = this.pending(item.client);
    if (!article) return;
    article.classList.remove("waiting");
    delete article.dataset.pending;
    if (uid && this.log.find(uid)) article.remove();
    else if (uid) article.dataset.message = uid;
  }

  takeBack(item, error) {
    this.forget(item);
    this.pending(item.client)?.remove();
    if (this.empty) { this.text.value = item.text; this.typed(); }
    this.refuse(error);
  }

  refuse(error) {
    const words = document.createElement("span");
    words.textContent = error.status === 401 ? "You are signed out. Your text is kept here." : error.message;
    this.refused.replaceChildren(words);
    if (error.code === "insufficient_quota") this.offer("/app/settings", "Your balance");
    if (error.status === 401) this.offer(`/accounts/login/?next=${location.pathname}`, "Sign in");
    if (error.retryAfter) this.countDown(error.retryAfter);
    this.refused.hidden = false;
    this.text.focus();
  }

  offer(href, textContent) {
    this.refused.append(Object.assign(document.createElement("a"), { href, textContent, className: "button" }));
  }

  countDown(seconds) {
    const clock = document.createElement("strong");
    this.refused.append(clock);
    const tick = () => {
      if (!clock.isConnected) return;
      clock.textContent = seconds > 0 ? `${seconds} s` : "You can send again.";
      if (seconds-- > 0) setTimeout(tick, 1000);
    };
    tick();
  }

  wait(item) {
    this.pending(item.client)?.classList.add("waiting");
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.retry(), RETRY_MS);
  }

  retry() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    this.flush();
  }

  forget(item) {
    this.outbox = this.outbox.filter((one) => one !== item);
    this.keepOutbox();
  }

  keepOutbox() {
    if (this.outbox.length) localStorage.setItem(this.outKey, JSON.stringify(this.outbox));
    else localStorage.removeItem(this.outKey);
  }

  typed() {
    if (this.empty) localStorage.removeItem(this.draftKey);
    else localStorage.setItem(this.draftKey, this.text.value);
    clearTimeout(this.saver);
    this.unsaved = true;
    this.saver = setTimeout(() => this.saveDraft(), DRAFT_MS);
  }

  saveDraft(options) {
    clearTimeout(this.saver);
    if (!this.unsaved) return;
    this.unsaved = false;
    post(`${this.log.base}/draft`, { content: this.text.value }, options).catch(() => { this.unsaved = true; });
  }

  restoreDraft() {
    const kept = localStorage.getItem(this.draftKey);
    if (kept) this.text.value = kept;
    if (matchMedia("(hover: hover)").matches) this.text.focus();
    this.text.setSelectionRange(this.text.value.length, this.text.value.length);
  }

  hint(words) {
    const line = this.form.querySelector("#composer-hint");
    line.textContent = words || "Enter sends, Shift and Enter make a new line.";
  }
}

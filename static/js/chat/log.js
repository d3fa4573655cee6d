// The turns on the page: adding, replacing and comparing them with what the server shows.

import { fragment } from "./net.js";

export class Log {
  constructor(root, follow) {
    this.root = root;
    this.follow = follow;
    this.element = root.querySelector("#log");
    this.version = Number(root.dataset.version);
    this.base = `/app/chats/${root.dataset.chat}`;
    this.watchOlder();
  }

  get turns() { return [...this.element.querySelectorAll("article")]; }
  get last() { return this.turns.at(-1) ?? null; }
  find(uid) { return uid ? this.element.querySelector(`[data-message="${CSS.escape(uid)}"]`) : null; }

  parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  // Put a drawn turn in its place; what stood there or later is no longer shown.
  // Returns false when a turn before it is missing here.
  place(html) {
    const fresh = this.parse(html);
    const position = Number(fresh.dataset.position);
    const same = this.find(fresh.dataset.message);
    this.follow.change(() => {
      for (const turn of this.turns) {
        if (turn !== same && Number(turn.dataset.position) >= position) turn.remove();
      }
      if (same) same.replaceWith(fresh);
      else this.element.append(fresh);
    });
    const before = fresh.previousElementSibling;
    return position === 0 || before?.dataset.position === String(position - 1);
  }

  blank({ role, name, text = "" }) {
    const article = this.parse(
      `<article class="turn turn-${role}" data-role="${role}" tabindex="-1"><p class="turn-name"></p><div class="turn-body"><div class="prose live"></div></div></article>`,
    );
    article.setAttribute("aria-label", name);
    article.querySelector(".turn-name").textContent = name;
    article.querySelector(".live").textContent = text;
    return article;
  }

  append(article) {
    this.follow.change(() => this.element.append(article));
    return article;
  }

  // Read the window again and redraw only what differs.
  async refresh() {
    const next = await fragment(`${this.base}/log`);
    this.version = Number(next.dataset.chatVersion);
    this.follow.change(() => this.reconcile(next));
  }

  reconcile(next) {
    const fresh = [...next.querySelectorAll("article")];
    const first = fresh.length ? Number(fresh[0].dataset.position) : 0;
    const wanted = new Set(fresh.map((turn) => turn.dataset.message));
    for (const turn of this.turns) {
      const stays = turn.dataset.pending || turn.getAttribute("aria-busy") === "true" ||
        wanted.has(turn.dataset.message) || Number(turn.dataset.position) < first;
      if (!stays) turn.remove();
    }
    let before = this.turns.filter((turn) => Number(turn.dataset.position) < first).at(-1) ??
      this.element.firstElementChild;
    for (const turn of fresh) {
      const here = this.find(turn.dataset.message);
      const busy = here?.getAttribute("aria-busy") === "true";
      const kept = here && (busy || here.dataset.stamp === turn.dataset.stamp) ? here : turn;
      if (here && here !== kept) here.remove();
      if (before.nextElementSibling !== kept) before.after(kept);
      kept.hidden = false;
      before = kept;
    }
  }

  watchOlder() {
    const sentinel = this.element.querySelector("[data-older]");
    if (!sentinel) return;
    const watcher = new IntersectionObserver(async ([entry]) => {
      if (!entry.isIntersecting || sentinel.dataset.loading) return;
      sentinel.dataset.loading = "1";
      try {
        await this.loadOlder(sentinel);
        watcher.disconnect();
      } catch {
        delete sentinel.dataset.loading;
      }
    }, { root: this.follow.scroller, rootMargin: "800px 0px 0px" });
    watcher.observe(sentinel);
  }

  async loadOlder(sentinel) {
    const next = await fragment(`${this.base}/log?before=${sentinel.dataset.older}`);
    const { scroller } = this.follow;
    const below = scroller.scrollHeight - scroller.scrollTop;
    sentinel.replaceWith(...next.children);
    scroller.scrollTop = scroller.scrollHeight - below;
    this.follow.last = scroller.scrollTop;
    this.watchOlder();
  }
}

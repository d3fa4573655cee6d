// What the words under a turn do, without leaving the page.

import { copyText, notify } from "../app.js";
import { fragment, post, Refused } from "./net.js";

export class Actions {
  constructor({ root, log, composer }) {
    Object.assign(this, { root, log, composer });
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (!button || button.disabled) return;
      event.preventDefault();
      const menu = button.closest("details.menu");
      if (menu) menu.open = false;
      this.run(button);
    });
    root.addEventListener("submit", (event) => {
      if (event.target.dataset.edit) { event.preventDefault(); this.save(event.target); }
    });
    root.addEventListener("click", (event) => {
      if (event.target.closest("[data-cancel-edit]")) { event.preventDefault(); this.cancelEdit(); }
    });
  }

  async run(button) {
    const action = this[button.dataset.act] ?? this.ask;
    try {
      await action.call(this, button);
    } catch (error) {
      this.composer.refuse(error instanceof Refused ? error : new Error("Not connected. Nothing was changed."));
    }
  }

  // Regenerate, continue and the like: the live connection shows what comes of it.
  async ask(button) {
    return post(button.formAction, button.name ? { [button.name]: button.value } : {});
  }

  async stop() {
    await post(`${this.log.base}/stop`);
  }

  async retry() {
    await post(`${this.log.base}/regenerate`);
  }

  async version(button) {
    const label = button.getAttribute("aria-label");
    const { message } = await this.ask(button);
    await this.log.refresh();
    const shown = this.log.find(message);
    const same = shown?.querySelector(`[aria-label="${label}"]`);
    (same && !same.disabled ? same : shown)?.focus();
  }

  async branch(button) {
    const { location: address } = await this.ask(button);
    location.assign(address);
  }

  async trash(button) {
    const { notice, undo } = await this.ask(button);
    await this.log.refresh();
    notify(notice, undo, async (url) => {
      await post(url);
      await this.log.refresh();
    });
    this.log.last?.focus();
  }

  // Take back what was remembered while a reply was written.
  async unlearn(button) {
    const { message, notice } = await this.ask(button);
    await this.log.refresh();
    notify(notice);
    this.log.find(message)?.focus();
  }

  async copy(button) {
    const text = button.closest("article").querySelector(".prose").innerText.trim();
    notify((await copyText(text)) ? "Copied." : "This browser does not let pages copy.");
  }

  async edit(button) {
    const article = button.closest("article");
    const editor = await fragment(button.dataset.href);
    this.log.follow.change(() => article.replaceWith(editor));
    const area = editor.querySelector("textarea");
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); this.cancelEdit(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) editor.querySelector("form").requestSubmit();
    });
  }

  async cancelEdit() {
    await this.log.refresh();
    this.composer.text.focus();
  }

  async save(form) {
    const content = form.querySelector("textarea").value;
    try {
      await post(form.action, { content });
      await this.log.refresh();
      this.composer.text.focus();
    } catch (error) {
      this.composer.refuse(error instanceof Refused ? error : new Error("Not connected. Your text is still here."));
    }
  }
}

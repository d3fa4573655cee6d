// Keys of the chat page. Letters work only while a turn itself has the focus.

export function bindKeys({ root, log, composer }) {
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

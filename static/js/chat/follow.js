// The view follows the end while the end is in sight, and lets go when the reader scrolls up.

const NEAR = 24;

export class Follow {
  constructor(scroller, button) {
    this.scroller = scroller;
    this.button = button;
    this.following = true;
    this.last = scroller.scrollTop;
    this.left = 0;
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => { if (this.following) this.toEnd(); }).observe(scroller);
    button.addEventListener("click", () => { this.toEnd(); });
  }

  get distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  scrolled() {
    const { scrollTop } = this.scroller;
    if (this.distance < 4 || (this.distance < NEAR && scrollTop > this.last)) this.caughtUp();
    else if (scrollTop < this.last && this.following) {
      this.following = false;
      this.left = this.scroller.scrollHeight;
    }
    this.last = scrollTop;
  }

  caughtUp() {
    this.following = true;
    this.button.hidden = true;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.last = this.scroller.scrollTop;
    this.caughtUp();
  }

  // Change the page without moving what the reader looks at.
  change(action) {
    const anchor = this.following ? null : this.firstInView();
    const top = anchor?.getBoundingClientRect().top;
    const result = action();
    if (this.following) this.toEnd();
    else {
      if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - top;
      this.last = this.scroller.scrollTop;
      this.offerEnd();
    }
    return result;
  }

  firstInView() {
    const { top } = this.scroller.getBoundingClientRect();
    for (const article of this.scroller.querySelectorAll("article")) {
      if (article.getBoundingClientRect().bottom > top + 1) return article;
    }
    return null;
  }

  offerEnd() {
    const lines = Math.round((this.scroller.scrollHeight - this.left) / 29);
    if (lines < 1) return;
    this.button.textContent = lines === 1 ? "1 new line" : `${lines} new lines`;
    this.button.hidden = false;
  }
}

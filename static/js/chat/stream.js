// A reply while it is written: pieces by offset in, one text node per paragraph out.

const size = (text) => { let count = 0; for (const _ of text) count += 1; return count; };

export class Stream {
  constructor(turn, article, follow) {
    this.turn = turn;
    this.article = article;
    this.follow = follow;
    this.length = 0;
    this.waiting = "";
    this.frame = 0;
    this.box = article.querySelector(".live");
    if (!this.box) {
      this.box = Object.assign(document.createElement("div"), { className: "prose live" });
      article.querySelector(".prose").after(this.box);
    }
    this.box.textContent = "";
    this.node = null;
  }

  // Returns false when a piece is missing in between.
  take(at, text) {
    if (at > this.length) return false;
    const known = this.length - at;
    const fresh = known ? [...text].slice(known).join("") : text;
    if (!fresh) return true;
    this.length += size(fresh);
    this.waiting += fresh;
    this.frame ||= requestAnimationFrame(() => this.draw());
    return true;
  }

  draw() {
    this.frame = 0;
    const text = this.waiting;
    this.waiting = "";
    this.follow.change(() => {
      const parts = text.split(/\n{2,}/);
      parts.forEach((part, index) => {
        if (index || !this.node) this.paragraph();
        this.node.appendData(part);
      });
    });
  }

  paragraph() {
    this.node = document.createTextNode("");
    const paragraph = document.createElement("p");
    paragraph.append(this.node);
    this.box.append(paragraph);
  }

  end() {
    cancelAnimationFrame(this.frame);
  }
}

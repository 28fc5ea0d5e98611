// A list of very many lines: only those in sight are elements, so that a hundred thousand scroll like ten.
import { h } from "./dom.js";

const [HEIGHT, BEYOND] = [22, 12];

/** `render(item)` makes the cells of a line, `kind(item)` its class; `most` lines are kept, the oldest go. */
export class VirtualList {
  constructor({ render, kind = () => "", open = null, most = 100000, label = "lines" }) {
    Object.assign(this, { render, kind, open, most, items: [], shown: [], fits: null, here: -1, asked: false, drawn: new Map() });
    this.space = h("div", { class: "space" });
    this.element = h("div", { class: "virtual", tabindex: 0, role: "log", "aria-label": label, "aria-live": "off", onscroll: () => this.#later(), onkeydown: event => this.#press(event) }, this.space);
    this.watch = new ResizeObserver(() => this.#later());
    this.watch.observe(this.element);
  }

  /** Adds lines at the end; who looks at the end goes on looking at it. */
  add(items) {
    const atEnd = this.atEnd;
    for (const each of items) this.items.push(each);
    const over = this.items.length - this.most;
    if (over > 0) {
      const gone = this.fits ? this.items.slice(0, over).filter(this.fits).length : over;
      this.items.splice(0, over);
      if (this.fits) this.shown.splice(0, gone);
      if (!atEnd) this.element.scrollTop = Math.max(0, this.element.scrollTop - gone * HEIGHT);
    }
    if (this.fits) for (const each of items.slice(-this.most)) { if (this.fits(each)) this.shown.push(each); }
    else this.shown = this.items;
    this.#measure();
    if (atEnd) this.toEnd();
  }

  clear() { this.items = []; this.shown = []; this.here = -1; this.#measure(); }

  /** Shows only lines that fit; null for all. */
  filter(fits) {
    this.fits = fits;
    this.shown = fits ? this.items.filter(fits) : this.items;
    this.here = -1;
    this.#measure();
    this.toEnd();
  }

  get atEnd() { return this.element.scrollTop + this.element.clientHeight >= this.element.scrollHeight - 2 * HEIGHT; }
  toEnd() { this.element.scrollTop = this.shown.length * HEIGHT; this.#later(); }

  #measure() { this.space.style.height = `${this.shown.length * HEIGHT}px`; this.#later(); }

  #later() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.#draw(); });
  }

  #draw() {
    const from = Math.max(0, Math.floor(this.element.scrollTop / HEIGHT) - BEYOND);
    const until = Math.min(this.shown.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / HEIGHT) + BEYOND);
    // A line that stays in sight stays the element that it is: scrolling makes only those that come into sight.
    for (const [index, line] of this.drawn) if (index < from || index >= until || line.item !== this.shown[index]) { line.element.remove(); this.drawn.delete(index); }
    for (let index = from; index < until; index += 1) {
      const item = this.shown[index];
      if (!this.drawn.has(index)) {
        const element = h("div", { class: `line ${this.kind(item)}`, style: { top: `${index * HEIGHT}px` }, ondblclick: () => this.open?.(item) }, this.render(item));
        // The list is one stop of the keyboard, with arrows and Enter: links would be a hundred thousand.
        for (const link of element.querySelectorAll("a")) link.tabIndex = -1;
        this.space.append(element);
        this.drawn.set(index, { item, element });
      }
      this.drawn.get(index).element.classList.toggle("here", index === this.here);
    }
  }

  #press(event) {
    const page = Math.floor(this.element.clientHeight / HEIGHT) - 1;
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.shown.length, End: this.shown.length }[event.key];
    if (event.key === "Enter" && this.shown[this.here]) { this.open?.(this.shown[this.here]); return; }
    if (move === undefined) return;
    event.preventDefault();
    const start = this.here < 0 ? Math.floor(this.element.scrollTop / HEIGHT) : this.here;
    this.here = Math.max(0, Math.min(this.shown.length - 1, start + move));
    const top = this.here * HEIGHT;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + HEIGHT > this.element.scrollTop + this.element.clientHeight) this.element.scrollTop = top + HEIGHT - this.element.clientHeight;
    this.#later();
  }
}

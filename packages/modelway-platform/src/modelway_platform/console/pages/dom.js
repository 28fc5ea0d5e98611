// Elements without markup in strings: whatever a model, a caller or a log says is text, never HTML.
const SVG = new Set(["svg", "path", "line", "rect", "g", "text", "circle", "title", "polygon"]);
const LINKS = /^(#|https?:\/\/)/;

export function h(tag, attributes = {}, ...children) {
  const element = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) { if (key.startsWith("--")) element.style.setProperty(key, each); else element.style[key] = each; }
    else if (name === "value" || name === "checked") element[name] = value;
    else if (name === "href" && !LINKS.test(value)) continue; // no javascript:, no data:
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(each => each !== undefined && each !== null && each !== false));
  return element;
}

/** Replaces what is in an element. Where a page draws itself anew, the keyboard's place, what was scrolled and what was opened stay. */
export function fill(element, ...children) {
  const before = element.isConnected ? standing(element) : null;
  element.replaceChildren(...children.flat(Infinity).filter(each => each !== undefined && each !== null && each !== false));
  before?.();
  return element;
}

const FOCUSED = "a[href], button, summary, input, select, textarea";
const sameName = (one, other) => one.tagName === other.tagName && (one.getAttribute("href") ?? one.getAttribute("aria-label") ?? one.textContent) === (other.getAttribute("href") ?? other.getAttribute("aria-label") ?? other.textContent);

/** How an element stands, as a function that brings it about again. */
function standing(element) {
  const focused = element.contains(document.activeElement) && document.activeElement !== element ? document.activeElement : null;
  const place = focused ? [...element.querySelectorAll(FOCUSED)].filter(each => sameName(each, focused)).indexOf(focused) : -1;
  const scrolled = [...element.querySelectorAll(".scroll")].map(each => each.scrollLeft);
  const opened = new Map([...element.querySelectorAll("details")].map((each, index) => [`${index} ${each.firstElementChild?.dataset.key ?? ""}`, each.open]));
  return () => {
    [...element.querySelectorAll("details")].forEach((each, index) => { const open = opened.get(`${index} ${each.firstElementChild?.dataset.key ?? ""}`); if (open !== undefined) each.open = open; });
    [...element.querySelectorAll(".scroll")].forEach((each, index) => { if (scrolled[index]) each.scrollLeft = scrolled[index]; });
    if (place >= 0) [...element.querySelectorAll(FOCUSED)].filter(each => sameName(each, focused))[place]?.focus({ preventScroll: true });
  };
}

export function toast(text, bad = false) {
  const box = h("div", { class: bad ? "toast bad" : "toast" }, text);
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), bad ? 9000 : 4000);
}

/** Asks before something that is hard to take back; true if the person agreed. */
export function confirmed(title, text, word, extra, danger = true) {
  const dialog = document.getElementById("dialog");
  return new Promise(resolve => {
    const answer = good => { dialog.onclose = null; dialog.close(); resolve(good); };
    fill(dialog, h("h2", {}, title), h("p", {}, text), extra,
      h("div", { class: "row end" }, h("button", { onclick: () => answer(false) }, "Cancel"), h("button", { class: danger ? "first danger" : "first", onclick: () => answer(true), autofocus: true }, word)));
    dialog.onclose = () => resolve(false);
    dialog.showModal();
  });
}

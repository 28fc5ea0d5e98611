// Elements without markup in strings: whatever a model, a caller or a log says is text, never HTML.
const SVG = new Set(["svg", "path", "line", "rect", "g", "text", "circle", "title", "polygon"]);
const LINKS = /^(#|https?:\/\/)/;

export function h(tag, attributes = {}, ...children) {
  const element = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "value" || name === "checked") element[name] = value;
    else if (name === "href" && !LINKS.test(value)) continue; // no javascript:, no data:
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(each => each !== undefined && each !== null && each !== false));
  return element;
}

export const fill = (element, ...children) => (element.replaceChildren(...children.flat(Infinity).filter(each => each !== undefined && each !== null && each !== false)), element);

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

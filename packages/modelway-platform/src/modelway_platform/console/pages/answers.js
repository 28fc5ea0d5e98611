// One answer of a model as a box, and two of them compared.
import { keyWanted } from "./callingkey.js";
import { h } from "./dom.js";
import { badge, differences, ms, problem, status } from "./parts.js";

/** What has come of a stream, shown in `live` meanwhile. */
async function pieces(answer, live) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return text;
    text += value;
    if (live) live.textContent = text;
  }
}

/** Sends, waits, shows: {element, value, ok}. Never throws: a refusal is an answer, too. `live` shows a stream as it comes. */
export async function answerBox(title, send, live) {
  const started = performance.now();
  try {
    const answer = await send();
    const took = performance.now() - started;
    const type = answer.headers.get("content-type") ?? "";
    const marks = [status(answer.status), h("span", { class: "soft" }, ms(took)), answer.headers.get("modelway-version") && badge(answer.headers.get("modelway-version"))];
    const id = answer.headers.get("x-request-id");
    const line = h("div", { class: "row" }, h("h3", {}, title), marks, id && h("a", { href: `#/requests/${encodeURIComponent(id)}` }, "its way"));
    if (/^image\//.test(type) || type === "application/octet-stream") {
      const size = (await answer.arrayBuffer()).byteLength;
      return { element: h("div", {}, line, h("p", { class: "soft" }, `${size} octets of ${type}`)), value: undefined, status: answer.status, took, ok: true };
    }
    const text = await pieces(answer, live);
    let value;
    try { value = JSON.parse(text); } catch { value = text; }
    const picture = typeof value === "string" && /^(iVBORw0KGgo|\/9j\/|R0lGOD|UklGR)[A-Za-z0-9+/=]+$/.test(value) && h("img", { class: "preview", alt: "what was answered", src: `data:;base64,${value}` });
    return { element: h("div", {}, line, picture || h("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2))), value, status: answer.status, took, ok: true };
  } catch (error) {
    return { element: h("div", {}, h("div", { class: "row" }, h("h3", {}, title), error.status ? status(error.status) : "", h("span", { class: "soft" }, ms(performance.now() - started))), keyWanted(error) ?? problem(error), error.requestId && h("a", { href: `#/requests/${encodeURIComponent(error.requestId)}` }, "its way")), value: undefined, status: error.status, took: performance.now() - started, ok: false };
  }
}

/** What differs between two answers, leaf by leaf. */
export function sameMarks(one, other) {
  if (one === undefined || other === undefined) return null;
  const found = differences({ answer: one }, { answer: other });
  if (!found.length) return h("p", {}, badge("both say the same", "good"));
  return h("div", {}, h("p", {}, badge(`${found.length} ${found.length > 1 ? "values differ" : "value differs"}`, "warn")), h("div", { class: "diff" }, found.slice(0, 50).map(each => h("div", {}, h("code", { class: "soft" }, each.path.replace(/^answer\.?/, "") || "answer"), h("code", {}, JSON.stringify(each.from) ?? "–"), h("span", { class: "soft" }, "|"), h("code", {}, JSON.stringify(each.to) ?? "–"), typeof each.from === "number" && typeof each.to === "number" && h("span", { class: "soft" }, `${each.to > each.from ? "+" : ""}${Number((each.to - each.from).toPrecision(4))}`)))));
}

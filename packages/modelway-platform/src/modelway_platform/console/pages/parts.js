// What every page is made of.
import { h, toast } from "./dom.js";

const nothing = value => value === null || value === undefined || Number.isNaN(value);
export const number = (value, digits = 0) => (nothing(value) ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: 0 }));
export const rate = value => (nothing(value) ? "–" : number(value, value < 100 ? 1 : 0));
export const ms = value => (nothing(value) ? "–" : value >= 1000 ? `${number(value / 1000, 2)} s` : `${number(value, value < 10 ? 2 : value < 100 ? 1 : 0)} ms`);
export const percent = value => (nothing(value) ? "–" : `${number(value * 100, value && value < 0.1 ? 2 : 1)} %`);
export const size = bytes => { let [value, unit] = [bytes ?? 0, 0]; while (value >= 1000 && unit < 4) { value /= 1000; unit += 1; } return `${number(value, unit && value < 100 ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][unit]}`; };
export const short = digest => (digest ?? "").replace("sha256:", "").slice(0, 12);

export function span(seconds) {
  for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${Math.max(0, Math.floor(seconds))} s`;
}
export const ago = moment => (moment ? `${span((Date.now() - new Date(moment)) / 1000)} ago` : "never");
export const clock = seconds => new Date(seconds * 1000).toLocaleTimeString("en-GB") + "." + String(Math.floor((seconds % 1) * 1000)).padStart(3, "0");
export const stamp = moment => h("time", { datetime: moment, title: new Date(moment).toLocaleString("en-GB") }, ago(moment));

export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);
const PHASES = { Ready: "good", Failed: "bad", Degraded: "bad", Deleting: "warn" };
export const phase = text => badge(text, PHASES[text] ?? "busy");
export const status = code => h("span", { class: `code ${code >= 500 ? "bad" : code >= 400 ? "warn" : "good"}` }, String(code));
/** Which of the colours a version has, the same on every page: by its place among the model's versions. */
export const colour = (versions, version) => `s${Math.max(0, [...versions].sort().indexOf(version)) % 6}`;
export const dot = (versions, version) => h("i", { class: `dot ${colour(versions, version)}` });

export function head(title, sub, ...tools) {
  return h("div", { class: "title" }, h("div", { class: "grow" }, h("h1", {}, title), sub && h("p", { class: "sub" }, sub)), h("div", { class: "row" }, tools));
}
export function card(title, ...children) {
  return h("section", { class: "card" }, title && h("div", { class: "head" }, ...(Array.isArray(title) ? [h("h2", {}, title[0]), ...title.slice(1)] : [h("h2", {}, title)])), ...children);
}
export const tile = (what, value, more, kind = "") => h("div", { class: "tile" }, h("div", { class: "what" }, what), h("div", { class: `number ${kind}` }, value), h("div", { class: "more" }, more ?? "\u00a0"));
export const empty = text => h("p", { class: "empty" }, text);
export const facts = pairs => h("dl", { class: "facts" }, pairs.filter(Boolean).map(([what, value]) => [h("dt", {}, what), h("dd", {}, value ?? "–")]));
export const problem = error => h("div", { class: "problem", role: "alert" }, h("strong", {}, error.message), error.hint && h("div", { class: "soft" }, error.hint), error.code && h("code", { class: "soft" }, error.code));

/** columns: [title, value of a row, {right, wide, sort}]; a row may lead somewhere. A click on a title sorts: by `sort` of a row, or by what is shown. */
export function table(columns, rows, { href, kind, none = "Nothing here yet." } = {}) {
  if (!rows.length) return empty(none);
  const key = `${location.hash.split("?")[0]} ${columns.map(([title]) => title).join("|")}`;
  const body = h("tbody");
  const heads = columns.map(([title, , options], index) => h("th", { class: options?.right ? "right" : undefined, scope: "col" }, title ? h("button", { class: "sort", onclick: () => { const now = sorting.get(key); sorting.set(key, { index, down: now?.index === index ? !now.down : Boolean(options?.right) }); order(); } }, title) : ""));
  const made = rows.map(row => {
    const target = href?.(row);
    const cells = columns.map(([, value, options], index) => {
      const shown = value(row) ?? "";
      return h("td", { class: [options?.right ? "right" : "", options?.wide ? "wide" : ""].join(" ").trim() || undefined }, target && index === 0 ? h("a", { href: target, class: "plain" }, shown) : shown);
    });
    return { row, cells, element: h("tr", { class: [target ? "link" : "", kind?.(row) ?? ""].join(" ").trim(), onclick: target ? event => { if (!event.target.closest("a, button, input, summary") && !getSelection().toString()) location.hash = target; } : undefined }, cells) };
  });
  const order = () => {
    const now = sorting.get(key);
    heads.forEach((each, index) => (now?.index === index ? each.setAttribute("aria-sort", now.down ? "descending" : "ascending") : each.removeAttribute("aria-sort")));
    const by = now && columns[now.index]?.[2]?.sort;
    const worth = each => (by ? by(each.row) : worthOf(each.cells[now.index]));
    const sorted = now ? made.map(each => [worth(each), each]).sort(([a], [b]) => compare(a, b) * (now.down ? -1 : 1)).map(([, each]) => each) : made;
    body.replaceChildren(...sorted.map(each => each.element));
  };
  order();
  return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, heads)), body));
}

const sorting = new Map(); // how each table was last sorted, for as long as the console is open
const UNITS = { ms: 1, s: 1000, min: 60000, h: 3600000, d: 86400000, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
/** What a cell is worth when it is sorted by: a moment, a number with its unit, or its text. */
function worthOf(cell) {
  const moment = cell.querySelector("time");
  if (moment) return Date.parse(moment.dateTime);
  const text = cell.textContent.trim();
  const number_ = /^([+-]?[\d,]*\.?\d+)(?: (ms|s|min|h|d|kB|MB|GB|TB|B|%))?(?: ago)?$/.exec(text);
  return number_ ? Number(number_[1].replaceAll(",", "")) * (UNITS[number_[2]] ?? 1) : text === "–" ? "" : text;
}
const compare = (one, other) => (typeof one === "number" && typeof other === "number" ? one - other : typeof one === "number" ? 1 : typeof other === "number" ? -1 : String(one).localeCompare(String(other), "en", { numeric: true }));

/** An argument for a shell: quoted unless it is plain. */
export const shell = text => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\\''")}'`);
export const copy = text => navigator.clipboard.writeText(text).then(() => toast("copied"), () => toast("the browser did not allow it", true));

/** The same on the command line, ready to be copied. */
export function cli(...commands) {
  return h("div", { class: "cli" }, h("span", { class: "soft", "aria-hidden": "true" }, "$"), h("code", {}, commands.join("\n")), h("button", { class: "small", "aria-label": "copy the command", onclick: () => copy(commands.join("\n")) }, "copy"));
}

/** Who gets how much of the traffic. */
export function shares(parts, small = false) {
  const total = parts.reduce((sum, each) => sum + each.weight, 0) || 1;
  const versions = parts.map(each => each.version);
  return h("div", { class: "shares", role: "img", "aria-label": parts.map(each => `${each.version} ${number((each.weight / total) * 100, 1)} %`).join(", ") },
    parts.filter(each => each.weight > 0).map(each => h("div", { class: colour(versions, each.version), style: { width: `${(each.weight / total) * 100}%` }, title: `${each.version} ${number((each.weight / total) * 100, 1)} %` }, each.weight / total < 0.3 && parts.length > 1 && small ? each.version : `${each.version} ${number((each.weight / total) * 100, 1)} %`)));
}

export async function attempt(act, good) {
  try {
    const result = await act();
    if (good) toast(good);
    return result;
  } catch (error) {
    toast(error.hint ? `${error.message} – ${error.hint}` : error.message, true);
    return undefined;
  }
}

/** Every leaf of a value with its path, for comparing two of them. */
export function leaves(value, path = "", found = new Map()) {
  if (value !== null && typeof value === "object" && Object.keys(value).length) for (const [key, each] of Object.entries(value)) leaves(each, path ? (Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`) : key, found);
  else found.set(path, value);
  return found;
}
export function differences(before, after) {
  const [old, now] = [leaves(before ?? {}), leaves(after ?? {})];
  return [...new Set([...old.keys(), ...now.keys()])].filter(path => JSON.stringify(old.get(path)) !== JSON.stringify(now.get(path))).map(path => ({ path, from: old.get(path), to: now.get(path) }));
}
const shown = value => (value === undefined ? "(none)" : typeof value === "string" ? value : JSON.stringify(value));
const isEmpty = value => value === null || value === undefined || (typeof value === "object" && !Object.keys(value).length);
/** A change of a whole list or mapping as changes of what is in it. */
function finer({ path, from, to }) {
  if (![from, to].some(each => each !== null && typeof each === "object")) return [{ path, from, to }];
  const of = value => (isEmpty(value) ? new Map() : leaves(value, path));
  const [old, now] = [of(from), of(to)];
  return [...new Set([...old.keys(), ...now.keys()])].filter(each => JSON.stringify(old.get(each)) !== JSON.stringify(now.get(each))).map(each => ({ path: each, from: old.get(each), to: now.get(each) }));
}
export const changes = list => (list.length ? h("div", { class: "diff" }, list.flatMap(finer).map(each => h("div", {}, h("code", { class: "soft" }, each.path), h("code", { class: "gone" }, shown(each.from ?? undefined)), h("span", { class: "soft" }, "→"), h("code", { class: "new" }, shown(each.to ?? undefined))))) : empty("No difference."));
/** A document as it can be applied again: without what the platform says of it. */
export const declared = object => ({ apiVersion: object.apiVersion, kind: object.kind, metadata: Object.fromEntries(["project", "model", "version"].filter(each => object.metadata[each] !== undefined).map(each => [each, object.metadata[each]])), spec: object.spec });

// The map of who calls what: callers, models and versions; edges coloured by failures, copies dashed, weights as they are or were.
import { grouped, modelOf, together } from "./calls.js";
import { h } from "./dom.js";
import { card, ms, number, percent } from "./parts.js";

const [ROW, TOP, MOST] = [46, 34, 14];
const COLUMNS = [[10, 230], [400, 240], [800, 240]];
const NOBODY = "no version";
/** What a record calls a caller: its consumer, which for keys with a name that is no plain word is made up. */
export const caller = each => each.consumer || "without a key";
const known = new Map(); // names of keys by consumer, for those who may see keys
export const learn = keys => { for (const each of keys) known.set(each.consumer, each.name); };
export const named = consumer => known.get(consumer) ?? consumer;
/** The requests of a caller; of no one in particular where several are together. */
export const requestsOf = name => (name === "…" ? undefined : `#/requests?consumer=${encodeURIComponent(name === "without a key" ? "" : name)}`);
const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
export const bounded = (group, value) => (value === null ? "–" : `${group.bound ? "≤ " : ""}${ms(value)}`);

/**
 * models: [{ name, note, weights: [{version, weight}], mirrors: [{from, to, share}], versions: [{version, note, href}] }], calls as of calls.js.
 */
export function mapCard(models, calls, sub) {
  const asked = calls.filter(each => !each.mirrored);
  const total = together(asked).requests;
  const callers = grouped(asked, caller).slice(0, MOST);
  const of = name => together(asked.filter(each => modelOf(each) === name)).requests;
  const shown = models.map(each => [of(each.name), each]).sort(([a], [b]) => b - a).slice(0, MOST).map(([, each]) => each);
  const versions = shown.flatMap(model => [
    ...model.versions.map(each => ({ ...each, model, name: `${model.name}/${each.version}` })),
    ...(asked.some(each => modelOf(each) === model.name && !each.version) ? [{ version: "", model, name: `${model.name}/`, note: "nobody was ready, or it was refused" }] : []),
  ]).slice(0, 3 * MOST);
  const height = TOP + Math.max(callers.length, shown.length, versions.length, 1) * ROW + 6;
  const place = list => new Map(list.map((each, index) => [each.name, TOP + ((index + 0.5) * (height - TOP)) / list.length]));
  const at = [place(callers), place(shown), place(versions)];
  const edges = [];
  for (const each of grouped(asked, one => (at[0].has(caller(one)) && at[1].has(modelOf(one)) ? JSON.stringify([caller(one), modelOf(one)]) : null))) {
    const [from, to] = JSON.parse(each.name);
    edges.push(edge(0, at[0].get(from), 1, at[1].get(to), each, total, `${named(from)} → ${to}`));
  }
  for (const one of versions) edges.push(...toVersion(one, asked, calls, at, total));
  return card(["Map", h("span", { class: "legend" }, sub && h("span", {}, sub), h("span", {}, "─ requests"), h("span", {}, "┄ copies (mirrors)"), h("span", {}, "width: share of requests"))], h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "map" }, h("svg", { class: "map", viewBox: `0 0 1050 ${height}`, role: "group", "aria-label": "callers, models and versions" },
    ["Callers", "Models", "Versions"].map((title, index) => h("text", { class: "soft", x: COLUMNS[index][0], y: 16 }, title)), edges,
    callers.map(each => node(0, at[0].get(each.name), each.name === "…" ? "all others" : named(each.name), `${number(each.requests)} requests`, requestsOf(each.name))),
    shown.map(each => node(1, at[1].get(each.name), each.name, each.note, `#/models/${each.name}`)),
    versions.map(each => node(2, at[2].get(each.name), each.version || NOBODY, each.note, each.href)))));
}

function toVersion({ version, model, name }, asked, calls, at, total) {
  const [from, to] = [at[1].get(model.name), at[2].get(name)];
  const group = together(asked.filter(each => modelOf(each) === model.name && each.version === version));
  const sum = model.weights.reduce((all, each) => all + each.weight, 0);
  const weight = model.weights.find(each => each.version === version)?.weight ?? 0;
  const label = version && sum ? percent(weight / sum) : "";
  const copies = together(calls.filter(each => each.mirrored && modelOf(each) === model.name && each.version === version)).requests;
  const mirrors = model.mirrors.filter(each => each.to === version);
  const told = mirrors.map(each => `${percent(each.share ?? 1)} of ${each.from && each.from !== "all" ? each.from : "all"}`).join(", ");
  return [
    edge(1, from, 2, to, group, total, `${model.name} → ${version || NOBODY}`, label),
    mirrors.length || copies ? h("path", { class: "mirror", d: curve(1, from + 9, 2, to + 12), "stroke-width": 2 }, h("title", {}, `copies to ${version}: ${number(copies)}${told ? `; ${told}` : ""}`)) : null,
  ];
}

function node(column, y, title, more, href) {
  const [x, width] = COLUMNS[column];
  const link = document.createElementNS("http://www.w3.org/2000/svg", href ? "a" : "g");
  if (href) link.setAttribute("href", href);
  link.append(h("rect", { x, y: y - 18, width, height: 36, rx: 7 }), h("text", { x: x + 11, y: y - 2 }, cut(title, 32), h("title", {}, title)), h("text", { class: "soft", x: x + 11, y: y + 12 }, cut(more ?? "", 40)));
  return link;
}
function curve(from, y1, to, y2) {
  const [x1, x2] = [COLUMNS[from][0] + COLUMNS[from][1], COLUMNS[to][0]];
  return `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`;
}
function edge(from, y1, to, y2, group, all, what, label) {
  const share = group.requests ? group.failed / group.requests : 0;
  const kind = !group.requests ? "idle" : share >= 0.05 ? "bad" : share >= 0.01 ? "warn" : "good";
  const path = h("path", { class: kind, d: curve(from, y1, to, y2), "stroke-width": group.requests ? (1.5 + 7 * Math.sqrt(group.requests / Math.max(all, 1))).toFixed(1) : 1.5 }, h("title", {}, `${what}: ${number(group.requests)} requests, ${percent(share)} failed${group.p99Ms === null ? "" : `, p99 ${bounded(group, group.p99Ms)}`}`));
  return [path, label && h("text", { class: "soft", x: COLUMNS[to][0] - 8, y: y2 - 6, "text-anchor": "end" }, label)];
}

// Who calls what: callers, models and versions with coloured edges, copies dashed; live charts beside it.
import { control, ownRecords, poll } from "../api.js";
import { mayAdminister, projects } from "../rights.js";
import { chart } from "../chart.js";
import { fill, h } from "../dom.js";
import { follow, followSeries, models, together } from "../fleet.js";
import { card, cli, dot, empty, head, ms, number, percent, problem, rate, table } from "../parts.js";

const [ROW, TOP, MOST] = [46, 34, 14];
const COLUMNS = [[10, 230], [400, 240], [800, 240]];

export default async function traffic({ main, signal, place }) {
  const [map, charts, callers, trouble] = [h("div"), h("div"), h("div"), h("div")];
  const state = { all: null, seen: null, told: null };
  const draw = () => {
    if (!state.all) return;
    fill(map, mapCard(state));
    if (state.told) fill(charts, panels(state.told));
    if (state.seen) fill(callers, card("Callers", callerTable(state.seen)));
    place();
  };
  fill(main, head("Traffic", "who calls what, by the last 2,000 records of the gateway; lines are green, amber or red by their share of failures (1 %, 5 %)"), trouble, map, charts, callers, cli("modelway logs ask traffic", "modelway logs ask consumers"));
  if (mayAdminister()) control("keys", { signal }).then(({ items }) => { for (const each of items) known.set(each.consumer, each.name); draw(); }, () => {});
  const failed = error => fill(trouble, error && problem(error));
  follow(signal, state_ => { state.all = models(state_.deployments, state_.routes); draw(); }, failed);
  poll(4000, signal, async () => { state.seen = await ownRecords({ source: "access", tail: 2000 }, projects(), signal); draw(); }, failed);
  followSeries(signal, { seconds: 900 }, told => { state.told = told; draw(); });
}

/** Requests grouped by the text that `key` gives: how many, how many failed, how long. */
export function grouped(seen, key) {
  const found = new Map();
  for (const each of seen) {
    const name = key(each);
    if (name === null) continue;
    const group = found.get(name) ?? { name, count: 0, failed: 0, refused: 0, times: [], last: 0 };
    group.count += 1;
    if (each.status >= 500) group.failed += 1; else if (each.status >= 400) group.refused += 1;
    group.times.push(each.duration_ms);
    group.last = Math.max(group.last, each.time);
    found.set(name, group);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}
const quantile = (times, share) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))];
/** What records call a caller: its consumer, which for keys with a name that is no plain word is made up. */
const caller = each => each.consumer || "without a key";
const known = new Map(); // names of keys by consumer, for those who may see keys
const named = consumer => known.get(consumer) ?? consumer;

function mapCard({ all, seen }) {
  const now = (seen ?? []).filter(each => each.model);
  const asked = now.filter(each => !each.mirrored);
  const callers = grouped(asked, caller).slice(0, MOST);
  const shown = all.slice().sort((a, b) => asked.filter(each => `${each.project}/${each.model}` === b.name).length - asked.filter(each => `${each.project}/${each.model}` === a.name).length).slice(0, MOST);
  if (!shown.length) return card("Map", empty("No model is deployed yet: the Overview says what to do first."));
  const versions = shown.flatMap(each => each.versions.map(version => ({ model: each, version, name: `${each.name}/${version}` }))).slice(0, 3 * MOST);
  const height = TOP + Math.max(callers.length, shown.length, versions.length, 1) * ROW + 6;
  const spread = (list, index) => TOP + ((index + 0.5) * (height - TOP)) / list.length;
  const at = { callers: name => spread(callers, callers.findIndex(each => each.name === name)), models: name => spread(shown, shown.findIndex(each => each.name === name)), versions: name => spread(versions, versions.findIndex(each => each.name === name)) };
  const edges = [];
  for (const each of grouped(asked, one => (callers.some(other => other.name === caller(one)) && shown.some(other => other.name === `${one.project}/${one.model}`) ? JSON.stringify([caller(one), `${one.project}/${one.model}`]) : null))) {
    const [from, to] = JSON.parse(each.name);
    edges.push(edge(0, at.callers(from), 1, at.models(to), each, asked.length, `${named(from)} → ${to}`));
  }
  for (const one of versions) {
    const group = grouped(asked.filter(each => `${each.project}/${each.model}` === one.model.name && each.version === one.version), () => one.name)[0] ?? { count: 0, failed: 0, times: [] };
    const total = one.model.weights.reduce((sum, each) => sum + each.weight, 0) || 1;
    const weight = one.model.weights.find(each => each.version === one.version)?.weight ?? 0;
    edges.push(edge(1, at.models(one.model.name), 2, at.versions(one.name), group, asked.length, `${one.model.name} → ${one.version}`, percent(weight / total)));
    for (const mirror of one.model.route?.spec.mirrors ?? []) if (mirror.to === one.version) {
      const copies = now.filter(each => each.mirrored && `${each.project}/${each.model}` === one.model.name && each.version === one.version).length;
      edges.push(h("path", { class: "mirror", d: curve(1, at.models(one.model.name) + 9, 2, at.versions(one.name) + 12), "stroke-width": 2 }, h("title", {}, `copies of ${mirror.from ?? "all"} to ${mirror.to}: ${number(copies)} of the last records`)));
    }
  }
  return card(["Map", h("span", { class: "legend" }, h("span", {}, "─ requests"), h("span", {}, "┄ copies (mirrors)"), h("span", {}, "width: share of requests"))], h("div", { class: "scroll" }, h("svg", { class: "map", viewBox: `0 0 1050 ${height}`, role: "img", "aria-label": "callers, models and versions" },
    ["Callers", "Models", "Versions"].map((title, index) => h("text", { class: "soft", x: COLUMNS[index][0], y: 16 }, title)), edges,
    callers.map(each => node(0, at.callers(each.name), named(each.name), `${number(each.count)} requests`, `#/requests?consumer=${encodeURIComponent(each.name === "without a key" ? "" : each.name)}`)),
    shown.map(each => node(1, at.models(each.name), each.name, each.route ? "declared route" : "no route: first ready version", `#/models/${each.name}`)),
    versions.map(each => { const one = each.model.deployments.find(other => other.metadata.version === each.version); return node(2, at.versions(each.name), each.version, `${one.status.phase}, ${one.status.replicas.ready} of ${one.status.replicas.wanted} replicas`, `#/deployments/${each.name}`); }))));
}

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
function node(column, y, title, more, href) {
  const [x, width] = COLUMNS[column];
  const link = document.createElementNS("http://www.w3.org/2000/svg", "a");
  link.setAttribute("href", href);
  link.append(h("rect", { x, y: y - 18, width, height: 36, rx: 7 }), h("text", { x: x + 11, y: y - 2 }, cut(title, 32), h("title", {}, title)), h("text", { class: "soft", x: x + 11, y: y + 12 }, cut(more, 40)));
  return link;
}
function curve(from, y1, to, y2) {
  const [x1, x2] = [COLUMNS[from][0] + COLUMNS[from][1], COLUMNS[to][0]];
  return `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`;
}
function edge(from, y1, to, y2, group, all, what, label) {
  const share = group.count ? group.failed / group.count : 0;
  const kind = !group.count ? "idle" : share >= 0.05 ? "bad" : share >= 0.01 ? "warn" : "good";
  const path = h("path", { class: kind, d: curve(from, y1, to, y2), "stroke-width": group.count ? (1.5 + 7 * Math.sqrt(group.count / Math.max(all, 1))).toFixed(1) : 1.5 }, h("title", {}, `${what}: ${number(group.count)} requests, ${percent(share)} failed${group.times.length ? `, p99 ${ms(quantile(group.times, 0.99))}` : ""}`));
  return [path, label && h("text", { class: "soft", x: COLUMNS[to][0] - 8, y: y2 - 6, "text-anchor": "end" }, label)];
}

function panels(told) {
  const names = [...new Set(told.series.map(each => `${each.project}/${each.model}`))].sort();
  const of = name => told.series.filter(each => `${each.project}/${each.model}` === name);
  const busiest = names.map(name => ({ name, points: together(of(name)) })).sort((a, b) => b.points.reduce((x, y) => x + y, 0) - a.points.reduce((x, y) => x + y, 0)).slice(0, 6);
  const shown = busiest.map(each => each.name).sort();
  const most = key => busiest.map(each => ({ name: each.name, points: told.times.map((_, index) => { const values = of(each.name).map(one => one[key][index]).filter(value => value !== null); return values.length ? Math.max(...values) : null; }) }));
  const legend = () => h("div", { class: "legend" }, shown.map(each => h("span", {}, dot(shown, each), each)));
  const panel = (title, lines, show, floor = 0) => card([title, legend()], chart(told.times, lines, { show, names: shown, floor }));
  return h("div", { class: "two" }, panel("Requests per second", busiest, rate), panel("Failed (5xx), worst version", most("failed"), percent, 0.01), panel("p50, slowest version", most("p50"), ms), panel("p99, slowest version", most("p99"), ms));
}

const callerTable = seen => table([
  ["Caller", each => named(each.name)], ["Requests", each => number(each.count), { right: true }], ["Refused", each => percent(each.refused / each.count), { right: true }], ["Failed", each => percent(each.failed / each.count), { right: true }], ["p50", each => ms(quantile(each.times, 0.5)), { right: true }], ["p99", each => ms(quantile(each.times, 0.99)), { right: true }], ["Last", each => new Date(each.last * 1000).toLocaleTimeString("en-GB")],
], grouped(seen.filter(each => !each.mirrored), caller), { href: each => `#/requests?consumer=${encodeURIComponent(each.name === "without a key" ? "" : each.name)}` });

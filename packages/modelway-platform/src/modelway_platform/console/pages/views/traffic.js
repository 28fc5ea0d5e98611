// Who calls what, now or at a time that is over: callers, models and versions with coloured edges, copies dashed; charts beside it.
import { control, ownRecords, poll, query } from "../api.js";
import { callerTable } from "../callers.js";
import { callsOf } from "../calls.js";
import { chart } from "../chart.js";
import { fill, h } from "../dom.js";
import { follow, followSeries, models, together } from "../fleet.js";
import { learn, mapCard } from "../map.js";
import { card, cli, dot, empty, head, ms, percent, problem, rate } from "../parts.js";
import { past } from "../past.js";
import { mayAdminister, projects } from "../rights.js";

const SPANS = [["", "now"], ["15m", "last 15 minutes"], ["1h", "last hour"], ["6h", "last 6 hours"], ["1d", "last day"], ["7d", "last 7 days"], ["30d", "last 30 days"]];

export default async function traffic({ main, query: asked, signal, place }) {
  const given = Object.fromEntries(["since", "until", "at"].map(key => [key, asked.get(key) ?? ""]));
  const [box, range] = [h("div"), h("form", { class: "row", hidden: true })];
  const own = given.since && !(!given.until && SPANS.some(([value]) => value === given.since));
  const choose = h("select", { "aria-label": "which time", onchange: event => { if (event.target.value === "own") own_(range, given); else location.hash = `#/traffic${query({ since: event.target.value })}`; } }, [...SPANS, ["own", "from … to …"]].map(([value, text]) => h("option", { value, selected: own ? value === "own" : value === given.since }, text)));
  if (own) own_(range, given);
  fill(main, head("Traffic", given.since ? "who called what; lines are green, amber or red by their share of failures (1 %, 5 %)" : "who calls what, by the last 2,000 records of the gateway; lines are green, amber or red by their share of failures (1 %, 5 %)", range, choose), box);
  if (mayAdminister()) control("keys", { signal }).then(({ items }) => learn(items), () => {});
  if (given.since) await past(box, given, signal, place); else live(box, signal, place);
}

/** Two moments of the reader's own choice. */
function own_(form, given) {
  const local = moment => { const at = Date.parse(moment); return Number.isNaN(at) ? "" : new Date(at - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16); };
  const field = (name, label, value) => h("input", { type: "datetime-local", name, required: true, "aria-label": label, value });
  form.hidden = false;
  form.onsubmit = event => { event.preventDefault(); const [since, until] = ["since", "until"].map(name => new Date(form.elements[name].value).toISOString()); location.hash = `#/traffic${query({ since, until })}`; };
  fill(form, field("since", "begin", local(given.since) || local(Date.now() - 7200000)), h("span", { class: "soft" }, "to"), field("until", "end", local(given.until) || local(Date.now())), h("button", {}, "Show"));
}

function live(box, signal, place) {
  const [map, charts, callers, trouble] = [h("div"), h("div"), h("div"), h("div")];
  const state = { all: null, seen: null, told: null };
  const draw = () => {
    if (!state.all) return;
    fill(map, state.all.length ? mapCard(state.all.map(modelNow), state.seen ?? []) : card("Map", empty("No model is deployed yet: the Overview says what to do first.")));
    if (state.told) fill(charts, panels(state.told));
    if (state.seen) fill(callers, card("Callers", callerTable(state.seen)));
    place();
  };
  fill(box, trouble, map, charts, callers, cli("modelway traffic --since 15m"));
  const failed = error => fill(trouble, error && problem(error));
  follow(signal, state_ => { state.all = models(state_.deployments, state_.routes); draw(); }, failed);
  poll(4000, signal, async () => { state.seen = callsOf(await ownRecords({ source: "access", tail: 2000 }, projects(), signal)); draw(); }, failed);
  followSeries(signal, { seconds: 900 }, told => { state.told = told; draw(); });
}

const modelNow = each => ({
  name: each.name, weights: each.weights, mirrors: each.route?.spec.mirrors ?? [], note: each.route ? "declared route" : "no route: first ready version",
  versions: each.deployments.map(one => ({ version: one.metadata.version, note: `${one.status.phase}, ${one.status.replicas.ready} of ${one.status.replicas.wanted} replicas`, href: `#/deployments/${one.metadata.name}` })),
});

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

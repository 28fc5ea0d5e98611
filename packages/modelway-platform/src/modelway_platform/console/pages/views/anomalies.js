// What the platform noticed by itself: each anomaly with the series it was seen in, what was usual, and what to look at.
import { control, name, poll, query } from "../api.js";
import { chart } from "../chart.js";
import { fill, h } from "../dom.js";
import { button, mayDeploy, onlyLooking } from "../rights.js";
import { attempt, badge, card, cli, empty, facts, head, ms, percent, problem, rate, stamp, status, table } from "../parts.js";
import { goneOn, markedIn, usualOf } from "../excerpt.js";
import { COLUMNS, folded, leadsTo, sharedCard, state } from "../trouble.js";

const METRICS = [["requests", "Requests per second", rate], ["failed", "Failed", percent], ["p50", "Median", ms], ["p95", "95 % within", ms], ["disagreed", "Copies that disagree", percent], ["inFlight", "In flight", rate]];
const SPANS = ["1h", "3h", "1d", "7d", "56d"];
const LOOK_AGAIN_MS = 15000;

export default async function anomalies(page) {
  if (page.path[0] === "of") return model(page, page.path[1], page.path[2]);
  if (page.path.length === 2) return one(page, page.path[0], page.path[1]);
  const { main, query: given, signal, place } = page;
  const all = given.get("all") === "true";
  const [list, trouble] = [h("div"), h("div")];
  fill(main, head("Anomalies", "what is not as it usually is at this hour of the week", h("label", { class: "row" }, h("input", { type: "checkbox", checked: all, onchange: event => { location.hash = `#/anomalies${event.target.checked ? "?all=true" : ""}`; } }), "also what is over")), trouble, list);
  await poll(5000, signal, async () => {
    const [{ items }, { items: routes }] = await Promise.all([control(`anomalies${query({ state: all ? "" : "standing" })}`, { signal }), control("deployments", { signal })]);
    const models = [...new Set(routes.map(each => `${each.metadata.project}/${each.metadata.model}`))].sort();
    fill(list,
      card(null, table(COLUMNS, folded(items), { href: leadsTo, none: "Nothing is wrong that the platform knows of." }), cli(`modelway anomalies list${all ? " --all" : ""}`)),
      card(["Models that are watched", h("span", { class: "soft" }, "each with its series, and what can be judged of it")], models.length ? table([["Model", each => each], ["Standing", each => { const standing = items.filter(one_ => `${one_.project}/${one_.model}` === each && one_.state !== "resolved").length; return standing ? badge(String(standing), "bad") : badge("none", "good"); }]], models, { href: each => `#/anomalies/of/${each}` }) : empty("No model is deployed yet. Every model that is will be watched by itself."), !models.length && cli("modelway apply deployment.yaml")));
    place();
  }, error => { fill(trouble, error && problem(error)); place(); });
  return undefined;
}

async function one({ main, signal, place }, project, id) {
  const [box, trouble, plot, shared] = Array.from({ length: 4 }, () => h("div"));
  fill(main, trouble, box);
  const path = `anomalies/${name(project, id)}`;
  let [last, looked] = ["", 0];
  await poll(4000, signal, async () => {
    const found = await control(path, { signal });
    const text = JSON.stringify(found);
    if (text !== last) fill(box, pageOf(found, path, plot, shared));
    // What goes on around it is asked for less often, and no more once it is long over.
    if (text !== last || (!longOver(found) && Date.now() - looked >= LOOK_AGAIN_MS)) {
      looked = Date.now();
      await around(found, plot, shared, signal);
    }
    last = text;
    place();
  }, error => { fill(trouble, error && problem(error)); place(); });
}

const longOver = ({ resolvedAt }) => Boolean(resolvedAt) && Date.now() - new Date(resolvedAt) > 3600000;

/** The series up to its end or now, and the others that it is one with. */
async function around(found, plot, shared, signal) {
  const { series, metric } = found.evidence;
  const [lines, others] = await Promise.all([
    series?.times.length ? control(`series/${name(found.project, found.model)}?since=${Math.ceil(Date.now() / 1000 - series.times[0])}s`, { signal }).catch(() => null) : null,
    found.together ? control(`anomalies${query({ most: 1000 })}`, { signal }).catch(() => ({ items: [] })) : null,
  ]);
  if (signal.aborted) return;
  fill(shared, others && sharedCard(found, others.items));
  if (!series) { fill(plot); return; }
  const [, title, show] = METRICS.find(([each]) => each === metric) ?? METRICS[0];
  const whole = goneOn(found, lines);
  fill(plot, card([title, h("a", { href: `#/anomalies/of/${name(found.project, found.model)}` }, "all series")],
    chart(whole.times, [{ name: title, points: whole.values }], { show, usual: usualOf(found, whole), marked: markedIn(found, whole.times) }),
    h("p", { class: "soft" }, found.resolvedAt ? "Grey is usual; red is from when it was seen first until it was over." : "Grey is usual; red is since it was seen first, up to now.")));
}

function pageOf(found, path, plot, shared) {
  const { project } = found;
  const of = `${project}/${found.model}`;
  const { changes = [], requests = [] } = found.evidence;
  const note = h("input", { placeholder: "what others should know", "aria-label": "note" });
  return [
    head(`${found.kind} of ${of}`, found.words, found.state === "open" && mayDeploy(project) && [note, h("button", { class: "first", onclick: () => attempt(() => control(`${path}/acknowledge`, { method: "POST", body: { note: note.value } }), "acknowledged") }, "Acknowledge")], !found.muted && button(project, { onclick: () => attempt(() => control(`anomaly-mutes/${name(project)}`, { method: "POST", body: { model: found.model, cause: found.cause, for: "2h" } }), "muted for two hours") }, "Mute 2 h")),
    onlyLooking(project),
    card(["What was seen", h("span", { class: "row" }, state(found))], facts([["Versions", found.versions.join(", ") || "all"], ["Began", stamp(found.openedAt)], ["Seen last", stamp(found.seenAt)], found.resolvedAt && ["Over", [stamp(found.resolvedAt), `, ${found.reason}`]], found.acknowledgedBy && ["Acknowledged", `by ${found.acknowledgedBy}${found.note ? `: ${found.note}` : ""}`], found.times > 1 && ["Came back", `${found.times - 1} times`]])),
    shared, plot,
    card("What was changed on the platform in the two hours before", table([["When", each => stamp(new Date(each.at * 1000).toISOString())], ["Who", each => each.who], ["Did", each => `${each.action} ${each.kind} ${each.name}`, { wide: true }]], changes, { none: "Nothing." })),
    card("Requests to look at", table([["Request", each => h("code", {}, each.requestId)], ["Version", each => each.version], ["Status", each => status(each.status)], ["Code", each => each.code]], requests, { href: each => `#/requests/${encodeURIComponent(each.requestId)}`, none: "None are on record." })),
    cli(`modelway anomalies show ${found.id}`, ...(found.state === "open" ? [`modelway anomalies acknowledge ${found.id}`] : []), `modelway anomalies mute ${of} --cause ${found.cause} --for 2h`)];
}

async function model({ main, query: given, signal, place }, project, which) {
  const since = SPANS.includes(given.get("since")) ? given.get("since") : "3h";
  const box = h("div");
  fill(main, head(`${project}/${which}`, "counted by the platform itself; grey is usual", h("select", { "aria-label": "how far back", onchange: event => { location.hash = `#/anomalies/of/${name(project, which)}?since=${event.target.value}`; } }, SPANS.map(each => h("option", { value: each, selected: each === since }, each)))), box);
  await poll(15000, signal, async () => {
    const found = await control(`series/${name(project, which)}?since=${since}`, { signal });
    const names = found.versions.map(each => each.version);
    fill(box,
      found.times.length ? h("div", { class: "two" }, METRICS.map(([metric, title, show]) => card(title, chart(found.times, metric === "requests" || !names.length ? [{ name: which, points: found.model[metric] }] : found.versions.map(each => ({ name: each.version || "nobody", points: each[metric] })), { show, usual: found.usual[metric] })))) : card(null, empty("Nothing is counted yet: the first minute is there when it is over.")),
      card("What can be judged", table([["Of", each => each.cause], ["Version", each => each.version], ["Now", each => (each.finding ? badge("wrong", "bad") : each.blind ? badge("cannot tell", "warn") : badge("fine", "good"))], ["Why", each => each.finding || each.blind || each.basis, { wide: true }]], found.judgements, { none: "Nothing has been judged yet." })),
      cli(`modelway anomalies judged ${project}/${which}`));
    place();
  }, error => { if (error) fill(box, problem(error)); place(); });
}

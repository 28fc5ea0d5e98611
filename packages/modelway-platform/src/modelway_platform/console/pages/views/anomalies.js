// What the platform noticed by itself: each anomaly with the series it was seen in, what was usual, and what to look at.
import { control, name, poll, query } from "../api.js";
import { chart } from "../chart.js";
import { fill, h } from "../dom.js";
import { button, mayDeploy, onlyLooking } from "../rights.js";
import { attempt, badge, card, cli, empty, facts, head, ms, percent, problem, rate, stamp, status, table } from "../parts.js";

const METRICS = [["requests", "Requests per second", rate], ["failed", "Failed", percent], ["p50", "Median", ms], ["p95", "95 % within", ms], ["disagreed", "Copies that disagree", percent], ["inFlight", "In flight", rate]];
const KINDS = { open: "bad", acknowledged: "warn", resolved: "good" };
const SPANS = ["1h", "3h", "1d", "7d", "56d"];
const seconds = moment => new Date(moment).getTime() / 1000;
const state = each => [badge(each.state, KINDS[each.state]), each.muted && badge("muted")];

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
      card(null, table([["Model", each => `${each.project}/${each.model}`], ["What", each => each.kind], ["State", state], ["Began", each => stamp(each.openedAt)], ["In words", each => each.words, { wide: true }]], items, { href: each => `#/anomalies/${name(each.project, each.id)}`, none: "Nothing is wrong that the platform knows of." }), cli(`modelway anomalies list${all ? " --all" : ""}`)),
      card(["Models that are watched", h("span", { class: "soft" }, "each with its series, and what can be judged of it")], models.length ? table([["Model", each => each], ["Standing", each => { const standing = items.filter(one_ => `${one_.project}/${one_.model}` === each && one_.state !== "resolved").length; return standing ? badge(String(standing), "bad") : badge("none", "good"); }]], models, { href: each => `#/anomalies/of/${each}` }) : empty("No model is deployed yet. Every model that is will be watched by itself."), !models.length && cli("modelway apply deployment.yaml")));
    place();
  }, error => { fill(trouble, error && problem(error)); place(); });
  return undefined;
}

async function one({ main, signal, place }, project, id) {
  const box = h("div");
  fill(main, box);
  const path = `anomalies/${name(project, id)}`;
  let last = "";
  await poll(4000, signal, async () => {
    const found = await control(path, { signal });
    if (JSON.stringify(found) === last) return;
    last = JSON.stringify(found);
    const of = `${found.project}/${found.model}`;
    const { series, metric, changes = [], requests = [] } = found.evidence;
    const shown = METRICS.find(([each]) => each === metric) ?? METRICS[0];
    const note = h("input", { placeholder: "what others should know", "aria-label": "note" });
    fill(box, head(`${found.kind} of ${of}`, found.words, found.state === "open" && mayDeploy(project) && [note, h("button", { class: "first", onclick: () => attempt(() => control(`${path}/acknowledge`, { method: "POST", body: { note: note.value } }), "acknowledged") }, "Acknowledge")], !found.muted && button(project, { onclick: () => attempt(() => control(`anomaly-mutes/${name(found.project)}`, { method: "POST", body: { model: found.model, cause: found.cause, for: "2h" } }), "muted for two hours") }, "Mute 2 h")),
      onlyLooking(project),
      card(["What was seen", h("span", { class: "row" }, state(found))], facts([["Versions", found.versions.join(", ") || "all"], ["Began", stamp(found.openedAt)], ["Seen last", stamp(found.seenAt)], found.resolvedAt && ["Over", [stamp(found.resolvedAt), `, ${found.reason}`]], found.acknowledgedBy && ["Acknowledged", `by ${found.acknowledgedBy}${found.note ? `: ${found.note}` : ""}`], found.times > 1 && ["Came back", `${found.times - 1} times`]])),
      series && card([shown[1], h("a", { href: `#/anomalies/of/${of}` }, "all series")], chart(series.times, [{ name: shown[1], points: series.values }], { show: shown[2], usual: usualOf(found, series), marked: seenIn(found, series.times) }), h("p", { class: "soft" }, "Grey is usual, red is where it was seen.")),
      card("What was changed on the platform in the two hours before", table([["When", each => stamp(new Date(each.at * 1000).toISOString())], ["Who", each => each.who], ["Did", each => `${each.action} ${each.kind} ${each.name}`, { wide: true }]], changes, { none: "Nothing." })),
      card("Requests to look at", table([["Request", each => h("code", {}, each.requestId)], ["Version", each => each.version], ["Status", each => status(each.status)], ["Code", each => each.code]], requests, { href: each => `#/requests/${encodeURIComponent(each.requestId)}`, none: "None are on record." })),
      cli(`modelway anomalies show ${id}`, ...(found.state === "open" ? [`modelway anomalies acknowledge ${id}`] : []), `modelway anomalies mute ${of} --cause ${found.cause} --for 2h`));
    place();
  }, error => { if (error) fill(box, problem(error)); place(); });
}

/** What was usual beside the series; without a history, what the judgement itself allowed. */
const usualOf = ({ finding }, series) => series.usual ?? (finding.unit === "share" && Number.isFinite(finding.high) ? { low: finding.low ?? 0, high: finding.high } : null);
/** Where it was seen; the excerpt ends when the incident was opened, so that of one seen at once the last step is left. */
const seenIn = ({ finding, openedAt }, times) => [Math.min(finding.since, times.at(-2) ?? finding.since), Math.max(seconds(openedAt), times.at(-1) ?? 0)];

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

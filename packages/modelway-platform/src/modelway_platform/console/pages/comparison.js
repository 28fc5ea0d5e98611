// What the requests so far say of two versions, as `modelway rollout compare` does: verdict, intervals, what is left to go.
import { band } from "./chart.js";
import { h } from "./dom.js";
import { badge, card, cli, ms, number, percent, table } from "./parts.js";

const TITLES = { errors: "Errors", latency_p50: "Median latency", latency_p99: "p99 latency", accuracy: "Accuracy", reward: "Reward" };
const plus = value => (value > 0 ? "+" : "");
const UNITS = {
  share: { show: percent, signed: value => `${plus(value)}${number(value * 100, 2)} points` },
  reward: { show: value => number(value, 4), signed: value => `${plus(value)}${number(value, 4)}` },
  ms: { show: ms, signed: value => `${plus(value)}${ms(value)}` },
};
const unitOf = metric => UNITS[metric.unit] ?? UNITS.ms;
const unknown = value => value === null || value === undefined;
const signed = (metric, value, otherwise = "–") => (unknown(value) ? otherwise : unitOf(metric).signed(value));
const left = each => (each.verdict === "hold" && each.requestsLeft > 0 ? number(each.requestsLeft) : "–");

/** The cards of a comparison. */
export const comparisonCards = (id, asked, told) => [verdict(id, asked, told), told.agreement && copies(id, asked, told.agreement), seen(told)];

function verdict(id, { baseline, candidate, since, pinned, experiment, rewards }, told) {
  const { requests } = told.versions.find(each => each.role === "candidate");
  const fedBack = told.metrics.some(each => ["accuracy", "reward"].includes(each.metric));
  return card(["Verdict", h("span", { class: "soft" }, `requests since ${new Date(told.since).toLocaleString("en-GB")}; may be looked at after every request`)],
    h("p", { class: `verdict ${told.verdict}`, role: "status" }, told.words),
    told.problem && h("p", { class: "warn" }, told.problem),
    told.requestsLeft > 0 && told.verdict === "hold" && h("div", { class: "field" }, h("div", { class: "shares" }, h("div", { class: "s1", style: { width: `${Math.max(2, (100 * requests) / (requests + told.requestsLeft))}%` } })), h("span", { class: "soft" }, `${number(requests)} seen, about ${number(told.requestsLeft)} more requests of ${candidate} at most`)),
    table([["Metric", each => TITLES[each.metric] ?? each.metric], [baseline, each => unitOf(each).show(each.baseline), { right: true }], [candidate, each => unitOf(each).show(each.candidate), { right: true }], ["Difference", each => signed(each, each.difference), { right: true }],
      ["Interval", each => `${signed(each, each.interval.low, "−∞")} to ${signed(each, each.interval.high, "+∞")}`, { right: true }], ["Drawn", each => band(each.interval, each.difference, each.verdict)], ["Verdict", each => badge(each.verdict, { better: "good", worse: "bad" }[each.verdict] ?? "busy")], ["Left to go", left, { right: true }]], told.metrics),
    h("ul", { class: "soft" }, told.metrics.map(each => h("li", {}, each.words))),
    h("p", { class: "soft" }, `In at least ${number(100 * (1 - told.plan.alpha))} of 100 experiments the intervals hold at every look. Worth acting on: ${percent(told.plan.effect)} more errors, ${percent(told.plan.latencyMargin)} more latency. Dashed: no difference.`, fedBack && ` Of accuracy and reward more is better; rewards are taken to lie between ${number(told.plan.rewards?.low ?? 0, 4)} and ${number(told.plan.rewards?.high ?? 1, 4)}.`),
    cli(`modelway rollout compare ${id} ${baseline} ${candidate}${since ? ` --since ${since}` : ""}${pinned ? " --pinned" : ""}${experiment ? ` --experiment ${experiment}` : ""}${rewards ? ` --rewards=${rewards}` : ""}`));
}

/** What copies of the baseline's requests to the candidate have shown. */
function copies(id, { baseline, candidate }, found) {
  const { low, high } = found.interval ?? {};
  return card(["Agreement", h("span", { class: "soft" }, `copies of what ${baseline} was asked, answered by ${candidate}`)],
    table([["Copies", each => number(each.copies), { right: true }], ["Without an answer", each => number(each.failed), { right: true }], ["Compared", each => number(each.compared), { right: true }], ["Agree", each => number(each.agreed), { right: true }], ["Share", each => percent(each.share), { right: true }], ["Surely between", () => (unknown(low) || unknown(high) ? "–" : `${percent(low)} and ${percent(high)}`), { right: true }]], [found]),
    h("p", { class: "soft" }, found.words), cli(`modelway mirror report ${id}`));
}

function seen({ versions, plan }) {
  const fedBack = versions.some(each => each.labelled || each.rewarded);
  return card("What was seen",
    table([["Version", each => each.version], ["Role", each => each.role], ["Requests", each => number(each.requests), { right: true }], ["Errors", each => number(each.errors), { right: true }], ["Error rate", each => percent(each.errorRate), { right: true }], ["Refused", each => number(each.refused), { right: true }], ["Callers that left", each => number(each.left), { right: true }], ["To its own URL", each => number(each.pinned), { right: true }],
      ["p50", each => ms(each.p50Ms), { right: true }], ["p95", each => ms(each.p95Ms), { right: true }], ["p99", each => ms(each.p99Ms), { right: true }], ["p99.9", each => ms(each.p999Ms), { right: true }]], versions),
    fedBack && [h("h3", {}, "What was fed back"), table([["Version", each => each.version], ["Labelled", each => number(each.labelled), { right: true }], ["Accuracy", each => percent(each.accuracy), { right: true }], ["Rewarded", each => number(each.rewarded), { right: true }], ["Mean reward", each => number(each.meanReward, 4), { right: true }]], versions)],
    !plan.pinned && versions.some(each => each.pinned > 0) && h("p", { class: "soft" }, "Requests to a version's own URL are not counted: their callers chose the version."));
}

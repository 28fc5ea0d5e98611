// A rollout that moves weights by itself: its steps, what each check says, what it did, and a person's word on it.
import { apply, control, name } from "../api.js";
import { bandOverTime } from "../chart.js";
import { confirmed, h } from "../dom.js";
import { button } from "../rights.js";
import { attempt, badge, card, changes, cli, empty, ms, number, percent, shares, stamp, table } from "../parts.js";

const KINDS = { Promoted: "good", RolledBack: "bad", Stopped: "bad", Aborted: "warn", TakenOver: "warn", Paused: "warn", Undone: "warn" };
const VERDICTS = { good: "good", worse: "bad" };
const WORDS = {
  pause: ["Pause", "It moves no weights until it is resumed, not even back."],
  resume: ["Resume", "It goes on; a step that waits for approval has it."],
  promote: ["Promote", "All requests go to the new version, at once."],
  abort: ["Abort", "All requests go back to the old version, at once."],
  undo: ["Undo", "The weights become as they were before the rollout."],
  retry: ["Begin once more", "It begins at its first step, with no evidence."],
};
export const phaseOf = rollout => badge(rollout.status.phase, KINDS[rollout.status.phase] ?? "busy");
export const underWay = rollout => ["Waiting", "Running", "Paused"].includes(rollout.status.phase);

const signed = (value, unit) => (value === null || value === undefined ? "?" : `${value > 0 ? "+" : ""}${number(value * 100, Math.abs(value) < 0.1 ? 2 : 1)} ${unit}`);
const seen = (check, value) => (check.unit === "ms" ? ms(value) : percent(value));

/** The whole rollout; `moves` are its history, `done` is called after an order was given. */
export function rolloutCards(rollout, moves, done) {
  const { spec, status } = rollout;
  const id = rollout.metadata.name;
  const report = status.report?.checks ? status.report : null;
  return [
    card([h("span", {}, `${spec.from} → ${spec.to} `, phaseOf(rollout)), orders(rollout, id, done)],
      stepBar(spec, status),
      h("div", { class: "two" },
        h("div", {}, h("h3", {}, "Weights now"), status.weights.length ? shares(status.weights) : empty("as the route says")),
        status.next.length ? h("div", {}, h("h3", {}, "Next"), shares(status.next)) : h("div")),
      h("p", { class: `verdict ${{ Promoted: "better", RolledBack: "worse", Stopped: "worse" }[status.phase] ?? report?.verdict ?? "hold"}`, role: "status" }, underWay(rollout) && report ? inWords(report, status) : status.message),
      report && h("p", { class: "soft" }, `Step ${report.step}: ${report.versions.map(each => `${each.version} ${number(each.requests)} requests, ${number(each.errors)} errors`).join("; ")}. At least ${number(report.minimumRequests)} of ${spec.to} are asked${report.requestsLeft ? `; about ${number(report.requestsLeft)} more until a verdict` : ""}.`),
      cli(`modelway rollout status ${id} --watch`)),
    report && h("div", { class: "two" }, report.checks.map(each => checkCard(each, spec))),
    card("What it did", moves.length ? table([["When", each => stamp(each.at)], ["Move", each => each.kind], ["Step", each => each.step, { right: true }], ["Weights", each => shares(each.after, true)], ["By", each => each.author], ["Why", each => each.words, { wide: true }]], [...moves].reverse()) : empty("Nothing yet."), cli(`modelway rollout history ${id} --numbers`)),
  ];
}

function inWords(report, status) {
  const worst = report.checks.filter(each => each.verdict === report.verdict).map(each => each.words).join("; ");
  return status.phase === "Paused" || status.message.includes("waits") ? `${status.message}. ${worst}` : worst;
}

function stepBar(spec, status) {
  const at = status.phase === "Promoted" ? spec.steps.length + 1 : status.step;
  const steps = [...spec.steps, { weight: 100 }];
  return h("div", { class: "stepbar", role: "img", "aria-label": `step ${at} of ${steps.length}` }, steps.map((each, index) => h("div", { class: index + 1 === at ? "now" : index + 1 < at ? "past" : index === at ? "next" : "" }, `${each.weight} %`, each.approval ? " · approval" : "", each.pause ? ` · ${each.pause}` : "")));
}

function orders(rollout, id, done) {
  const going = underWay(rollout) && rollout.status.run > 0;
  const waits = rollout.status.message.includes("waits for approval");
  const possible = going ? [...(rollout.status.phase === "Paused" || waits ? ["resume"] : []), ...(rollout.status.phase === "Paused" ? [] : ["pause"]), "promote", "abort"] : rollout.status.run && rollout.status.phase !== "Waiting" ? ["retry", ...(["TakenOver", "Stopped", "Undone"].includes(rollout.status.phase) ? [] : ["undo"])] : [];
  return h("span", { class: "row" }, possible.map(order => {
    const [word, text] = order === "resume" && waits ? ["Approve", WORDS.resume[1]] : WORDS[order];
    return button(rollout.metadata.project, { class: order === "promote" || order === "resume" ? "first" : order === "abort" ? "danger" : "", onclick: async () => {
      if (!(await confirmed(`${word}: rollout of ${id}?`, text, word, cli(`modelway rollout ${order} ${id}`), order === "abort"))) return;
      await attempt(() => control(`rollouts/${name(...id.split("/"))}/steer`, { method: "POST", body: { action: order } }), `${word}: on its way`);
      done();
    } }, word);
  }));
}

function checkCard(check, spec) {
  const agreement = check.metric === "agreement";
  const unit = check.unit === "ms" || agreement ? "%" : "points";
  const show = value => (agreement ? percent(value) : signed(value, unit));
  return card([check.name, badge(check.verdict, VERDICTS[check.verdict] ?? "busy")],
    bandOverTime(check.points, { verdict: check.verdict, limit: check.limit, zero: agreement ? check.limit : 0, show, label: `${check.name}: what was seen, in the interval it surely lies in` }),
    h("p", {}, agreement ? `copies that agree: ${percent(check.candidate)}` : `${spec.from} (stable) ${seen(check, check.baseline)} · ${spec.to} (canary) ${seen(check, check.candidate)}`, h("span", { class: "soft" }, ` · surely between ${show(check.interval.low)} and ${show(check.interval.high)}`)),
    h("p", { class: "soft" }, check.words),
    h("p", { class: "soft" }, `Line: the difference seen. Shaded: where it surely lies. Dotted: what is allowed (${show(check.limit)}).`));
}

/** Begins a rollout from one version to another, with steps that suit most; the document is shown before. */
export async function beginRollout(project, model, from, to) {
  const document = { apiVersion: "modelway/v1", kind: "Rollout", metadata: { project, model }, spec: { from, to, steps: [{ weight: 5 }, { weight: 25 }, { weight: 50 }], checks: [{ metric: "errors" }, { metric: "latency", quantile: 0.99 }] } };
  const plan = await attempt(() => apply(document, true));
  if (!plan) return;
  const body = h("div", {}, plan.results.map(each => changes(each.changes)), cli("modelway apply -f - <<'END'", JSON.stringify(document), "END"));
  if (await confirmed(`Roll ${to} out by itself?`, `${to} gets 5, 25, 50 and then all requests, as long as errors and p99 allow; it goes back by itself if not.`, "Begin", body, false)) await attempt(() => apply(document), "the rollout begins");
}

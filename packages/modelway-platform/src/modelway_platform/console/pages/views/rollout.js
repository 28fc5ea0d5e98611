// Is the new version better? Verdict, intervals, what is left to go, and the next step of its weight.
import { apply, control, name, poll, query, watch } from "../api.js";
import { assignmentMarks, editAssignment } from "../assignment.js";
import { chart } from "../chart.js";
import { comparisonCards } from "../comparison.js";
import { confirmed, fill, h } from "../dom.js";
import { follow, followSeries, models } from "../fleet.js";
import { attempt, card, changes, cli, declared, dot, empty, head, ms, number, percent, phase, problem, rate, shares, table } from "../parts.js";
import { button, onlyLooking } from "../rights.js";
import { beginRollout, phaseOf, rolloutCards, underWay } from "./rollout_run.js";

const STEPS = [0, 1, 5, 10, 25, 50, 75, 100];

export default async function rollout(page) {
  if (page.path.length >= 2) return one(page, page.path[0], page.path[1]);
  const { main, signal, place } = page;
  const [list, trouble] = [h("div"), h("div")];
  fill(main, head("Rollout", "models with more than one version: how much the newer one gets, and what the requests so far say"), trouble, list);
  const rollouts = new Map();
  let redraw = () => {};
  watch("rollouts", signal, items => { rollouts.clear(); for (const each of items) rollouts.set(each.metadata.name, each); redraw(); });
  follow(signal, state => {
    redraw = () => {
    const several = models(state.deployments, state.routes).filter(each => each.versions.length > 1);
    fill(list, several.length ? card(null, table([["Model", each => each.name], ["Versions", each => h("span", { class: "row" }, each.deployments.map(one_ => h("span", {}, `${one_.metadata.version} `, phase(one_.status.phase))))], ["Traffic", each => (each.weights.length ? shares(each.weights, true) : "")], ["Rollout", each => (rollouts.has(each.name) ? phaseOf(rollouts.get(each.name)) : "")]], several, { href: each => `#/rollout/${each.name}` }))
      : card("Nothing to compare yet", empty("Deploy a second version of a model: it gets no requests until you say so here. The command line does the same:"), cli("modelway apply -f digits-v2.yaml --wait", "modelway rollout compare vision/digits v1 v2")));
    place();
    };
    redraw();
  }, error => { fill(trouble, error && problem(error)); place(); });
  return undefined;
}

/** The share of the candidate in percent, of all that baseline and candidate get. */
const shareOf = (weights, baseline, candidate) => { const of = version => weights.find(each => each.version === version)?.weight ?? 0; const both = of(baseline) + of(candidate); return both ? (100 * of(candidate)) / both : 0; };

async function one({ main, path, query: given, signal, place }, project, model) {
  const id = `${project}/${model}`;
  const [bar, run, verdict, charts, trouble, editor] = Array.from({ length: 6 }, () => h("div"));
  const [choices, trial, pinned] = [h("span", { class: "row" }), h("div", { class: "filters" }), given.get("pinned") === "true"];
  const state = { found: null, told: null, rollout: null, baseline: given.get("baseline"), candidate: given.get("candidate"), since: given.get("since") ?? "", experiment: given.get("experiment") ?? "", rewards: given.get("rewards") ?? "" };
  const limits = () => { const [low, high] = state.rewards.split(":"); return state.rewards ? { rewardLow: low, rewardHigh: high } : {}; };
  fill(main, head(h("span", {}, h("span", { class: "soft" }, `Rollout of ${project}/`), model), null, choices), onlyLooking(project), trouble, run, bar, editor, trial, verdict, charts);
  const ask = async () => {
    if (!state.candidate) return;
    try { fill(verdict, comparisonCards(id, { ...state, pinned }, await control(`routes/${name(project, model)}/comparison${query({ baseline: state.baseline, candidate: state.candidate, since: state.since, pinned: pinned ? "true" : "", experiment: state.experiment, ...limits() })}`, { signal }))); fill(trouble); } catch (error) { if (!signal.aborted) fill(trouble, problem(error)); }
    place();
  };
  const draw = () => { if (state.found) fill(bar, state.rollout && underWay(state.rollout) ? null : steps(state, editor)); };
  const lookAtRun = async () => {
    if (!state.rollout) { fill(run); return; }
    const [told, moves] = await Promise.all([control(`rollouts/${name(project, model)}`, { signal }), control(`rollouts/${name(project, model)}/moves`, { signal })]);
    fill(run, rolloutCards(told, moves.items.filter(each => each.run === told.status.run), () => lookAtRun().catch(() => {})));
    place();
  };
  watch("rollouts", signal, async items => { state.rollout = items.find(each => each.metadata.name === id) ?? null; draw(); await lookAtRun(); });
  poll(2000, signal, async () => { if (state.rollout && underWay(state.rollout)) await lookAtRun(); });
  const go = change => { location.hash = `#/rollout/${name(...path.slice(0, 2))}${query({ baseline: state.baseline, candidate: state.candidate, since: state.since, pinned: pinned ? "true" : "", experiment: state.experiment, rewards: state.rewards, ...change })}`; };
  follow(signal, ({ deployments, routes }) => {
    const found = models(deployments, routes).find(each => each.name === id);
    if (!found || found.versions.length < 2) { fill(trouble, problem({ message: `${id} has no two versions to compare`, hint: "deploy another one; it gets no requests until you say so" })); place(); return; }
    const first = !state.found;
    Object.assign(state, { found });
    const heaviest = [...found.weights].sort((a, b) => b.weight - a.weight)[0]?.version ?? found.versions[0];
    state.baseline = found.versions.includes(state.baseline) ? state.baseline : heaviest;
    if (!found.versions.includes(state.candidate) || state.candidate === state.baseline) state.candidate = [...found.versions].reverse().find(each => each !== state.baseline);
    const select = (key, label) => h("select", { "aria-label": label, onchange: event => go({ [key]: event.target.value }) }, found.versions.map(each => h("option", { value: each, selected: each === state[key] }, each)));
    fill(choices, select("candidate", "candidate"), h("span", { class: "soft" }, "against"), select("baseline", "baseline"), h("select", { "aria-label": "since", onchange: event => go({ since: event.target.value }) }, [["", "since the last change"], ["15m", "last 15 minutes"], ["2h", "last 2 hours"], ["1d", "last day"], ["7d", "last 7 days"]].map(([value, text]) => h("option", { value, selected: value === state.since }, text))));
    fill(trial, trialOf(found, state, go));
    draw();
    if (first) poll(5000, signal, ask); else ask();
  }, error => fill(trouble, error && problem(error)));
  followSeries(signal, { seconds: 900, project, model }, told => {
    if (!state.found) return;
    const list = told.series.filter(each => [state.baseline, state.candidate].includes(each.version));
    const panel = (title, key, show) => card([title, h("span", { class: "legend" }, list.map(each => h("span", {}, dot(state.found.versions, each.version), each.version)))], chart(told.times, list.map(each => ({ name: each.version, points: each[key] })), { show, names: state.found.versions, floor: key === "failed" ? 0.01 : 0 }));
    fill(charts, h("div", { class: "three" }, panel("Requests per second", "requests", rate), panel("Failed (5xx)", "failed", percent), panel("p99", "p99", ms)));
  });
}

/** Which requests are compared, and within which limits rewards lie. */
function trialOf(found, state, go) {
  const experiments = found.route?.spec.experiments ?? [];
  const [low, high] = (state.rewards || "0:1").split(":");
  const armsOf = name => { const [one, other] = (experiments.find(each => each.name === name)?.arms ?? []).map(each => each.version); return one && other && one !== other ? { baseline: one, candidate: other } : {}; };
  const limit = (label, value, key) => h("input", { type: "number", step: "any", "aria-label": label, value, onchange: event => { const next = { low, high, [key]: event.target.value }; go({ rewards: next.low === "0" && next.high === "1" ? "" : `${next.low}:${next.high}` }); } });
  return [
    h("label", {}, "compared are", h("select", { "aria-label": "experiment", onchange: event => go({ experiment: event.target.value, ...armsOf(event.target.value) }) }, [["", "requests by weights"], ...experiments.map(each => [each.name, `experiment ${each.name}`])].map(([value, text]) => h("option", { value, selected: value === state.experiment }, text)))),
    h("span", { class: "row soft limits" }, "rewards lie between", limit("lowest reward", low, "low"), "and", limit("highest reward", high, "high")),
  ];
}

function steps({ found, baseline, candidate }, editor) {
  const share = shareOf(found.weights, baseline, candidate);
  const next = STEPS.find(each => each > share + 0.01);
  const place = STEPS.filter(each => each <= share + 0.01).at(-1);
  const move = (to, word) => button(found.project, { class: word === "abort" ? "danger" : "", disabled: Math.abs(to - share) < 0.01, onclick: () => change(found, baseline, candidate, to) }, { next: `Next step: ${to} %`, promote: `Promote: all to ${candidate}`, abort: `Abort: all to ${baseline}` }[word]);
  return card([`${candidate} gets ${number(share, 1)} % of what ${baseline} and ${candidate} get`, h("span", { class: "row" }, share < 99.99 && button(found.project, { class: "first", onclick: () => beginRollout(found.project, found.model, baseline, candidate) }, "Begin a rollout"), next !== undefined && move(next, "next"), next !== undefined && next !== 100 && move(100, "promote"), move(0, "abort"), button(found.project, { onclick: () => editAssignment(found, editor) }, "Weights and experiments"))],
    h("div", { class: "stepbar", role: "img", "aria-label": `step ${place} of 100 percent` }, STEPS.map(each => h("div", { class: each === place ? "now" : each < place ? "past" : each === next ? "next" : "" }, `${each} %`))),
    shares(found.weights), found.route && h("div", { class: "row" }, assignmentMarks(found.route.spec)), found.weights.some(each => ![baseline, candidate].includes(each.version)) ? h("p", { class: "soft" }, "Other versions keep their weights.") : null);
}

async function change(found, baseline, candidate, share) {
  const both = found.weights.filter(each => [baseline, candidate].includes(each.version)).reduce((sum, each) => sum + each.weight, 0) || 100;
  const others = found.weights.filter(each => ![baseline, candidate].includes(each.version));
  // Whole numbers: with others present their weights are scaled along, so that their shares stay.
  const scale = others.length ? 100 / both : 1;
  const kept = version => (found.route?.spec.versions ?? []).find(each => each.version === version) ?? {};
  const versions = [{ ...kept(baseline), version: baseline, weight: 100 - share }, { ...kept(candidate), version: candidate, weight: share }, ...others.map(each => ({ ...each, weight: Math.max(1, Math.round(each.weight * scale)) }))];
  const base = found.route ? declared(found.route) : { apiVersion: "modelway/v1", kind: "Route", metadata: { project: found.project, model: found.model }, spec: {} };
  const wanted = { ...base, spec: { ...base.spec, versions } };
  const plan = await attempt(() => apply(wanted, true));
  if (!plan) return;
  const body = h("div", {}, shares(versions.filter(each => each.weight)), plan.results.map(each => changes(each.changes)), cli("modelway apply -f - <<'END'", JSON.stringify(wanted), "END"));
  if (await confirmed(`Move traffic of ${found.name}?`, `${candidate} gets ${share} %, ${baseline} ${100 - share} %, at once and exactly.`, share === 0 ? "Abort" : share === 100 ? "Promote" : `Give it ${share} %`, body, false)) await attempt(() => apply(wanted), "traffic moves");
}

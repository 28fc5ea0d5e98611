// Who stays with which version: a route's weights, its sticky key and its experiments, changed by a plan that is shown before.
import { apply } from "./api.js";
import { fill, h } from "./dom.js";
import { attempt, badge, card, changes, cli, declared, empty, problem, shares } from "./parts.js";

const BY = [["consumer", "the consumer of key or token"], ["cookie", "a cookie that the gateway sets"], ["header", "a header's value"]];
const byWords = key => ({ consumer: "by consumer", cookie: "by cookie", header: `by header ${key.header}` })[key.by];
const input = (label, attributes, change) => h("label", { class: "part" }, h("span", { class: "soft" }, label), h("input", { ...attributes, oninput: event => change(event.target.type === "number" ? Number(event.target.value) : event.target.value) }));
const select = (label, options, value, change) => h("label", { class: "part" }, h("span", { class: "soft" }, label), h("select", { onchange: event => change(event.target.value) }, options.map(([each, text]) => h("option", { value: each, selected: each === value }, text))));

/** What a route says of it, in a line or two; nothing where it says nothing. */
export function assignmentMarks(spec) {
  return [spec.sticky && badge(`callers stay with a version, ${byWords(spec.sticky)}`), ...(spec.experiments ?? []).map(each => badge(`experiment ${each.name}: ${Math.round(100 * (each.share ?? 1))} % of callers, ${byWords(each)}, ${each.arms.map(arm => `${arm.name} = ${arm.version}`).join(", ")}`, "busy"))];
}

/** The document that the drafts make of a route. */
export function wantedRoute(found, drafts) {
  const base = found.route ? declared(found.route) : { apiVersion: "modelway/v1", kind: "Route", metadata: { project: found.project, model: found.model }, spec: {} };
  const { sticky: _, experiments: __, ...spec } = base.spec;
  const versions = found.versions.filter(each => drafts.weights.get(each) > 0 || (base.spec.versions ?? []).some(one => one.version === each)).map(version => ({ ...(base.spec.versions ?? []).find(each => each.version === version), version, weight: drafts.weights.get(version) ?? 0 }));
  const experiments = drafts.experiments.map(({ name, share, arms, when, ...key }) => ({ name, ...keyOf(key), share: share / 100, arms: arms.map(each => ({ ...each })), ...(when?.length ? { when } : {}) }));
  return { ...base, spec: { ...spec, versions, ...(drafts.sticky ? { sticky: keyOf(drafts.sticky) } : {}), ...(experiments.length ? { experiments } : {}) } };
}
const keyOf = ({ by, header, maxAge, secure }) => ({ by, ...(by === "header" ? { header } : {}), ...(by === "cookie" ? { ...(maxAge ? { maxAge } : {}), ...(secure ? { secure } : {}) } : {}) });

const draftsOf = found => ({
  weights: new Map(found.versions.map(version => [version, found.weights.find(each => each.version === version)?.weight ?? 0])),
  sticky: found.route?.spec.sticky ? { ...found.route.spec.sticky } : null,
  experiments: (found.route?.spec.experiments ?? []).map(each => ({ ...each, share: Number((100 * (each.share ?? 1)).toFixed(4)), arms: each.arms.map(arm => ({ ...arm })) })),
});

function freshExperiment(found, others) {
  const [control, treatment] = [found.weights[0]?.version ?? found.versions[0], found.versions.filter(each => each !== (found.weights[0]?.version ?? found.versions[0])).at(-1) ?? found.versions[0]];
  let [name, number] = ["trial", 1];
  while (others.some(each => each.name === name)) { number += 1; name = `trial-${number}`; }
  return { name, by: "consumer", share: 100, arms: [{ name: "control", version: control, weight: 1 }, { name: "treatment", version: treatment, weight: 1 }] };
}

/** The form with its plan, in `place`; Close leaves everything as it was. */
export function editAssignment(found, place) {
  const drafts = draftsOf(found);
  const [form, plan] = [h("div"), h("div")];
  const draw = () => { fill(plan); fill(form, weightsPart(found, drafts, stale), stickyPart(drafts, draw, stale), h("h3", {}, "Experiments"), drafts.experiments.length ? drafts.experiments.map(each => experimentPart(found, drafts, each, draw, stale)) : empty("None: every request goes by weights."), h("button", { type: "button", onclick: () => { drafts.experiments.push(freshExperiment(found, drafts.experiments)); draw(); } }, "Add an experiment")); };
  const stale = () => fill(plan);
  const run = async dryRun => {
    const wanted = wantedRoute(found, drafts);
    const { results } = await apply(wanted, dryRun);
    if (!dryRun) { fill(place); return; }
    fill(plan, h("h3", {}, "What would change"), shares(wanted.spec.versions), results.map(each => changes(each.changes)), h("div", { class: "row" }, h("button", { type: "button", class: "first", onclick: () => attempt(() => run(false), "requests go by it from now on") }, "Apply")), cli("modelway apply -f - <<'END'", JSON.stringify(wanted), "END"));
  };
  draw();
  fill(place, card(["Weights and experiments", h("button", { onclick: () => fill(place) }, "Close")], h("form", { onsubmit: event => { event.preventDefault(); run(true).catch(error => fill(plan, problem(error))); } }, form, h("div", { class: "row end" }, h("button", { class: "first" }, "Plan"))), plan));
  form.querySelector("input")?.focus();
}

const weightsPart = (found, drafts, stale) => [h("h3", {}, "Weights"), h("div", { class: "row parts" }, found.versions.map(version => input(version, { type: "number", min: 0, max: 1000000, step: 1, required: true, "aria-label": `weight of ${version}`, value: drafts.weights.get(version) }, value => { drafts.weights.set(version, value); stale(); })))];

const stickyPart = (drafts, draw, stale) => [h("h3", {}, "Who stays with a version"), h("div", { class: "row parts" },
  select("outside of experiments", [["", "nobody: exact weights"], ...BY], drafts.sticky?.by ?? "", value => { drafts.sticky = value ? { by: value, header: "" } : null; draw(); }), drafts.sticky && keyParts(drafts.sticky, stale))];

const keyParts = (key, stale) => [
  key.by === "header" && input("header", { value: key.header ?? "", required: true, placeholder: "x-user", size: 12 }, value => { key.header = value.trim().toLowerCase(); stale(); }),
  key.by === "cookie" && input("lives for", { value: key.maxAge ?? "30d", size: 6, pattern: "[0-9]+[smhd]" }, value => { key.maxAge = value.trim(); stale(); }),
];

function experimentPart(found, drafts, each, draw, stale) {
  const versions = found.versions.map(version => [version, version]);
  const without = (list, one) => { list.splice(list.indexOf(one), 1); draw(); };
  return h("fieldset", {}, h("legend", {}, each.name || "experiment"),
    h("div", { class: "row parts" }, input("name", { value: each.name, required: true, pattern: "[a-z0-9]([a-z0-9\\-]{0,61}[a-z0-9])?", title: "lower-case letters, digits and dashes", size: 14 }, value => { each.name = value; stale(); }),
      select("callers are known by", BY, each.by, value => { each.by = value; draw(); }), keyParts(each, stale), input("% of callers take part", { type: "number", min: 0, max: 100, step: "any", required: true, value: each.share }, value => { each.share = value; stale(); }),
      h("button", { type: "button", class: "danger small", onclick: () => without(drafts.experiments, each) }, "Remove the experiment")),
    each.arms.map(arm => h("div", { class: "row parts" }, input("arm", { value: arm.name, required: true, size: 12 }, value => { arm.name = value; stale(); }), select("version", versions, arm.version, value => { arm.version = value; stale(); }), input("weight", { type: "number", min: 0, max: 1000000, step: 1, required: true, value: arm.weight }, value => { arm.weight = value; stale(); }),
      each.arms.length > 1 && h("button", { type: "button", class: "small", "aria-label": `remove arm ${arm.name}`, onclick: () => without(each.arms, arm) }, "Remove"))),
    h("div", { class: "row" }, h("button", { type: "button", class: "small", onclick: () => { each.arms.push({ name: `arm-${each.arms.length + 1}`, version: found.versions[0], weight: 1 }); draw(); } }, "Add an arm"), each.when?.length ? h("span", { class: "soft" }, `Takes part only: ${JSON.stringify(each.when)}`) : null));
}

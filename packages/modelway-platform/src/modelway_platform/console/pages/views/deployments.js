// What is declared and what became of it: phases, conditions, events, every revision, and the way back.
import { apply, control, name } from "../api.js";
import { confirmed, fill, h } from "../dom.js";
import { follow } from "../fleet.js";
import { ago, attempt, badge, card, changes, cli, declared, differences, empty, facts, head, phase, problem, short, stamp, table } from "../parts.js";
import { button, mayDeploy, onlyLooking } from "../rights.js";
import { timeline } from "../timeline.js";

export default async function deployments(page) {
  if (page.path.length >= 3) return one(page, page.path.slice(0, 3));
  const { main, signal, place } = page;
  const [list, trouble] = [h("div"), h("div")];
  const filter = h("input", { type: "search", placeholder: "filter by name or phase", "aria-label": "filter", oninput: () => draw() });
  let items = null;
  const draw = () => fill(list, items && card(null, table([
    ["Deployment", each => each.metadata.name],
    ["Phase", each => phase(each.status.phase)],
    ["Ready", each => `${each.status.replicas.ready} of ${each.status.replicas.wanted}`, { right: true }],
    ["Revision", each => each.metadata.revision, { right: true }],
    ["Stage", each => each.spec.stage],
    ["Cluster", each => where(each.spec)],
    ["Package", each => h("code", { title: each.spec.package }, short(each.spec.package))],
    ["Changed", each => stamp(each.metadata.updatedAt)],
    ["In words", each => h("span", { class: "soft" }, each.status.message), { wide: true }],
  ], items.filter(each => `${each.metadata.name} ${each.status.phase}`.toLowerCase().includes(filter.value.toLowerCase())), { href: each => `#/deployments/${each.metadata.name}`, none: items.length ? "Nothing fits the filter." : "Nothing is deployed yet: the Overview says what to do first." })));
  fill(main, head("Deployments", "what is declared, and what is really there"), trouble, h("div", { class: "filters" }, filter), list, cli("modelway get deployments --watch"));
  follow(signal, state => { items = state.deployments; draw(); place(); }, error => { fill(trouble, error && problem(error)); place(); });
  return undefined;
}

async function one({ main, signal, place }, [project, model, version]) {
  const [id, path] = [`${project}/${model}/${version}`, `deployments/${name(project, model, version)}`];
  const [state, steps, past, happened, replicas, package_, trouble] = Array.from({ length: 7 }, () => h("div"));
  let seen = "";
  const opened = new Set(); // logs of phases that are being read stay open
  const refresh = async object => {
    const [revisions, events, endpoints, told] = await Promise.all([control(`${path}/revisions`, { signal }), control(`${path}/events`, { signal }), control("endpoints", { signal }), control(`${path}/phases`, { signal })]);
    fill(state, stateOf(object));
    fill(steps, phases(id, told, opened));
    fill(past, history(object, revisions.items.sort((a, b) => b.number - a.number), path));
    fill(happened, card("Events", table([["When", each => stamp(each.lastAt)], ["Event", each => badge(each.reason, each.type === "Warning" ? "bad" : "good")], ["What", each => each.message, { wide: true }], ["Times", each => (each.count > 1 ? each.count : ""), { right: true }]], [...events.items].reverse().slice(0, 25))));
    fill(replicas, card("Replicas", replicaTable(endpoints.items.filter(each => each.project === project && each.model === model && each.version === version), id), timeline(events.items)));
    if (seen !== object.spec.package) { seen = object.spec.package; control(`packages/${encodeURIComponent(seen)}`, { signal }).then(told => fill(package_, packageCard(told)), () => {}); }
  };
  const document_ = h("div");
  fill(main, head(h("span", {}, h("a", { class: "plain soft", href: `#/models/${project}/${model}` }, `${project}/${model}/`), version), null,
    h("a", { class: "button", href: `#/try/${id}` }, "Try it"), h("a", { class: "button", href: `#/logs?source=server&model=${project}/${model}&version=${version}` }, "Server log"),
    button(project, { onclick: () => edit(id, path, document_) }, "Edit"), button(project, { class: "danger", onclick: () => remove(id, path) }, "Delete…")),
  onlyLooking(project), trouble, state, steps, document_, h("div", { class: "two" }, h("div", {}, replicas, happened), h("div", {}, past, package_)), cli(`modelway describe deployment ${id}`));
  follow(signal, async ({ deployments: all }) => {
    const object = all.find(each => each.metadata.name === id);
    if (object) { fill(trouble); await refresh(object); } else fill(trouble, problem({ message: `${id} is not deployed`, hint: "it was deleted, or never there" }));
    place();
  }, error => { fill(trouble, error && problem(error)); place(); });
}

/** The clusters it runs on, and how many replicas it has there: so many, or as many as its load asks for. */
const where = spec => (spec.clusters ?? [{ name: spec.cluster }]).map(each => each.name).join(", ");
const howMany = spec => spec.autoscale ? `${spec.autoscale.minReplicas} to ${spec.autoscale.maxReplicas} replicas by load`
  : `${spec.clusters ? spec.clusters.map(each => each.replicas).join(" + ") : spec.replicas} replica${!spec.clusters && spec.replicas === 1 ? "" : "s"}`;

function stateOf(object) {
  const { status, spec } = object;
  const kinds = each => (each.status === true ? "yes" : each.status === false ? "no" : "wait");
  return card([h("span", {}, phase(status.phase), " ", h("span", { class: "soft" }, status.message || `${status.replicas.ready} of ${status.replicas.wanted} ready`)), h("span", { class: "soft" }, `revision ${object.metadata.revision}${status.observedRevision === object.metadata.revision ? "" : `, ${status.observedRevision || "none"} is there`} · changed ${ago(object.metadata.updatedAt)}`)],
    h("div", { class: "conditions" }, status.conditions.map(each => h("div", { class: kinds(each) }, h("strong", {}, each.type.replace(/([a-z])([A-Z])/g, "$1 $2")), h("div", { class: "soft" }, each.message), h("div", { class: "soft" }, each.since && ago(each.since))))),
    h("p", { class: "soft" }, `${howMany(spec)} of ${spec.workers} worker${spec.workers > 1 ? "s" : ""} on ${where(spec)}, stage ${spec.stage}`, Object.keys(spec.env ?? {}).length ? `, ${Object.keys(spec.env).length} variables` : ""));
}

/** The way of a revision: every phase with its time and what it wrote. */
function phases(id, { revision, items }, opened) {
  const took = each => (each.startedAt ? (new Date(each.endedAt ?? Date.now()) - new Date(each.startedAt)) / 1000 : null);
  const kind = { Done: "yes", Running: "wait", Failed: "no", Skipped: "skipped", Waiting: "" };
  return card([`Phases of revision ${revision}`, h("span", { class: "soft" }, items.some(each => each.state === "Running") ? "under way" : "")],
    h("div", { class: "conditions phases" }, items.map(each => h("div", { class: kind[each.state] ?? "" },
      h("div", { class: "row" }, h("strong", {}, each.phase), took(each) !== null && each.state !== "Skipped" && h("span", { class: "soft" }, took(each) < 1 ? `${Math.round(took(each) * 1000)} ms` : `${took(each).toFixed(1)} s`), each.attempts > 1 && badge(`attempt ${each.attempts}`, "warn")),
      h("div", { class: "soft" }, each.message || each.state.toLowerCase()),
      each.state === "Running" && each.total > 0 && h("progress", { max: each.total, value: each.done, "aria-label": each.phase }),
      each.log.length > 1 && h("details", { open: opened.has(each.phase), ontoggle: event => (event.target.open ? opened.add(each.phase) : opened.delete(each.phase)) }, h("summary", { class: "soft" }, `${each.log.length} lines`), h("pre", {}, each.log.join("\n")))))),
    cli(`modelway rollout phases deployment ${id} --log`));
}

const replicaTable = (items, id) => table([
  ["Replica", each => each.id], ["Address", each => h("code", {}, `${each.scheme}://${each.host}:${each.port}`)], ["gRPC", each => each.grpcPort ?? ""],
  ["State", each => (each.leftOutBy ? badge("left out", "bad") : badge("gets requests", "good"))],
], items, { href: each => `#/logs?source=server&replica=${each.id}`, none: `No replica of ${id} is registered.` });

function history(object, revisions, path) {
  const id = object.metadata.name;
  const rows = revisions.slice(0, 50).map((each, index) => {
    const before = revisions[index + 1];
    const detail = h("details", {}, h("summary", {}, h("strong", {}, `#${each.number}`), ` ${each.cause} by ${each.author}, `, stamp(each.createdAt)), before ? changes(differences(before.document.spec, each.document.spec)) : h("pre", {}, JSON.stringify(each.document.spec, null, 2)),
      each.number !== object.metadata.revision && mayDeploy(object.metadata.project) && [h("button", { onclick: () => undo(id, path, each.number) }, `Back to #${each.number}…`), cli(`modelway rollout undo deployment ${id} --to-revision ${each.number} --wait`)]);
    if (index === 0) detail.open = true;
    return detail;
  });
  return card(["History", revisions.length > 1 && button(object.metadata.project, { onclick: () => undo(id, path, revisions[1].number) }, `Undo to #${revisions[1].number}…`)], rows, cli(`modelway rollout history deployment ${id}`));
}

async function undo(id, path, number) {
  const command = cli(`modelway rollout undo deployment ${id} --to-revision ${number} --wait`);
  if (await confirmed(`Back to revision ${number}?`, "What it declared becomes a new revision; replicas are replaced one by one.", `Undo to #${number}`, command, false))
    await attempt(() => control(`${path}/undo`, { method: "POST", body: { toRevision: number } }), `revision ${number} is declared again`);
}

async function remove(id, path) {
  if (await confirmed(`Delete ${id}?`, "Its replicas finish their requests and end. A deployment that a route still uses is not deleted.", "Delete", cli(`modelway delete deployment ${id} --wait`)))
    if (await attempt(() => control(path, { method: "DELETE" }), `${id} is being deleted`)) location.hash = "#/deployments";
}

async function edit(id, path, place) {
  const object = await attempt(() => control(path));
  if (!object) return;
  const text = h("textarea", { rows: 18, spellcheck: "false", "aria-label": "document", value: JSON.stringify(declared(object), null, 2) });
  const plan = h("div");
  const close = () => fill(place);
  const draft = async dryRun => {
    try {
      const { results } = await apply(text.value, dryRun);
      if (dryRun) fill(plan, h("h3", {}, "What would change"), results.map(each => (each.action === "unchanged" ? empty("Nothing.") : changes(each.changes))), h("button", { class: "first", onclick: () => draft(false) }, "Apply"), cli(`modelway apply -f ${id.replaceAll("/", "-")}.yaml --wait`));
      else close();
    } catch (error) { fill(plan, problem(error)); }
  };
  fill(place, card(["Edit", h("button", { onclick: close }, "Close")], text, h("div", { class: "row" }, h("button", { class: "first", onclick: () => draft(true) }, "Plan"), h("span", { class: "soft" }, "nothing happens before you have seen the plan")), plan));
  text.focus();
}

export const packageCard = told => card(["Package", h("code", { class: "soft", title: told.digest }, short(told.digest))], facts([["Name", `${told.name} ${told.version}`], ["Handler", h("code", {}, told.handler)], ["Framework", [told.framework?.name, told.framework?.version].filter(Boolean).join(" ")], ["Python, SDK", `${told.python}, ${told.sdk}`], ["Files", `${told.files}`], ["Stored", stamp(told.createdAt)]]),
  (told.signature?.endpoints ?? []).map(signature));

/** One endpoint of a signature, as a person reads it. */
export function signature(endpoint) {
  const output = endpoint.output?.members?.length ? `{${endpoint.output.members.map(each => `${each.name}: ${each.label}`).join(", ")}}` : endpoint.output?.label ?? "";
  return h("div", { class: "field" }, h("h3", {}, h("code", {}, endpoint.name), endpoint.streaming && badge("streams", "busy")), endpoint.description && h("p", { class: "soft" }, endpoint.description),
    table([["Input", each => h("code", {}, each.name)], ["Type", each => h("code", {}, each.label)], ["Needed", each => (each.required ? "required" : h("span", { class: "soft" }, "optional"))]], endpoint.inputs ?? [], { none: "It takes no input." }), h("p", {}, h("span", { class: "soft" }, "answers "), h("code", {}, output)));
}

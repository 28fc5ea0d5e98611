// Projects and their models: versions side by side, who gets the traffic, what they take and answer.
import { control, name } from "../api.js";
import { assignmentMarks, editAssignment } from "../assignment.js";
import { chart } from "../chart.js";
import { fill, h } from "../dom.js";
import { follow, followSeries, lately, models as together_, ofModel } from "../fleet.js";
import { attempt, badge, card, changes, cli, differences, dot, empty, head, ms, number, percent, phase, problem, rate, shares, short, stamp, table } from "../parts.js";
import { button, mayDeploy, onlyLooking } from "../rights.js";
import { signature } from "./deployments.js";

export default async function models(page) {
  if (page.path.length >= 2) return one(page, page.path[0], page.path[1]);
  const { main, signal, place } = page;
  const [list, trouble] = [h("div"), h("div")];
  const filter = h("input", { type: "search", placeholder: "filter", "aria-label": "filter", oninput: () => draw() });
  let [all, told] = [null, null];
  const draw = () => {
    const shown = (all ?? []).filter(each => each.name.toLowerCase().includes(filter.value.toLowerCase()));
    const projects = [...new Set(shown.map(each => each.project))];
    fill(list, all && !shown.length && card(null, empty(all.length ? "Nothing fits the filter." : "No model is deployed yet: the Overview says what to do first.")), projects.map(project => card([project, h("span", { class: "soft" }, "project")], table([
      ["Model", each => each.model],
      ["Versions", each => h("span", { class: "row" }, each.deployments.map(one => h("span", {}, `${one.metadata.version} `, phase(one.status.phase))))],
      ["Traffic", each => (each.weights.length ? shares(each.weights, true) : h("span", { class: "soft" }, "nobody is ready"))],
      ["Replicas", each => `${each.deployments.reduce((sum, one) => sum + one.status.replicas.ready, 0)} of ${each.deployments.reduce((sum, one) => sum + one.status.replicas.wanted, 0)}`, { right: true }],
      ["Requests/s", each => rate(lately(ofModel(told, each.name)).rate), { right: true }],
      ["Failed", each => percent(lately(ofModel(told, each.name)).failed), { right: true }],
      ["p99", each => ms(lately(ofModel(told, each.name)).p99), { right: true }],
    ], shown.filter(each => each.project === project), { href: each => `#/models/${each.name}` }))));
  };
  fill(main, head("Models", "projects, their models and versions"), trouble, h("div", { class: "filters" }, filter), list, cli("modelway get routes -o wide"));
  follow(signal, state => { all = together_(state.deployments, state.routes); draw(); place(); }, error => { fill(trouble, error && problem(error)); place(); });
  followSeries(signal, { seconds: 120 }, seen => { told = seen; draw(); });
  return undefined;
}

async function one({ main, signal, place }, project, model) {
  const id = `${project}/${model}`;
  const [split, charts, versions, copies, signatures, past, trouble, editor] = Array.from({ length: 8 }, () => h("div"));
  let [found, told, seen, seconds] = [null, null, "", 900];
  const spans = h("span", { class: "row" }, [[900, "15 min"], [3600, "1 h"], [21600, "6 h"]].map(([length, text]) => h("button", { class: "small", "aria-pressed": String(length === seconds), onclick: event => { seconds = length; for (const each of spans.children) each.setAttribute("aria-pressed", String(each === event.target)); } }, text)));
  const draw = () => {
    if (!found) return;
    fill(charts, panels(told, found.versions));
    fill(versions, card("Versions", versionTable(found, told)));
  };
  fill(main, head(h("span", {}, h("span", { class: "soft" }, `${project}/`), model), null, h("a", { class: "button", href: `#/try/${id}` }, "Try it"), h("a", { class: "button", href: `#/rollout/${id}` }, "Compare versions"), h("a", { class: "button", href: `#/requests?model=${id}` }, "Requests"), h("a", { class: "button", href: `#/logs?model=${id}` }, "Logs")),
    onlyLooking(project), trouble, split, editor, h("div", { class: "title" }, h("h2", { class: "grow" }, "Traffic"), spans), charts, versions, copies, h("div", { class: "two" }, signatures, past), cli(`modelway describe route ${id}`));
  follow(signal, async ({ deployments, routes }) => {
    found = together_(deployments, routes).find(each => each.name === id);
    if (!found) { fill(trouble, problem({ message: `nothing is deployed as ${id}`, hint: "modelway get deployments" })); place(); return; }
    fill(trouble);
    fill(split, splitCard(found, editor));
    draw();
    place();
    if (found.route?.spec.mirrors?.length) control(`routes/${name(project, model)}/mirrors?examples=3`, { signal }).then(told => fill(copies, mirrorCard(id, told)), () => {});
    const packages = JSON.stringify(found.deployments.map(each => each.spec.package));
    if (packages !== seen) { seen = packages; fill(signatures, await signaturesOf(found, signal)); }
    if (found.route) { const { items } = await control(`routes/${name(project, model)}/revisions`, { signal }); fill(past, routeHistory(found, items.sort((a, b) => b.number - a.number))); }
  }, error => { fill(trouble, error && problem(error)); place(); });
  followSeries(signal, () => ({ seconds, project, model }), seen_ => { told = seen_; draw(); });
}

function panels(told, versions) {
  const list = told?.series ?? [];
  const lines = key => list.map(each => ({ name: each.version, points: each[key] }));
  const panel = (title, key, show) => h("div", {}, card([title, h("span", { class: "legend" }, list.map(each => h("span", {}, dot(versions, each.version), each.version, " ", h("b", {}, show(each[key].filter(value => value !== null).at(-1))))))], chart(told?.times ?? [], lines(key), { show, names: versions, floor: key === "failed" ? 0.01 : 0 })));
  return h("div", { class: "two" }, panel("Requests per second", "requests", rate), panel("Failed (5xx)", "failed", percent), panel("p50", "p50", ms), panel("p99", "p99", ms));
}

function versionTable({ deployments, weights, versions, name: id }, told) {
  const total = weights.reduce((sum, each) => sum + each.weight, 0) || 1;
  const seen = version => ofModel(told, id).filter(each => each.version === version);
  return table([
    ["Version", each => [dot(versions, each.metadata.version), each.metadata.version]],
    ["Phase", each => phase(each.status.phase)],
    ["Weight", each => percent((weights.find(one => one.version === each.metadata.version)?.weight ?? 0) / total), { right: true }],
    ["Replicas", each => `${each.status.replicas.ready} of ${each.status.replicas.wanted}`, { right: true }],
    ["Requests/s", each => rate(lately(seen(each.metadata.version)).rate), { right: true }],
    ["Failed", each => percent(lately(seen(each.metadata.version)).failed), { right: true }],
    ["p50", each => ms(lately(seen(each.metadata.version)).p50), { right: true }],
    ["p99", each => ms(lately(seen(each.metadata.version)).p99), { right: true }],
    ["Revision", each => each.metadata.revision, { right: true }],
    ["Package", each => h("code", { title: each.spec.package }, short(each.spec.package))],
    ["Changed", each => stamp(each.metadata.updatedAt)],
  ], deployments, { href: each => `#/deployments/${each.metadata.name}` });
}

function splitCard(found, editor) {
  const route = found.route?.spec;
  const marks = route ? [badge(route.access === "open" ? "open to everybody" : "needs a key", route.access === "open" ? "warn" : "good"), route.idempotent && badge("sent again after failures"), assignmentMarks(route), (route.mirrors ?? []).map(each => badge(`copies ${each.from ?? "all"} → ${each.to}`)), Object.entries(route.aliases ?? {}).map(([alias, version]) => badge(`@${alias} = ${typeof version === "string" ? version : JSON.stringify(version)}`)), (route.limits ?? []).map(each => badge(`limit ${typeof each === "string" ? each : JSON.stringify(each)}`))] : [h("span", { class: "soft" }, "No route is declared: everything goes to the first version that is ready. Deploying never moves traffic by itself.")];
  return card(["Who gets the traffic", button(found.project, { onclick: () => editAssignment(found, editor) }, "Weights and experiments")], found.weights.length ? shares(found.weights) : empty("Nobody is ready."), h("div", { class: "row" }, marks));
}

/** What another version would have said: agreement of copies, and where it differed most. */
function mirrorCard(id, told) {
  return card(["Copies (mirrors)", h("span", { class: "soft" }, `since ${new Date(told.since).toLocaleString("en-GB")}`)], table([["From", each => each.from], ["To", each => each.to], ["Endpoint", each => each.endpoint], ["Copies", each => number(each.copies), { right: true }], ["Compared", each => number(each.compared), { right: true }], ["Agreed", each => percent(each.agreementRate), { right: true }], ["Mean score", each => number(each.meanScore, 4), { right: true }],
    ["Differed most", each => (each.worst ?? []).map(one_ => h("div", {}, h("a", { href: `#/requests/${encodeURIComponent(one_.requestId ?? "")}` }, one_.requestId ?? ""), ` ${one_.why ?? ""}`)), { wide: true }]], told.pairs, { none: "No copy has been recorded yet." }), cli(`modelway mirror report ${id}`));
}

async function signaturesOf({ deployments }, signal) {
  const told = await Promise.all(deployments.map(each => control(`packages/${encodeURIComponent(each.spec.package)}`, { signal }).then(package_ => [each.metadata.version, package_], () => [each.metadata.version, null])));
  const groups = new Map();
  for (const [version, package_] of told) if (package_) {
    const key = JSON.stringify(package_.signature);
    groups.set(key, { package_, versions: [...(groups.get(key)?.versions ?? []), version] });
  }
  return card("Signature", groups.size ? [...groups.values()].map(({ package_, versions }) => [h("p", { class: "soft" }, versions.length > 1 ? `the same for ${versions.join(", ")}` : versions[0], ` · ${package_.framework?.name ?? ""} ${package_.framework?.version ?? ""}`), package_.signature.endpoints.map(signature)]) : empty("No package can be read."));
}

function routeHistory({ name: id, route }, revisions) {
  return card("History of the route", revisions.slice(0, 20).map((each, index) => {
    const before = revisions[index + 1];
    return h("details", { open: index === 0 }, h("summary", {}, h("strong", {}, `#${each.number}`), ` ${each.cause} by ${each.author}, `, stamp(each.createdAt)), before ? changes(differences(before.document.spec, each.document.spec)) : h("p", { class: "soft" }, "the first"),
      each.number !== route.metadata.revision && mayDeploy(route.metadata.project) && [h("button", { onclick: () => attempt(() => control(`routes/${id.split("/").map(encodeURIComponent).join("/")}/undo`, { method: "POST", body: { toRevision: each.number } }), `revision ${number(each.number)} is declared again`) }, `Back to #${each.number}`), cli(`modelway rollout undo route ${id} --to-revision ${each.number}`)]);
  }), cli(`modelway rollout history route ${id}`));
}

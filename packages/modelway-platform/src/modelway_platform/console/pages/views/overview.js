// How everything is, and what to do first where there is nothing yet.
import { control } from "../api.js";
import { chart, spark } from "../chart.js";
import { fill, h } from "../dom.js";
import { follow, followSeries, lately, models, ofModel, together } from "../fleet.js";
import { ago, card, cli, head, ms, number, percent, phase, problem, rate, shares, table, tile } from "../parts.js";

export default async function overview({ main, signal, place, doors }) {
  const [tiles, attention, traffic, list, trouble] = [h("div", { class: "tiles" }), h("div"), h("div"), h("div"), h("div")];
  fill(main, head("Overview", `gateway ${doors.gateway}`), trouble, tiles, attention, traffic, list);
  const state = { models: null, deployments: [], told: null, status: null, endpoints: [] };
  const draw = () => {
    if (!state.models) return;
    fill(tiles, numbers(state));
    fill(attention, concerns(state));
    if (!state.models.length) { fill(traffic, first(state)); fill(list); return; }
    fill(traffic, requests(state));
    fill(list, card("Models", modelTable(state)));
    place();
  };
  const failed = error => fill(trouble, error && problem(error));
  follow(signal, async ({ deployments, routes }) => {
    Object.assign(state, { deployments, models: models(deployments, routes) });
    state.status = await control("status", { signal });
    state.endpoints = (await control("endpoints", { signal })).items;
    draw();
    place();
  }, failed);
  followSeries(signal, { seconds: 900 }, told => { state.told = told; draw(); });
}

function numbers({ deployments, told, status, endpoints }) {
  const all = lately(told?.series ?? []);
  const wanted = deployments.reduce((sum, each) => sum + each.status.replicas.wanted, 0);
  const ready = deployments.reduce((sum, each) => sum + each.status.replicas.ready, 0);
  const table = status?.routeTable;
  return [
    tile("Requests per second", rate(all.rate), "last 30 s"),
    tile("Failed", percent(all.failed), "5xx, last 30 s", all.failed > 0.01 ? "bad" : ""),
    tile("Slowest version's p99", ms(all.p99), "last 10 s with requests"),
    tile("Replicas ready", `${number(ready)} of ${number(wanted)}`, `${number(endpoints.length)} registered`, ready < wanted ? "warn" : ""),
    table && tile("Route table", `#${table.number}`, table.refusal ? "the newest was refused" : table.confirmed === table.number ? "in use by every worker" : `workers are at #${table.confirmed}`, table.refusal ? "bad" : ""),
    status && tile("Platform", status.version, `control runs for ${ago(status.startedAt).replace(" ago", "")}`),
  ];
}

function concerns({ deployments, endpoints, status }) {
  const found = [];
  if (status?.routeTable?.refusal) found.push(["bad", "The newest route table was refused", status.routeTable.refusal, "#/health"]);
  for (const each of deployments) if (each.status.phase !== "Ready") {
    const [what, kind] = [each.metadata.name, ["Failed", "Degraded"].includes(each.status.phase) ? "bad" : ""];
    found.push([kind, `${what} is ${each.status.phase.toLowerCase()}`, each.status.message, `#/deployments/${what}`]);
  }
  for (const each of endpoints) if (each.leftOutBy) found.push(["bad", `${each.id} gets no requests`, `${each.leftOutBy} gateway worker${each.leftOutBy > 1 ? "s leave" : " leaves"} it out after failures`, `#/deployments/${each.project}/${each.model}/${each.version}`]);
  return found.slice(0, 8).map(([kind, title, text, link]) => h("div", { class: `notice ${kind}` }, h("a", { href: link }, title), h("span", { class: "soft" }, text)));
}

function requests({ models: all, told }) {
  const lines = all.map(each => ({ name: each.name, points: together(ofModel(told, each.name)) })).filter(each => each.points.length);
  const top = lines.sort((a, b) => b.points.reduce((x, y) => x + y, 0) - a.points.reduce((x, y) => x + y, 0)).slice(0, 6);
  return card(["Requests per second", h("span", { class: "soft" }, lines.length > 6 ? `the six busiest of ${lines.length} models, ` : "", "last 15 minutes")], chart(told?.times ?? [], top, { show: value => number(value, value < 20 ? 1 : 0) }),
    h("div", { class: "legend" }, top.map((each, index) => h("span", { class: `s${[...top.map(one => one.name)].sort().indexOf(each.name) % 6}`, "data-at": index }, h("i", { class: "dot" }), each.name))));
}

const modelTable = ({ models: all, told }) => table([
  ["Model", each => each.name],
  ["Versions", each => h("span", { class: "row" }, each.deployments.map(one => h("span", {}, `${one.metadata.version} `, phase(one.status.phase))))],
  ["Traffic", each => (each.weights.length ? shares(each.weights, true) : h("span", { class: "soft" }, "nobody is ready"))],
  ["Last 5 minutes", each => spark(together(ofModel(told, each.name)).slice(-150))],
  ["Requests/s", each => rate(lately(ofModel(told, each.name)).rate), { right: true }],
  ["Failed", each => percent(lately(ofModel(told, each.name)).failed), { right: true }],
  ["p50", each => ms(lately(ofModel(told, each.name)).p50), { right: true }],
  ["p99", each => ms(lately(ofModel(told, each.name)).p99), { right: true }],
], all, { href: each => `#/models/${each.name}` });

function first({ status }) {
  return card("Nothing is deployed yet", h("p", { class: "soft" }, "From an empty folder to an answered request; this page shows each step as it happens."),
    h("ol", { class: "steps" },
      h("li", { class: "done" }, `The platform runs (version ${status?.version ?? ""}).`),
      h("li", {}, "Make a small project, try it on your machine, and make a package of it.", cli("modelway new hello", "modelway serve hello", "modelway package hello")),
      h("li", {}, "Say what is to run, and apply it. Its replicas appear here while they are built.", cli("cat > hello.yaml <<'END'", "apiVersion: modelway/v1", "kind: Deployment", "metadata: {project: demo, model: hello, version: v1}", "spec: {package: hello/dist/hello-1.0.0.mwpkg, cluster: local}", "END", "modelway apply -f hello.yaml --wait")),
      h("li", {}, "Send it a request, here under Try it, or so:", cli("modelway call demo/hello --example")),
      h("li", {}, "Give callers keys of their own, with scopes and limits.", cli("modelway key create my-app --scope 'demo/*' --limit 100/s"))));
}

// What gateway and model servers wrote, as it comes; a hundred thousand lines can be gone through.
import { lines, query } from "../api.js";
import { fill, h } from "../dom.js";
import { cli, clock, head, ms, number, problem, shell, status } from "../parts.js";
import { projects } from "../rights.js";
import { VirtualList } from "../virtual.js";
import questions, { tabs } from "../questions.js";

const MOST = 100000;
const KEEP = ["source", "model", "version", "replica", "requestId", "status", "mirrored"];
const cell = (text, width, kind = "") => h("span", { class: kind, style: { width: `${width}ch` }, title: String(text) }, String(text));

const SHOWN = {
  access: each => [cell(clock(each.time), 12, "soft"), h("span", { style: { width: "3ch" } }, status(each.status)), cell(ms(each.duration_ms), 9, "right"), cell(`${each.project ?? ""}/${each.model ?? ""}`, 22), cell(each.version ?? "", 8), cell(each.mirrored ? "copy" : each.consumer ?? "", 16), cell(`${each.method} ${each.path}`, 38), h("a", { href: `#/requests/${encodeURIComponent(each.request_id)}`, class: "soft" }, each.request_id), h("span", { class: "rest warn" }, each.code ?? "")],
  inference: each => [cell(clock(each.time), 12, "soft"), h("span", { style: { width: "3ch" } }, status(each.status)), cell(ms(each.duration_ms), 9), cell(`${each.project}/${each.model}/${each.version}`, 30), cell(each.endpoint, 12), cell(`batch ${each.batch}`, 9), cell(`queue ${ms(each.queue_ms)}`, 16, "soft"), cell(`inference ${ms(each.inference_ms)}`, 20, "soft"), h("a", { href: `#/requests/${encodeURIComponent(each.request_id)}`, class: "soft" }, each.request_id), h("span", { class: "rest warn" }, each.code ?? "")],
  server: each => [cell(each.replica, 24, "soft"), h("span", { class: "rest" }, each.line)],
};
const text = each => (each.line !== undefined ? `${each.replica} ${each.line}` : `${each.project}/${each.model}/${each.version} ${each.endpoint} ${each.status} ${each.code} ${each.consumer ?? ""} ${each.path ?? ""} ${each.request_id} ${each.replica}`).toLowerCase();

export default async function logs(page) {
  if (page.path[0] === "questions") return questions(page);
  const { main, signal, query: given, place } = page;
  const state = { source: "access", ...Object.fromEntries(KEEP.filter(key => given.get(key)).map(key => [key, given.get(key)])) };
  if (!SHOWN[state.source]) state.source = "access";
  if (!state.model && projects().length) [state.model] = projects(); // what a token that is bound to projects may ask for
  const [trouble, command, count] = [h("div"), h("div"), h("span", { class: "soft", role: "status" })];
  const list = new VirtualList({ render: SHOWN[state.source], kind: each => (each.mirrored ? "mirrored" : ""), most: MOST, label: "log", open: each => each.request_id && (location.hash = `#/requests/${encodeURIComponent(each.request_id)}`) });
  const tell = () => { count.textContent = list.fits ? `${number(list.shown.length)} of ${number(list.items.length)} lines` : `${number(list.items.length)} lines`; };
  const change = (key, value) => { location.hash = `#/logs${query({ ...state, [key]: value })}`; };
  const choice = (key, label, options) => h("select", { "aria-label": label, onchange: event => change(key, event.target.value) }, options.map(([value, shown]) => h("option", { value, selected: value === (state[key] ?? "") }, shown)));
  const field = (key, label) => h("input", { placeholder: label, "aria-label": label, value: state[key] ?? "", onchange: event => change(key, event.target.value.trim()) });
  const search = h("input", { type: "search", placeholder: "text in the line", "aria-label": "text in the line", oninput: () => { const wanted = search.value.toLowerCase(); list.filter(wanted ? each => text(each).includes(wanted) : null); tell(); } });
  const follow = h("input", { type: "checkbox", checked: true, id: "follow" });
  fill(main, head("Logs", "the last lines and those to come", count), tabs("lines"), h("div", { class: "filters" },
    choice("source", "source", [["access", "requests at the gateway"], ["inference", "inferences in model servers"], ["server", "what model servers wrote"]]), field("model", "project/model"), field("version", "version"),
    state.source === "server" ? field("replica", "replica") : [choice("status", "status", [["", "any status"], ["2xx", "2xx"], ["4xx", "4xx"], ["5xx", "5xx"], ["4xx,5xx", "from 400 on"]]), choice("mirrored", "copies", [["", "with copies"], ["false", "no copies"], ["true", "copies only"]])],
    search, h("label", { for: "follow" }, follow, "follow"), h("button", { onclick: () => list.toEnd() }, "To the end")), trouble, list.element, command);
  fill(command, cli(["modelway logs", state.model && shell(state.model), state.source !== "access" && `--source ${state.source}`, state.version && `--version ${shell(state.version)}`, state.replica && `--replica ${shell(state.replica)}`, state.mirrored && (state.mirrored === "true" ? "--mirrored" : "--no-mirrored"), state.status && state.source !== "server" && `--status ${state.status}`, "-f --tail 10000"].filter(Boolean).join(" ")));
  place();
  signal.addEventListener("abort", () => list.watch.disconnect(), { once: true });
  read(list, follow, state, signal, tell, error => fill(trouble, error && problem(error)));
  return undefined;
}

/** Lines come one by one and go into the list a few times a second. */
async function read(list, follow, state, signal, tell, failed) {
  const [project, model = ""] = (state.model ?? "").split("/");
  let waiting = [];
  const flush = setInterval(() => { if (waiting.length && follow.checked) { list.add(waiting); waiting = []; tell(); } else if (waiting.length > MOST) waiting.splice(0, waiting.length - MOST); }, 150);
  signal.addEventListener("abort", () => clearInterval(flush), { once: true });
  let tail = 10000;
  while (!signal.aborted) {
    try {
      for await (const each of lines(`logs${query({ source: state.source, project, model, version: state.version, replica: state.replica, requestId: state.requestId, mirrored: state.mirrored, status: state.source === "server" ? "" : state.status, tail, follow: "true" })}`, signal)) waiting.push(each);
    } catch (error) { if (!signal.aborted) failed(error); if (error.status === 400) return; }
    tail = 0; // what came before is there already
    await new Promise(resolve => { setTimeout(resolve, 1500); });
    if (!signal.aborted) failed(null);
  }
}

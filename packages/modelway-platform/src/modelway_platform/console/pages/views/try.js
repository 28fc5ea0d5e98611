// Any deployed model, asked by a form that its signature makes; two versions side by side; the same as curl or Python.
import { control, gateway, name } from "../api.js";
import { answerBox, sameMarks } from "../answers.js";
import { fill, h } from "../dom.js";
import { formOf, textOf } from "../forms.js";
import { models } from "../fleet.js";
import { card, cli, copy, empty, head, problem, shell } from "../parts.js";

export default async function tryIt({ main, path, query: given, signal, place, doors }) {
  const [deployments, routes] = await Promise.all(["deployments", "routes"].map(async kind => (await control(kind, { signal })).items));
  const all = models(deployments, routes).filter(each => each.deployments.length);
  if (!all.length) { fill(main, head("Try it"), card(null, empty("No model is deployed yet: the Overview says what to do first."))); place(); return; }
  const wanted = path.length >= 2 ? path.slice(0, 2).join("/") : all[0].name;
  const found = all.find(each => each.name === wanted);
  if (!found) { fill(main, head("Try it"), problem({ message: `nothing is deployed as ${wanted}`, hint: "choose a model below" }), card(null, all.map(each => h("p", {}, h("a", { href: `#/try/${each.name}` }, each.name))))); place(); return; }
  const state = { version: path[2] ?? "", other: given.get("other") ?? "", endpoint: given.get("endpoint") ?? "", json: false };
  const asked = found.deployments.find(each => each.metadata.version === state.version) ?? found.deployments.find(each => found.weights.some(one => one.version === each.metadata.version)) ?? found.deployments[0];
  const package_ = await control(`packages/${encodeURIComponent(asked.spec.package)}`, { signal });
  const endpoints = package_.signature.endpoints;
  const endpoint = endpoints.find(each => each.name === state.endpoint) ?? endpoints[0];
  const examples = (package_.examples ?? []).filter(each => each.endpoint === endpoint.name);
  const again = change => { const next = { ...state, endpoint: endpoint.name, ...change }; const more = new URLSearchParams(Object.entries({ other: next.other, endpoint: next.endpoint === endpoints[0].name ? "" : next.endpoint }).filter(([, value]) => value)).toString(); location.hash = `#/try/${next.model ?? found.name}${next.version ? `/${encodeURIComponent(next.version)}` : ""}${more ? `?${more}` : ""}`; };
  const select = (label, key, options, value) => h("select", { "aria-label": label, onchange: event => again(key === "model" ? { model: event.target.value, version: "", other: "", endpoint: "" } : { [key]: event.target.value }) }, options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)));
  const [place_, out, codes] = [h("div"), h("div"), h("div")];
  let form;
  const target = version => [found.project, found.model, ...(version ? [version] : []), endpoint.name];
  const tell = () => { try { fill(codes, samples(found, state.version, endpoint, form, doors)); } catch (error) { fill(codes, problem(error)); } };
  const show = request => {
    form = state.json ? textOf(request) : formOf(endpoint, request);
    fill(place_, form.element);
    tell();
  };
  const toggle = h("button", { type: "button", "aria-pressed": "false", onclick: () => { let request; try { request = form.read(); } catch { request = {}; } state.json = !state.json; toggle.setAttribute("aria-pressed", String(state.json)); show(request); } }, "as JSON");
  const send = async () => {
    let request;
    try { request = form.text(); } catch (error) { fill(out, problem(error)); return; }
    const lives = [];
    const ask = (title, version) => { lives.push(h("pre")); return answerBox(title, () => gateway(name(...target(version)), { method: "POST", body: request, signal, headers: { "content-type": "application/json", ...(endpoint.streaming ? { accept: "text/event-stream" } : {}) } }), lives.at(-1)); };
    button.disabled = true;
    const asked_ = [ask(state.version || "by the route's weights", state.version), ...(state.other ? [ask(state.other, state.other)] : [])];
    if (endpoint.streaming) fill(out, h("div", { class: "answers" }, lives));
    const answers = await Promise.all(asked_);
    fill(out, h("div", { class: "answers" }, answers.map(each => each.element)), answers.length > 1 && sameMarks(answers[0].value, answers[1].value));
    button.disabled = false;
  };
  const button = h("button", { class: "first" }, "Send");
  const versions = found.versions.map(each => [each, each]);
  const whole = h("form", { onsubmit: event => { event.preventDefault(); send(); }, oninput: tell, onkeydown: event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); } } }, endpoint.description && h("p", { class: "soft" }, endpoint.description),
    examples.length ? h("div", { class: "row" }, h("span", { class: "soft" }, "examples of the package"), examples.slice(0, 6).map((each, index) => h("button", { type: "button", class: "small", onclick: () => show(each.request) }, String(index + 1)))) : null, place_,
    h("div", { class: "row end" }, h("kbd", {}, "Ctrl Enter"), toggle, button));
  fill(main, head("Try it", null, select("model", "model", all.map(each => [each.name, each.name]), found.name), select("version", "version", [["", "by weights"], ...versions], state.version), h("span", { class: "soft" }, "beside"), select("version to compare with", "other", [["", "nothing"], ...versions], state.other), endpoints.length > 1 && select("endpoint", "endpoint", endpoints.map(each => [each.name, each.name]), endpoint.name)),
    h("div", { class: "two" }, card(["Request", h("code", { class: "soft" }, endpoint.name)], whole), h("div", {}, card("Answer", fill(out, empty("Nothing was sent yet.")), endpoint.streaming && h("p", { class: "soft" }, "This endpoint streams: its pieces are shown as they come.")), card("The same elsewhere", codes))));
  show(examples[0]?.request ?? {});
  place();
}

function samples(found, version, endpoint, form, doors) {
  const path = [found.project, found.model, ...(version ? [version] : []), endpoint.name].map(encodeURIComponent).join("/");
  const id = `${found.name}${version ? `/${version}` : ""}`;
  const [request, body] = [form.read(), form.text()];
  const curl = `curl -s ${doors.gateway}/${path} -H "X-API-Key: $MODELWAY_KEY" -H 'Content-Type: application/json' -d ${shell(body)}`;
  const python = ["from modelway.client import ModelClient", "", `with ModelClient(${JSON.stringify(id)}) as model:`, `    print(model.call(${pythonOf(request)}${endpoint.name === "predict" ? "" : `, endpoint=${JSON.stringify(endpoint.name)}`}))`].join("\n");
  return [cli(`modelway call ${shell(id)} ${shell(endpoint.name)} -d ${shell(body)}`),
    [["curl", curl], ["Python", python]].map(([title, text]) => h("div", { class: "sample" }, h("details", {}, h("summary", {}, title), h("pre", {}, text)), h("button", { type: "button", class: "small", onclick: () => copy(text) }, `copy as ${title}`)))];
}

/** A JSON value as Python writes it. */
export function pythonOf(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${pythonOf(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}

// Which requests there were; one request's whole way and where its time went; the same once more, to another version.
import { control, gateway, name, ownRecords, query } from "../api.js";
import { projects } from "../rights.js";
import { fill, h } from "../dom.js";
import { feedbackCard } from "../feedback.js";
import { badge, card, cli, clock, empty, differences, facts, head, ms, number, problem, shell, size, stamp, status, table } from "../parts.js";
import { answerBox, sameMarks } from "../answers.js";

const MOST = 300;
const STAGES = ["queue", "preprocess", "inference", "postprocess", "encode"];

export default async function requests(page) {
  if (page.path[0]) return one(page, page.path[0]);
  const { main, query: given, signal, place } = page;
  const state = Object.fromEntries(["model", "version", "consumer", "status", "over", "id", "mirrored"].map(key => [key, given.get(key) ?? ""]));
  const field = (key, label, type = "text") => h("input", { type, name: key, placeholder: label, "aria-label": label, value: state[key] });
  const select = (key, label, options) => h("select", { name: key, "aria-label": label }, options.map(([value, shown]) => h("option", { value, selected: value === state[key] }, shown)));
  const form = h("form", { class: "filters", role: "search", onsubmit: event => { event.preventDefault(); const wanted = Object.fromEntries(new FormData(form)); location.hash = wanted.id ? `#/requests/${encodeURIComponent(wanted.id.trim())}` : `#/requests${query(wanted)}`; } },
    field("id", "request id", "search"), field("model", "project/model"), field("version", "version"), field("consumer", "consumer"),
    select("status", "status", [["", "any status"], ["2xx", "2xx"], ["4xx", "4xx"], ["5xx", "5xx"], ["4xx,5xx", "from 400 on"]]), field("over", "slower than, ms"), select("mirrored", "copies", [["", "with copies"], ["false", "no copies"], ["true", "copies only"]]), h("button", { class: "first" }, "Search"));
  const found = h("div");
  const [project, model] = state.model.split("/");
  fill(main, head("Requests", "records of the gateway, newest first"), form, found);
  const slower = state.over && `${Number(state.over) || 0}ms`;
  const fitting = (await ownRecords({ source: "access", project, model, version: state.version, mirrored: state.mirrored, status: state.status, consumer: state.consumer, slower, tail: MOST }, projects(), signal)).reverse();
  fill(found, card([`${number(fitting.length)} requests`, h("span", { class: "soft" }, fitting.length === MOST ? "the newest that fit; older ones under Logs, Questions" : "")], requestTable(fitting)), cli(["modelway logs", state.model && shell(state.model), state.version && `--version ${shell(state.version)}`, state.status && `--status ${state.status}`, slower && `--slower ${slower}`, state.consumer && `--consumer ${shell(state.consumer)}`, state.mirrored && (state.mirrored === "true" ? "--mirrored" : "--no-mirrored"), `--tail ${MOST}`].filter(Boolean).join(" ")));
  place();
  return undefined;
}

export const requestTable = rows => table([
  ["Time", each => clock(each.time)], ["Status", each => [status(each.status), each.code ? h("span", { class: "soft" }, ` ${each.code}`) : ""]], ["Took", each => ms(each.duration_ms), { right: true }],
  ["Model", each => (each.model ? `${each.project}/${each.model}` : h("code", {}, each.path))], ["Version", each => [each.version, each.mirrored ? badge("copy") : ""]], ["Endpoint", each => each.endpoint], ["Consumer", each => each.consumer], ["Replica", each => h("span", { class: "soft" }, each.replica)], ["Id", each => h("code", { class: "soft" }, each.request_id)],
], rows, { href: each => `#/requests/${encodeURIComponent(each.request_id)}`, kind: each => (each.mirrored ? "mirrored" : ""), none: "No request fits." });

async function one({ main, signal, place, doors }, id) {
  const [access, inference] = await found(id, signal);
  const asked = access.find(each => !each.mirrored) ?? access[0];
  if (!asked) {
    fill(main, head(h("span", {}, "Request ", h("code", {}, id))), problem({ message: "no record has this id", hint: "records appear within a second and are kept for a while; older ones: modelway logs query" }), cli(`modelway logs --request-id ${shell(id)}`));
    place();
    return;
  }
  const inside = inference.filter(each => !each.step);
  const served = inside.find(each => each.replica === asked.replica && !each.mirrored) ?? inside[0];
  const why = h("div");
  fill(main, head(h("span", {}, "Request ", h("code", {}, id)), `${clock(asked.time)} on ${new Date(asked.time * 1000).toLocaleDateString("en-GB")}`),
    h("div", { class: "two" },
      card(["What happened", status(asked.status)], facts([["Asked for", h("code", {}, `${asked.method} ${asked.path}`)], ["By", asked.consumer || "somebody without a key"], ["From", asked.client], ["Answered by", asked.model ? h("span", {}, h("a", { href: `#/deployments/${asked.project}/${asked.model}/${asked.version}` }, `${asked.project}/${asked.model}/${asked.version}`), ` ${asked.replica ?? ""}`) : "the gateway itself"], asked.gateway && ["Through", `gateway ${asked.gateway}, worker ${asked.worker}`], asked.code && ["Error", h("code", {}, asked.code)], ["Sent again", asked.retries ? `${asked.retries} times` : "never"], ["Body, answer", `${size(asked.bytes_in)}, ${size(asked.bytes_out)}`], served && ["Batch", `${served.batch} together, went because ${served.closed}`], served?.trace_id && ["Trace", h("code", {}, served.trace_id)]]), why),
      card(["Where the time went", h("strong", {}, ms(asked.duration_ms))], waterfall(asked, served))),
    access.filter(each => each.mirrored).length ? card("Copies", copies(access.filter(each => each.mirrored))) : null,
    served?.fields && card("Fields of the handler", h("pre", {}, JSON.stringify(served.fields, null, 2))),
    payloads(served), await replay(asked, served, signal, doors), asked.model && served ? feedbackCard(asked.project, id) : null, cli(`modelway logs --request-id ${shell(id)}`, `modelway route explain --request-id ${shell(id)}`));
  fill(why, h("h3", {}, "Why this version"), h("ul", {}, sentences(asked).map(each => h("li", {}, each))));
  place();
}

/** The records of gateway and model server; those of a request that has just ended may take a moment to be written. */
async function found(id, signal) {
  for (let attempt = 0; ; attempt += 1) {
    const [access, inference] = await Promise.all(["access", "inference"].map(source => ownRecords({ source, requestId: id, tail: 100 }, projects(), signal)));
    const late = access.length ? !inference.length && access[0].replica && Date.now() / 1000 - access[0].time < 5 : true;
    if (!late || attempt === 6) return [access, inference];
    await new Promise(resolve => { setTimeout(resolve, 500); });
  }
}

/** As `modelway route explain --request-id` says it (cli/reason_words.py). */
function sentences({ reason = "", version }) {
  const words = { url: value => `the address matches the URL ${value}, which the route publishes`, "open-inference": () => "the address is one of the Open Inference Protocol", weights: () => (version ? `the weights of the route gave this turn to version ${version}` : "the weights decide"), pinned: () => `the address, or the URL published for it, names version ${version}`, alias: value => `the alias @${value} means version ${version}`, sticky: value => `the caller stays with version ${version}, by its ${value}`, experiment: value => `experiment ${value.replace("=", ", arm ")}: the caller belongs to version ${version}`, retried: value => `it was sent again, as these replicas failed it: ${value.replaceAll(",", ", ")}` };
  const found = reason.split(" ").filter(Boolean).map(word => { const [key, ...rest] = word.split(":"); return words[key]?.(rest.join(":")) ?? word; });
  return found.length ? found : ["it was answered before a version was chosen"];
}

function waterfall(asked, served) {
  const whole = Math.max(asked.duration_ms, asked.upstream_ms ?? 0, 0.001);
  const lane = (what, from, length, kind) => [h("span", {}, what), h("div", { class: "lane" }, h("i", { class: kind, style: { left: `${(from / whole) * 100}%`, width: `${Math.min(100, (length / whole) * 100)}%` } })), h("span", { class: "right" }, ms(length))];
  const upstream = asked.upstream_ms ?? 0;
  const before = (whole - upstream) / 2;
  const rows = [lane("the whole request", 0, whole, "s0"), lane("waiting for the replica", before, upstream, "s1")];
  if (served) {
    let at = before + Math.max(0, (upstream - served.duration_ms) / 2);
    rows.push(lane("in the model server", at, served.duration_ms, "s5"));
    for (const stage of STAGES) { const length = served[`${stage}_ms`] ?? 0; rows.push(lane(h("span", { class: "soft" }, `\u2003${stage}`), at, length, stage === "inference" ? "s2" : "s3")); at += length; }
  }
  return [h("div", { class: "waterfall" }, rows), h("p", { class: "soft" }, served ? "Lengths are measured, each by the process it passed in; where one lies within the other is drawn, not measured." : "No inference record: the request did not reach a model server, or its log is off.")];
}

const copies = rows => table([["To", each => each.version], ["Status", each => status(each.status)], ["Took", each => ms(each.duration_ms), { right: true }], ["Same answer", each => (each.agree === true ? badge("yes", "good") : each.agree === false ? badge("no", "bad") : h("span", { class: "soft" }, each.uncompared ?? "not compared"))], ["Score", each => (each.score === undefined ? "" : number(each.score, 4)), { right: true }], ["Why", each => each.why, { wide: true }]], rows);

function payloads(served) {
  if (!served || ![served.request, served.request_omitted, served.answer, served.answer_omitted].some(each => each !== undefined)) return null;
  const shown = (what, value, omitted) => card(what, value === undefined ? empty(omitted ? `Left out: ${omitted}.` : "Nothing is on record.") : h("pre", {}, JSON.stringify(value, null, 2)));
  const cut = served.answer_truncated && badge(`the first ${served.answer.length} of ${served.pieces} pieces`, "warn");
  return h("div", { class: "two" }, shown("What was asked", served.request, served.request_omitted), shown(["What was answered", cut || ""], served.answer, served.answer_omitted));
}

/** Where a request goes once more: one of the Open Inference Protocol, over gRPC too, as the JSON that is on record of it. */
function way(asked, served) {
  const protocol = served?.request !== undefined && ["grpc", "open_inference"].includes(served.transport);
  const endpoint = served?.endpoint || asked.endpoint;
  const path = version => (protocol ? name(asked.project, "v2", "models", asked.model, "versions", version, "infer") : name(asked.project, asked.model, version, endpoint));
  const line = (version, body, at) => (protocol ? `curl ${at}/${path(version)} -H "Authorization: Bearer $MODELWAY_KEY" -d ${shell(body)}` : `modelway call ${asked.project}/${asked.model}/${version} ${endpoint} -d ${shell(body)}`);
  return { endpoint, path, line };
}

async function replay(asked, served, signal, doors) {
  if (!asked.model || !asked.endpoint) return null;
  const to = way(asked, served);
  const { items } = await control("deployments", { signal });
  const versions = items.filter(each => each.metadata.project === asked.project && each.metadata.model === asked.model && each.status.replicas.ready > 0);
  if (!versions.length) return card("Once more", empty("No version of this model is ready."));
  const package_ = await control(`packages/${encodeURIComponent(versions[0].spec.package)}`, { signal }).catch(() => ({}));
  const example = (package_.examples ?? []).find(each => each.endpoint === to.endpoint)?.request;
  const kept = served?.request !== undefined;
  const body = h("textarea", { rows: 6, spellcheck: "false", "aria-label": "body", value: JSON.stringify(kept ? served.request : example ?? {}) });
  const chosen = h("select", { "aria-label": "version" }, versions.map(each => h("option", { value: each.metadata.version, selected: each.metadata.version !== asked.version }, each.metadata.version)));
  const [out, command, past] = [h("div"), h("div"), h("div")];
  const sent = [];
  const tell = () => fill(command, cli(to.line(chosen.value, body.value, doors.gateway)));
  const send = async () => {
    const button = form.querySelector("button");
    button.disabled = true;
    const told = await answerBox(`${chosen.value}, now`, () => gateway(to.path(chosen.value), { method: "POST", body: body.value, headers: { "content-type": "application/json" }, signal }));
    const before = served?.answer !== undefined && { element: h("div", {}, h("h3", {}, `${asked.version}, then`), h("pre", {}, JSON.stringify(served.answer, null, 2))), value: served.answer };
    fill(out, h("div", { class: "answers" }, before && before.element, told.element), before && sameMarks(before.value, told.value));
    sent.unshift({ at: new Date().toISOString(), version: chosen.value, body: body.value, told, differs: served?.answer === undefined || told.value === undefined ? null : differences({ answer: served.answer }, { answer: told.value }) });
    fill(past, overTime(asked, served, sent));
    button.disabled = false;
  };
  const form = h("form", { onsubmit: event => { event.preventDefault(); send(); } }, h("p", { class: "soft" }, kept ? "What the caller sent, from the inference log." : ["The payload is not on record (", h("code", {}, "INFERENCE_LOG_PAYLOADS"), " in the deployment's env keeps a share of them): below is the package's example."]), body, h("div", { class: "row end" }, "to version", chosen, h("button", { class: "first" }, "Send")));
  body.addEventListener("input", tell);
  chosen.addEventListener("change", tell);
  tell();
  return card(["Once more, to this or another version", h("span", { class: "soft" }, doors.gateway)], form, out, past, command);
}

/** The first answer and each one since, so that it can be seen what has changed over time and between versions. */
function overTime(asked, served, sent) {
  const first = { at: new Date(asked.time * 1000).toISOString(), version: asked.version, first: true };
  const same = each => (each.first ? h("span", { class: "soft" }, "the request itself") : each.body !== sent[0].body ? badge("another body") : each.differs === null ? h("span", { class: "soft" }, "cannot be compared") : each.differs.length ? badge(`${each.differs.length} differ: ${each.differs.slice(0, 3).map(one_ => one_.path.replace(/^answer\.?/, "") || "answer").join(", ")}`, "warn") : badge("the same", "good"));
  return [h("h3", {}, "Over time"), table([["When", each => stamp(each.at)], ["Version", each => each.version], ["Status", each => status(each.first ? asked.status : each.told.status)], ["Took", each => ms(each.first ? asked.duration_ms : each.told.took), { right: true }], ["Against the first answer", same, { wide: true }]], [...sent, first])];
}

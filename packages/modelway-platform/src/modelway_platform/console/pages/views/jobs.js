// Asynchronous requests: queues, states, dead letters; cancel and replay.
import { gateway, poll, query } from "../api.js";
import { keyWanted } from "../callingkey.js";
import { confirmed, fill, h } from "../dom.js";
import { attempt, badge, card, cli, empty, facts, head, number, problem, shell, size, span, stamp, status, table } from "../parts.js";

const STATES = ["queued", "running", "succeeded", "failed", "dead", "expired", "cancelled"];
const KINDS = { succeeded: "good", failed: "bad", dead: "bad", expired: "warn", running: "busy", queued: "busy" };
const ENDED = new Set(["succeeded", "failed", "dead", "expired", "cancelled"]);
const json = async (path, options) => (await gateway(path, options)).json();
const state = each => badge(each, KINDS[each] ?? "");

export default async function jobs(page) {
  if (page.path[0]) return one(page, page.path[0]);
  const { main, query: given, signal, place } = page;
  const wanted = { model: given.get("model") ?? "", state: given.get("state") ?? "", before: given.get("before") ?? "" };
  const [queues, list, trouble] = [h("div"), h("div"), h("div")];
  const go = change => { location.hash = `#/jobs${query({ ...wanted, before: "", ...change })}`; };
  fill(main, head("Jobs", "requests that were handed over with Prefer: respond-async"), trouble, queues,
    h("div", { class: "filters" }, h("input", { type: "search", placeholder: "project/model", "aria-label": "model", value: wanted.model, onchange: event => go({ model: event.target.value.trim() }) }), h("select", { "aria-label": "state", onchange: event => go({ state: event.target.value }) }, [["", "every state"], ...STATES.map(each => [each, each])].map(([value, text]) => h("option", { value, selected: value === wanted.state }, text)))), list);
  let hidden = false; // the key is none of an admin's
  const look = async () => {
    const [depth, found] = await Promise.all([hidden ? null : json("_/jobs/queues", { signal }).catch(error => { if (error.status !== 403) throw error; hidden = true; return null; }), json(`_/jobs${query({ ...wanted, limit: 50 })}`, { signal })]);
    fill(queues, depth === null ? card("Queues", empty("All queues are shown to admin keys alone; below are the jobs of yours.")) : card("Queues", depth.items.length ? table([["Model", each => each.model], ["Waiting", each => number(each.queued), { right: true }], ["Oldest waits", each => (each.queued ? span(each.oldestSeconds ?? each.oldest_seconds ?? 0) : ""), { right: true }], ["Running", each => number(each.running), { right: true }], ["Dead letters", each => (each.dead ? h("span", { class: "bad" }, number(each.dead)) : "0"), { right: true }], ["Again", each => each.dead > 0 && h("button", { class: "small", onclick: () => replayDead(each.model) }, "Replay dead letters…")]], depth.items) : empty("No queue has anything in it."), cli("modelway job list --queues")));
    fill(list, card(null, table([["Job", each => h("code", {}, each.id)], ["Model", each => each.model], ["State", each => state(each.state)], ["Priority", each => each.priority, { right: true }], ["Tries", each => each.attempts, { right: true }], ["Made", each => stamp(each.createdAt)], ["Result", each => (each.result ? [status(each.result.status), ` ${size(each.result.bytes)}`] : each.error?.code ?? "")], ["Consumer", each => each.consumer]], found.items, { href: each => `#/jobs/${each.id}`, none: wanted.model || wanted.state ? "No job fits." : "No job was handed over yet." }),
      found.next && h("button", { onclick: () => go({ before: found.next }) }, "Older ones"), cli(`modelway job list${wanted.model ? ` --model ${shell(wanted.model)}` : ""}${wanted.state ? ` --state ${wanted.state}` : ""}`), !found.items.length && cli("modelway call vision/digits --example --async")));
    place();
  };
  let asking = false; // whoever types a key is not disturbed
  await poll(3000, signal, () => (asking ? undefined : look()), error => {
    const form = error && keyWanted(error, async () => { await look(); asking = false; fill(trouble); });
    if (form) asking = true;
    if (!asking || form) fill(trouble, form ?? (error && problem(error)));
    place();
  });
  return undefined;
}

async function replayDead(model) {
  if (await confirmed(`Replay the dead letters of ${model}?`, "Each is queued again with all its tries.", "Replay", cli(`modelway job replay --dead ${shell(model)}`), false)) await attempt(async () => {
    const { items } = await json(`_/jobs${query({ model, state: "dead", limit: 100 })}`);
    for (const each of items) await gateway(`_/jobs/${each.id}/replay`, { method: "POST" });
  }, "queued again");
}

async function one({ main, signal, place }, id) {
  const box = h("div");
  const path = `_/jobs/${encodeURIComponent(id)}`;
  fill(main, head(h("span", {}, "Job ", h("code", {}, id))), box);
  let [last, body] = ["", null];
  await poll(2000, signal, async () => {
    const job = await json(path, { signal });
    if (JSON.stringify(job) === last) return;
    last = JSON.stringify(job);
    if (ENDED.has(job.state) && job.result && body === null) body = await gateway(`${path}/result`, { signal }).then(answer => answer.text(), error => error.message);
    fill(box, card([state(job.state), h("span", { class: "row" }, !ENDED.has(job.state) && h("button", { class: "danger", onclick: () => attempt(() => gateway(path, { method: "DELETE" }), "cancelled") }, "Cancel"), ENDED.has(job.state) && job.state !== "succeeded" && h("button", { class: "first", onclick: () => attempt(() => gateway(`${path}/replay`, { method: "POST" }), "queued again") }, "Replay"))],
      facts([["Model", h("a", { href: `#/models/${job.model}` }, job.model)], ["Asked for", h("code", {}, job.target)], ["By", job.consumer], ["Made", stamp(job.createdAt)], job.startedAt && ["Started", stamp(job.startedAt)], job.finishedAt && ["Ended", stamp(job.finishedAt)], ["Expires", new Date(job.expiresAt).toLocaleString("en-GB")], ["Priority, tries", `${job.priority}, ${job.attempts}`], job.position !== undefined && ["Place in the queue", number(job.position)], ["Durability", job.durability], ["Request", h("a", { href: `#/requests/${encodeURIComponent(`${job.id}.1`)}` }, "its first execution")], job.error && ["Error", `${job.error.code ?? ""} ${job.error.message ?? ""}`]])),
    body !== null && card(["Result", job.result && status(job.result.status)], h("pre", {}, body)), cli(`modelway job get ${id}`, ENDED.has(job.state) ? `modelway job result ${id}` : `modelway job cancel ${id}`));
    place();
  }, error => { if (error) fill(box, problem(error)); place(); });
}

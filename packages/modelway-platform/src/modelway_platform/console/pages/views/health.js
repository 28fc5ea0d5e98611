// Is every part well: gateway workers and their tables, replicas, the collector, what was dropped or refused.
import { about, control, gateway, poll } from "../api.js";
import { fill, h } from "../dom.js";
import { badge, card, cli, facts, head, number, percent, problem, size, span, stamp, table } from "../parts.js";
import { parse, sum } from "../metrics.js";
import { outputsCard } from "../outputs.js";

const GATEWAY = [
  ["modelway_gateway_access_log_dropped_total", "Access records that could not be written"],
  ["modelway_gateway_route_table_rejected_total", "Route tables that could not be read"],
  ["modelway_gateway_retries_total", "Requests sent again to another replica", true],
  ["modelway_gateway_retries_denied_total", "Not sent again, as the retry budget was used up"],
  ["modelway_gateway_ejections_total", "Replicas left out for a while"],
  ["modelway_gateway_shed_total", "Requests shed, as they could not be answered in time"],
  ["modelway_gateway_refused_heads_total", "Requests whose head could not be accepted"],
  ["modelway_gateway_connections_refused_total", "Connections dropped over a limit"],
  ["modelway_gateway_handshakes_failed_total", "Connections that never became TLS"],
  ["modelway_gateway_replicas_not_believed_total", "Replicas without the TLS that was declared"],
  ["modelway_jobs_refused_total", "Requests refused, as jobs could not be kept"],
];
const CONTROL = [
  ["modelway_logs_set_aside_total", "Lines of logs that were no records"],
  ["modelway_route_tables_refused_total", "Route tables that were refused before anybody used them"],
];

export default async function health({ main, signal, place }) {
  const [outputs, workers, replicas, counts, trouble] = Array.from({ length: 5 }, () => h("div"));
  const parts = h("div", { class: "three" });
  fill(main, head("Health", "every part of the platform, every three seconds"), trouble, parts, h("div", { class: "two" }, workers, replicas), outputs, counts, cli("modelway get gateways", "modelway get endpoints --watch"));
  await poll(3000, signal, async () => {
    const [status, gateways, endpoints, ours, theirs] = await Promise.all([control("status", { signal }), control("gateways", { signal }), control("endpoints", { signal }), about("metrics", { signal }).then(answer => answer.text()), gateway("_/metrics", { signal }).then(answer => answer.text(), () => "")]);
    const [at, of] = [parse(ours), parse(theirs)];
    fill(parts, cards(status, at, of, theirs));
    fill(outputs, outputsCard(status.outputs, at));
    fill(workers, card("Gateway workers", table([["Worker", each => each.id], ["Route table", each => `#${each.table}`, { right: true }], ["Newest", each => `#${each.newest}`, { right: true }], ["State", each => (each.reason ? badge(each.reason, "bad") : each.table === each.newest ? badge("current", "good") : badge("behind", "warn"))], ["Taken", each => each.takenAt && stamp(each.takenAt)]], gateways.items, { none: "No worker has said anything yet." })));
    fill(replicas, card("Replicas", table([["Replica", each => each.id], ["Of", each => `${each.project}/${each.model}/${each.version}`], ["Address", each => h("code", {}, `${each.host}:${each.port}`)], ["State", each => (each.leftOutBy ? badge(`left out by ${each.leftOutBy}`, "bad") : badge("gets requests", "good"))]], endpoints.items, { href: each => `#/logs?source=server&replica=${encodeURIComponent(each.id)}`, none: "No replica is registered." })));
    fill(counts, card(["Since the start", h("span", { class: "soft" }, "what should be zero, and is coloured where it is not")], table([["What", ([, text]) => text, { wide: true }], ["How often", ([key, , harmless], __) => { const value = sum((at.has(key) ? at : of).get(key)); return h("span", { class: value && !harmless ? "warn" : "" }, number(value)); }, { right: true }], ["Metric", ([key]) => h("code", { class: "soft" }, key)]], [...GATEWAY, ...CONTROL])));
    place();
  }, error => { fill(trouble, error && problem(error)); place(); });
}

function cards(status, at, of, theirs) {
  const table_ = status.routeTable;
  const silent = sum(at.get("modelway_logs_collector_silent_seconds"));
  const failing = sum(at.get("modelway_logs_collector_failing"));
  const used = of.get("modelway_gateway_replica_up") ?? [];
  return [
    card(["Control", badge("answers", "good")], facts([["Version", status.version], ["Runs for", span((Date.now() - new Date(status.startedAt)) / 1000)], ["Deployments, routes", `${number(status.deployments)}, ${number(status.routes)}`], ["Replicas registered", number(status.endpoints)], ["Route table", `#${table_.number}, ${number(table_.models)} models, ${number(table_.replicas)} replicas`], ["In use by all", `#${table_.confirmed}`], table_.refusal && ["Refused", h("span", { class: "bad" }, table_.refusal)]])),
    card(["Gateway", theirs ? badge("answers", "good") : badge("does not answer", "bad")], facts([["Requests", number(sum(of.get("modelway_gateway_requests_total")))], ["Connections", number(sum(of.get("modelway_gateway_connections")))], ["Received, sent", `${size(sum(of.get("modelway_gateway_bytes_received_total")))}, ${size(sum(of.get("modelway_gateway_bytes_sent_total")))}`], ["Replicas in use", used.length ? `${used.filter(([, value]) => value === 1).length} of ${used.length}` : "–"], ["WebSockets", number(sum(of.get("modelway_gateway_tunnels")))], ["Jobs waiting, running", `${number(sum(of.get("modelway_jobs_queued")))}, ${number(sum(of.get("modelway_jobs_running")))}`], ["Dead letters", number(sum(of.get("modelway_jobs_dead")))]])),
    card(["Collector of records", failing ? badge("fails", "bad") : silent > 30 ? badge("silent", "warn") : badge("collects", "good")], facts([["Records", number(sum(at.get("modelway_logs_records_total")))], ["Behind", size(sum(at.get("modelway_logs_behind_bytes")))], ["Last turn", `${span(silent)} ago`], ["Store", `${number(sum(at.get("modelway_logs_files")))} files, ${size(sum(at.get("modelway_logs_bytes")))}`], ["Let go by age or size", number(sum(at.get("modelway_logs_expired_total")))], ["Set aside", percent(sum(at.get("modelway_logs_set_aside_total")) / Math.max(1, sum(at.get("modelway_logs_records_total"))))]])),
  ];
}

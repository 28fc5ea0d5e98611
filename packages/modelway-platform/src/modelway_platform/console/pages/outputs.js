// Where collected records are sent on to: how far each output has come, and what is wrong with it.
import { h } from "./dom.js";
import { badge, card, cli, empty, number, span, table } from "./parts.js";
import { sum } from "./metrics.js";

const KINDS = { otlp: "OTLP", kafka: "Kafka", parquet: "Parquet" };
const BEHIND_SECONDS = 600; // from then on the alert rules say so, too
const SILENT_SECONDS = 30;

/** `outputs` of the platform's status, and control's metrics. */
export function outputsCard(outputs = [], metrics) {
  const unusable = sum(metrics.get("modelway_outputs_settings_failing")) > 0;
  const silent = sum(metrics.get("modelway_outputs_silent_seconds"));
  return card(["Outputs", h("span", { class: "row" }, unusable && badge("outputs.toml cannot be used", "bad"), outputs.length > 0 && silent > SILENT_SECONDS && badge(`silent for ${span(silent)}`, "warn"), h("span", { class: "soft" }, "records that are sent on, as they are collected"))],
    unusable && h("p", { class: "soft" }, "What was declared before goes on; logs/outputs.log in the state directory says what is wrong."),
    outputs.length ? table([
      ["Output", each => each.name],
      ["Kind", each => KINDS[each.kind] ?? each.kind],
      ["State", standing],
      ["Lag", each => span(each.lagSeconds ?? 0), { right: true, sort: each => each.lagSeconds ?? 0 }],
      ["Waiting", each => number(each.waitingRecords ?? 0), { right: true }],
      ["Sent", each => number(each.sentRecords ?? 0), { right: true }],
      ["Refused", each => lost(each.refusedRecords), { right: true }],
      ["Dropped", each => lost(each.droppedRecords), { right: true }],
      ["Trouble", each => troubles(each).map(text => h("div", {}, text)), { wide: true }],
    ], outputs) : empty("Records are sent nowhere else. outputs.toml in the state directory declares outputs: OTLP, Kafka, or Parquet in a bucket."),
    cli("modelway logs outputs"));
}

const lost = count => h("span", { class: count ? "warn" : "" }, number(count ?? 0));
const standing = each => (each.failing ? badge("fails", "bad") : (each.lagSeconds ?? 0) > BEHIND_SECONDS ? badge("behind", "warn") : badge("sends", "good"));

/** In words; the first is what somebody should do something about first. */
function troubles({ failing, lagSeconds = 0, waitingRecords = 0, refusedRecords = 0, droppedRecords = 0 }) {
  return [
    failing && `${failing}; it is tried again, and nothing is lost while there is room`,
    !failing && lagSeconds > BEHIND_SECONDS && `${number(waitingRecords)} records wait, the oldest for ${span(lagSeconds)}: it takes them more slowly than they come`,
    droppedRecords > 0 && `${number(droppedRecords)} records had to give way before they could be sent`,
    refusedRecords > 0 && `${number(refusedRecords)} records will never be taken by the receiver`,
  ].filter(Boolean);
}

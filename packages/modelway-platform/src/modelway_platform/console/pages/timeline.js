// When each replica started, was ready, crashed and stopped: read from a deployment's events.
import { h } from "./dom.js";

const KINDS = { ReplicaStarted: "starting", ReplicaReady: "ready", ReplicaCrashed: "crashed", ReplicaNotReady: "crashed", ReplicaStopping: "stopping", ReplicaStopped: "gone" };

/** events, oldest first → lanes of stretches, the newest replicas first. */
export function lanes(events, now = Date.now()) {
  const found = new Map();
  for (const each of events) {
    const kind = KINDS[each.reason];
    const replica = /^[A-Za-z0-9._-]+/.exec(each.message)?.[0];
    if (!kind || !replica) continue;
    const lane = found.get(replica) ?? [];
    const at = Date.parse(each.lastAt);
    if (lane.length) lane.at(-1).until = at;
    if (kind !== "gone") lane.push({ kind, from: at, until: now });
    found.set(replica, lane);
  }
  return [...found].filter(([, lane]) => lane.length).reverse().slice(0, 12);
}

export function timeline(events) {
  const now = Date.now();
  const shown = lanes(events, now);
  if (!shown.length) return null;
  const from = Math.min(...shown.map(([, lane]) => lane[0].from));
  const place = at => ((at - from) / Math.max(now - from, 1)) * 100;
  return h("div", {}, h("h3", {}, "Since ", new Date(from).toLocaleString("en-GB")), h("div", { class: "timeline" }, shown.map(([replica, lane]) => [
    h("code", {}, replica),
    h("div", { class: "lane", role: "img", "aria-label": lane.map(each => each.kind).join(", then ") }, lane.map(each => h("i", { class: each.kind, title: `${each.kind} from ${new Date(each.from).toLocaleTimeString("en-GB")}`, style: { left: `${place(each.from)}%`, width: `${Math.max(place(each.until) - place(each.from), 0.4)}%` } })))])),
  h("div", { class: "legend" }, ["starting", "ready", "crashed", "stopping"].map(each => h("span", {}, h("i", { class: `dot ${each}` }), each))));
}

// A row per caller: how much it asked, how much of it was refused or failed, how long it waited.
import { grouped } from "./calls.js";
import { bounded, caller, named, requestsOf } from "./map.js";
import { number, percent, table } from "./parts.js";

/** calls as of calls.js; `unknown` where nobody knows who called. */
export const callerTable = (calls, unknown = false) => table([
  ["Caller", each => (unknown ? "not known" : each.name === "…" ? "all others" : named(each.name))], ["Requests", each => number(each.requests), { right: true }], ["Refused", each => percent(each.refused / each.requests), { right: true }], ["Failed", each => percent(each.failed / each.requests), { right: true }],
  ["p50", each => bounded(each, each.p50Ms), { right: true }], ["p99", each => bounded(each, each.p99Ms), { right: true }],
  ...(calls.some(each => each.last) ? [["Last", each => new Date(each.last * 1000).toLocaleTimeString("en-GB")]] : []),
], grouped(calls.filter(each => !each.mirrored), caller), { href: unknown ? undefined : each => requestsOf(each.name), none: calls.length ? "Only copies." : "Nobody has called yet: send a request under Try it, or give somebody a key." });

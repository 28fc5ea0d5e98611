// Anomalies that are one: what their models share, the members, and a row for each trouble.
import { name } from "./api.js";
import { h } from "./dom.js";
import { badge, card, cli, stamp, table } from "./parts.js";

const KINDS = { open: "bad", acknowledged: "warn", resolved: "good" };
export const state = each => [badge(each.state, KINDS[each.state]), each.muted && badge("muted")];
const place = each => `#/anomalies/${name(each.project, each.id)}`;
const shared = together => [together.kind, together.name].filter(Boolean).join(" ");
const modelsOf = members => [...new Set(members.map(each => `${each.project}/${each.model}`))].sort();

/** Rows of a list, where the newest of each trouble stands: an anomaly alone, or `{ together, members }`. */
export function folded(items) {
  const found = new Map();
  for (const each of items) {
    if (!each.together) found.set(each.id, each);
    else if (found.has(each.together.id)) found.get(each.together.id).members.push(each);
    else found.set(each.together.id, { together: each.together, members: [each] });
  }
  return [...found.values()];
}

/** The columns of a list of them. */
export const COLUMNS = [
  ["Model", each => (each.members ? `${modelsOf(each.members).length} models` : `${each.project}/${each.model}`)],
  ["What", each => (each.members ? shared(each.together) : each.kind)],
  ["State", each => (each.members ? state(whole(each.members)) : state(each))],
  ["Began", each => stamp(each.members ? begin(each.members) : each.openedAt)],
  ["In words", each => (each.members ? opened(each) : each.words), { wide: true }],
];
export const leadsTo = each => (each.members ? undefined : place(each));

const begin = members => members.map(each => each.openedAt).sort()[0];
/** Open while anybody is to be found for one of them, over with the last. */
const whole = members => ({ state: ["open", "acknowledged"].find(one => members.some(each => each.state === one)) ?? "resolved", muted: members.every(each => each.muted) });
const opened = ({ together, members }) => h("details", {}, h("summary", { "data-key": together.id }, `they fail at once and share ${shared(together)}`),
  h("ul", {}, members.map(each => h("li", {}, h("a", { href: place(each) }, `${each.project}/${each.model}`), ` ${each.kind}: ${each.words} `, state(each)))));

/** What an anomaly shares with the others of its trouble, and which these are. */
export function sharedCard(one, items) {
  const members = items.filter(each => each.together?.id === one.together.id);
  const models = modelsOf([one, ...members]);
  return card(["One with others", h("code", { class: "soft" }, one.together.id)],
    h("p", {}, `${models.length} models fail at once and share `, h("strong", {}, shared(one.together)), "."),
    table([["Model", each => `${each.project}/${each.model}`], ["What", each => each.kind], ["State", state], ["Began", each => stamp(each.openedAt)], ["In words", each => each.words, { wide: true }]], members.filter(each => each.id !== one.id), { href: place, none: "The others are not yours to see, or long over." }),
    cli("modelway anomalies list --all"));
}

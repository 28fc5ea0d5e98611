// Who may call, with which limits: keys made, rotated and revoked; limits of routes; issuers of tokens.
import { control, name } from "../api.js";
import { confirmed, fill, h } from "../dom.js";
import { me, mayAdminister } from "../rights.js";
import { attempt, badge, card, cli, copy, head, problem, shell, stamp, table } from "../parts.js";

const gone = each => each.revokedAt || (each.expiresAt && new Date(each.expiresAt) < new Date());
const limit = each => (typeof each === "string" ? each : [each.requests ?? each.limit, each.per ?? each.seconds ?? each.window].filter(part => part !== undefined).join("/") || JSON.stringify(each));

export default async function keys({ main, signal, place }) {
  if (!mayAdminister()) return limits({ main, signal, place });
  const [list, made, trouble, routes, issuers] = Array.from({ length: 5 }, () => h("div"));
  const filter = h("input", { type: "search", placeholder: "filter", "aria-label": "filter", oninput: () => draw() });
  let items = [];
  const draw = () => fill(list, card(null, table([
    ["Name", each => each.name], ["Role", each => badge(each.role, each.role === "admin" ? "warn" : "plain")], ["Prefix", each => h("code", {}, `${each.prefix}…`)], ["Consumer", each => each.consumer], ["May call", each => (each.role === "caller" ? each.scopes.join(", ") || "*/*" : each.role === "admin" ? "everything" : "the route table")],
    ["Limits", each => [...(each.limits ?? []), ...(each.quotas ?? [])].map(limit).join(", ")], ["Made", each => stamp(each.createdAt)], ["Used", each => (each.lastUsedAt ? stamp(each.lastUsedAt) : h("span", { class: "soft" }, "never"))], ["Ends", each => (each.expiresAt ? new Date(each.expiresAt).toLocaleDateString("en-GB") : h("span", { class: "soft" }, "never"))],
    ["State", each => (each.revokedAt ? badge("revoked") : gone(each) ? badge("expired") : each.previousUntil && new Date(each.previousUntil) > new Date() ? badge("two secrets", "busy") : badge("works", "good"))],
    ["Change", each => !gone(each) && h("span", { class: "row" }, h("button", { class: "small", onclick: () => rotate(each) }, "Rotate…"), h("button", { class: "small danger", onclick: () => revoke(each) }, "Revoke…"))],
  ], items.filter(each => `${each.name} ${each.consumer} ${each.scopes.join(" ")} ${each.role}`.toLowerCase().includes(filter.value.toLowerCase())), { kind: each => (gone(each) ? "past" : ""), none: "No key fits." }), cli("modelway key list")));
  const read = async () => { try { items = (await control("keys", { signal })).items; fill(trouble); draw(); } catch (error) { if (!signal.aborted) fill(trouble, problem(error)); } };
  const secret = (told, what) => { fill(made, h("div", { class: "card" }, h("div", { class: "head" }, h("h2", {}, what), h("button", { onclick: () => fill(made) }, "I have it")), h("p", { class: "soft" }, "This is the only time that it is shown."), h("div", { class: "cli" }, h("code", { id: "secret" }, told.secret), h("button", { class: "small", onclick: () => copy(told.secret) }, "copy")))); return read(); };
  const rotate = async each => {
    const grace = h("input", { value: "1d", id: "grace" });
    if (await confirmed(`A new secret for ${each.name}?`, "The present one goes on for the time given, so that callers can change over; 0 ends it at once.", "Rotate", [h("div", { class: "field" }, h("label", { for: "grace" }, "present secret works for"), grace), cli(`modelway key rotate ${each.id} --grace 1d`)], false)) {
      const told = await attempt(() => control(`keys/${name(each.id)}/rotate`, { method: "POST", body: { grace: grace.value } }));
      if (told) await secret(told, `The new secret of ${each.name}`);
    }
  };
  const revoke = async each => { if (await confirmed(`Revoke ${each.name}?`, "It opens nothing any more, at the gateway within a moment. This cannot be taken back.", "Revoke", cli(`modelway key revoke ${each.id}`))) { await attempt(() => control(`keys/${name(each.id)}`, { method: "DELETE" }), `${each.name} is revoked`); await read(); } };
  fill(main, head("Keys and limits", "who may call which models, and how often", h("button", { class: "first", onclick: () => fill(made, maker(secret, () => fill(made))) }, "New key")), trouble, made, h("div", { class: "filters" }, filter), list, h("div", { class: "two" }, routes, issuers));
  await read();
  place();
  const [declared, known] = await Promise.all([control("routes", { signal }), control("issuers", { signal })]);
  fill(routes, limitsOf(declared.items));
  fill(issuers, card("Issuers of tokens", table([["Name", each => each.name], ["Issuer", each => h("code", {}, each.issuer)], ["Audiences", each => (each.audiences ?? []).join(", ")], ["Scopes", each => (Array.isArray(each.scopes) ? each.scopes.join(", ") : "")]], known.items ?? [], { none: "No issuer is declared: only keys open models." }), cli("modelway issuer list")));
  return undefined;
}

/** What limits callers, for whoever may not see their keys. */
async function limits({ main, signal, place }) {
  const { items } = await control("routes", { signal });
  fill(main, head("Keys and limits", "who may call which models, and how often"), h("p", { class: "looking soft", role: "note" }, `You look at this as ${me().name}, ${me().role}. Keys are shown to admins alone.`), limitsOf(items));
  place();
}

const limitsOf = routes => card("Limits of routes", table([["Route", each => each.metadata.name], ["Access", each => (each.spec.access === "open" ? badge("open to everybody", "warn") : badge(each.spec.access, "good"))], ["Limits", each => [...(each.spec.limits ?? []), ...(each.spec.quotas ?? [])].map(each_ => JSON.stringify(each_)).join(" "), { wide: true }], ["Concurrency", each => (each.spec.concurrency ? JSON.stringify(each.spec.concurrency) : "")]], routes, { href: each => `#/models/${each.metadata.name}`, none: "No route is declared: every model needs a key and has no limit of its own." }));

function maker(secret, close) {
  const field = (id, label, placeholder, value = "") => h("div", { class: "field" }, h("label", { for: `key-${id}` }, label), h("input", { id: `key-${id}`, name: id, placeholder, value, required: id === "name" }));
  const [trouble, command] = [h("div"), h("div")];
  const many = text => text.split(/[\s,]+/).filter(Boolean);
  const read = () => { const given = Object.fromEntries(new FormData(form)); return { name: given.name.trim(), role: given.role, consumer: given.consumer.trim(), scopes: many(given.scopes), expires: given.expires.trim(), limits: many(given.limits), quotas: many(given.quotas) }; };
  const tell = () => { const given = read(); fill(command, cli(["modelway key create", shell(given.name || "NAME"), given.role !== "caller" && `--role ${given.role}`, given.consumer && `--consumer ${shell(given.consumer)}`, ...given.scopes.map(each => `--scope ${shell(each)}`), given.expires && `--expires ${shell(given.expires)}`, ...given.limits.map(each => `--limit ${shell(each)}`), ...given.quotas.map(each => `--quota ${shell(each)}`)].filter(Boolean).join(" "))); };
  const form = h("form", { oninput: tell, onsubmit: async event => { event.preventDefault(); try { await secret(await control("keys", { method: "POST", body: read() }), `The secret of ${read().name}`); } catch (error) { fill(trouble, problem(error)); } } },
    h("div", { class: "three" }, field("name", "Name", "who or what it is for"), h("div", { class: "field" }, h("label", { for: "key-role" }, "Role"), h("select", { id: "key-role", name: "role" }, [["caller", "caller: calls models"], ["admin", "admin: does everything"], ["gateway", "gateway: fetches the route table"]].map(([value, text]) => h("option", { value }, text)))), field("scopes", "May call", "vision/*, demo/hello; empty: every model"), field("expires", "Ends after", "90d; empty: never"), field("limits", "Limits", "100/1s, 1000/1m"), field("quotas", "Quotas", "100000/1d"), field("consumer", "Consumer", "as limits and records know it; empty: the name")),
    trouble, h("div", { class: "row end" }, h("button", { type: "button", onclick: close }, "Cancel"), h("button", { class: "first" }, "Make it")), command);
  tell();
  setTimeout(() => form.querySelector("input").focus());
  return card("New key", form);
}

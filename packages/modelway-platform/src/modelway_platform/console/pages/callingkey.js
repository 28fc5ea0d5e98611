// Who signed in with a token looks and deploys; calls go through the gateway, which knows keys. Here one is given for them.
import { session } from "./api.js";
import { fill, h } from "./dom.js";
import { cli, problem } from "./parts.js";

/** Asks for a key to call with, where the gateway said that it does not know who asks; null for every other error. */
export function keyWanted(error, again = () => {}) {
  if (error?.status !== 401) return null;
  const trouble = h("div");
  const key = h("input", { type: "password", id: "calling-key", autocomplete: "off", placeholder: "mw_…", required: true, spellcheck: "false" });
  return h("form", { class: "card", onsubmit: async event => {
    event.preventDefault();
    event.stopPropagation();
    try { await session.callWith(key.value.trim()); await again(); } catch (refused) { fill(trouble, problem(refused)); }
  } },
  h("h2", {}, "A key to call with"), h("p", { class: "soft" }, "The gateway knows keys, not tokens. The one that you give here is used for calls and jobs only, and forgotten when you sign out."),
  h("div", { class: "row" }, h("label", { for: "calling-key" }, "Key"), key, h("button", { class: "first" }, "Use it")), trouble, cli("modelway key create NAME --scope PROJECT/MODEL"));
}

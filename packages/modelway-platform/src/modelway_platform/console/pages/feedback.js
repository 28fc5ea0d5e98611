// What turned out to be true of an answer, or how good it was: told here, it counts in comparisons, experiments and data sets.
import { control } from "./api.js";
import { fill, h, toast } from "./dom.js";
import { card, cli, problem, shell } from "./parts.js";
import { button } from "./rights.js";

/** The form for one request; nothing for whoever may not change its project. */
export function feedbackCard(project, requestId) {
  const [trouble, command] = [h("div"), h("div")];
  const reward = h("input", { type: "number", step: "any", placeholder: "0 to 1", "aria-label": "reward" });
  const label = h("input", { placeholder: "7 or \"cat\"", "aria-label": "label as JSON" });
  const send = button(project, { class: "first" }, "Feed back");
  if (!send) return null;
  const read = () => { const text = label.value.trim(); return { requestId, project, ...(reward.value === "" ? {} : { reward: Number(reward.value) }), ...(text ? { label: jsonOr(text) } : {}) }; };
  const tell = () => { const given = read(); fill(command, cli(`modelway logs feedback ${shell(requestId)}${given.label === undefined ? "" : ` --label ${shell(JSON.stringify(given.label))}`}${given.reward === undefined ? "" : ` --reward ${given.reward}`}`)); };
  const form = h("form", { oninput: tell, onsubmit: async event => {
    event.preventDefault();
    try { await control("feedback", { method: "POST", body: read() }); fill(trouble); toast("kept: it counts from the next collection on"); } catch (error) { fill(trouble, problem(error)); }
  } }, h("div", { class: "row parts" }, h("label", { class: "part" }, h("span", { class: "soft" }, "reward, how good it was"), reward), h("label", { class: "part" }, h("span", { class: "soft" }, "label, what is true"), label), send));
  tell();
  return card(["Feedback", h("span", { class: "soft" }, "one of both, or both; the last word counts")], form, trouble, command);
}

/** JSON, or the text itself where it is none: who types cat means "cat". */
function jsonOr(text) {
  try { return JSON.parse(text); } catch { return text; }
}

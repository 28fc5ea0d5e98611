// Promotions in words: what each gate says and saw, who said what, and the orders that fit.
import { control } from "./api.js";
import { confirmed, h } from "./dom.js";
import { attempt, badge, cli, facts, number, percent, shell, short, stamp } from "./parts.js";
import { button, me } from "./rights.js";

const STATES = { Promoted: "good", Refused: "bad", Rejected: "bad", Failed: "bad", Paused: "warn", Aborted: "" };
const SAYS = { Passed: ["✓", "good", "passed"], Failed: ["✕", "bad", "failed"], Waiting: ["…", "busy", "waits"], NotEnoughData: ["…", "busy", "not enough data"] };
export const GATES = { goldenExamples: "Golden examples", signature: "Signature", agreement: "Shadow agreement", approval: "Approval" };
export const UNDER_WAY = new Set(["Pending", "Paused", "Promoting"]);
export const stateOf = promotion => badge(promotion.state === "Pending" ? "Waiting" : promotion.state, STATES[promotion.state] ?? "busy");
export const commitOf = promotion => promotion.commit && h("span", {}, "commit ", h("code", { title: promotion.commit }, promotion.commit.slice(0, 10)), ` in ${promotion.source}`);

/** Every gate on a line: its mark, what it says, and what it saw when it is opened. */
export const gatesOf = promotion => h("ul", { class: "gates" }, promotion.gates.map(each => {
  const [mark, kind, word] = SAYS[each.state] ?? ["?", "", each.state];
  const seen = evidence(each);
  return h("li", {}, h("span", { class: `mark ${kind}`, "aria-hidden": "true" }, mark), h("div", { class: "grow" }, h("strong", {}, GATES[each.gate] ?? each.gate), h("span", { class: "soft" }, ` ${word}${each.at ? ", " : ""}`, each.at && stamp(each.at)), h("div", { class: "soft" }, each.message),
    seen.length > 0 && h("details", {}, h("summary", { class: "soft" }, "evidence"), seen)));
}));

function evidence({ gate, evidence: seen = {} }) {
  if (gate === "goldenExamples") return [facts([["Replicas asked", (seen.replicas ?? []).join(", ") || "none"], ["Examples each", number(seen.examples)]]), ...(seen.problems ?? []).map(each => h("p", { class: "bad" }, each))];
  if (gate === "signature") return [h("p", {}, seen.compared?.length ? `compared with ${seen.compared.join(", ")}` : "there was nothing to compare with"), ...(seen.changes ?? []).map(each => h("div", {}, badge(each.effect, each.effect === "breaking" ? "bad" : "good"), ` ${each.version} `, h("code", {}, each.where), ` ${each.what}`))];
  if (gate === "agreement") return [h("meter", { min: 0, max: seen.samples, value: Math.min(seen.compared, seen.samples), "aria-label": "copies compared" }), facts([["Compared", `${number(seen.compared)} of ${number(seen.samples)} asked for`], ["Agreed", seen.compared ? percent(seen.agreed / seen.compared) : "–"], ["Asked for", `at least ${percent(seen.least)}`], ["Copies, failed", `${number(seen.copies)}, ${number(seen.failed)}`], ["Copies of", (seen.of ?? []).join(", ") || "nobody's requests yet: a mirror on the route makes them"]])];
  if (gate === "approval") return [facts([["May approve", (seen.approvers ?? []).join(", ") || "whoever may deploy to the project"]])];
  return Object.keys(seen).length ? [h("pre", {}, JSON.stringify(seen, null, 2))] : [];
}

export const wordsOf = promotion => promotion.approvals.map(each => h("p", {}, badge(each.approved ? "approved" : "rejected", each.approved ? "good" : "bad"), ` ${each.author} `, stamp(each.at), each.comment && h("span", { class: "soft" }, `: ${each.comment}`)));

/** Who asked, when and why, and what became of it. */
export const storyOf = promotion => h("p", { class: "soft" }, `asked for by ${promotion.promoter} `, stamp(promotion.createdAt), promotion.reason && `: “${promotion.reason}”`, promotion.resultRevision > 0 && ` · became revision ${promotion.resultRevision}`, promotion.commit && [" · ", commitOf(promotion)]);

const ORDERS = {
  approve: ["Approve", "Your word is kept with the promotion; the other gates still have to pass.", "first"],
  reject: ["Reject", "The promotion ends; it can be tried again.", "danger"],
  pause: ["Pause", "Its gates may pass meanwhile; it moves on only when it is resumed.", ""],
  resume: ["Resume", "It goes on as soon as its gates let it.", "first"],
  abort: ["Abort", "It ends here; the deployment stays where it is.", "danger"],
  retry: ["Retry", "All its gates are asked again.", "first"],
};

function fitting(promotion) {
  const asksForApproval = promotion.gates.some(each => each.gate === "approval" && each.state === "Waiting");
  if (promotion.state === "Pending") return [...(asksForApproval ? ["approve", "reject"] : []), "pause", "abort"];
  if (promotion.state === "Paused") return ["resume", ...(asksForApproval ? ["approve", "reject"] : []), "abort"];
  if (promotion.state === "Promoting" && promotion.source) return ["abort"];
  return ["Refused", "Rejected", "Failed"].includes(promotion.state) ? ["retry"] : [];
}

/** The buttons that fit its state, each with its command; `stage` is the one that it goes to. */
export function ordersFor(promotion, stage, done) {
  const project = promotion.deployment.split("/")[0];
  const silent = notTheirs(promotion, stage) !== "";
  return h("span", { class: "row" }, fitting(promotion).filter(each => !silent || !["approve", "reject"].includes(each)).map(order => {
    const [word, text, kind] = ORDERS[order];
    return button(project, { class: `small ${kind}`, onclick: async () => {
      const comment = h("input", { id: "comment", placeholder: "kept with the promotion" });
      const command = h("div");
      const tell = () => command.replaceChildren(cli(`modelway promotion ${order} ${promotion.number}${speaks && comment.value ? ` --comment ${shell(comment.value)}` : ""}`));
      const speaks = order === "approve" || order === "reject";
      comment.addEventListener("input", tell);
      tell();
      const more = [speaks && h("div", { class: "field" }, h("label", { for: "comment" }, "Comment"), comment), command];
      if (!(await confirmed(`${word} promotion ${promotion.number}?`, `${promotion.deployment} from ${promotion.fromStage} to ${promotion.toStage}. ${text}`, word, more, kind === "danger"))) return;
      await attempt(() => control(`promotions/${promotion.number}/steer`, { method: "POST", body: { action: order, ...(speaks ? { comment: comment.value } : {}) } }), `promotion ${promotion.number}: ${word.toLowerCase()}`);
      done();
    } }, word);
  }));
}

/** Why an approval that is waited for is not theirs to give; empty if it is. */
export function notTheirs(promotion, stage) {
  const gate = stage?.spec.gates?.approval;
  if (!gate || !UNDER_WAY.has(promotion.state)) return "";
  const { name } = me();
  if (gate.approvers?.length && !gate.approvers.includes(name)) return `${gate.approvers.join(", ")} may approve; you are ${name}`;
  return gate.notPromoter && promotion.promoter === name ? "you asked for it: somebody else has to approve" : "";
}

/** Asks for the next stage. */
export async function promote(deployment, stage, done) {
  const { project, model, version, name } = deployment.metadata;
  const reason = h("input", { id: "reason", placeholder: "why; kept with the promotion, and in the commit" });
  const command = h("div");
  const tell = () => command.replaceChildren(cli(`modelway promote ${name} --to ${stage}${reason.value ? ` --reason ${shell(reason.value)}` : ""} --wait`));
  reason.addEventListener("input", tell);
  tell();
  const text = `The same package ${short(deployment.spec.package)} moves from ${deployment.spec.stage} to ${stage}, once the gates of ${stage} have passed.`;
  if (!(await confirmed(`Promote ${name} to ${stage}?`, text, "Promote", [h("div", { class: "field" }, h("label", { for: "reason" }, "Reason"), reason), command], false))) return;
  await attempt(() => control(`deployments/${[project, model, version].map(encodeURIComponent).join("/")}/promote`, { method: "POST", body: { to: stage, reason: reason.value } }), `asked for: ${name} to ${stage}`);
  done();
}

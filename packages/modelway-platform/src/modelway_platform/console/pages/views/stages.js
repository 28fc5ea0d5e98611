// A project's line of stages: which version stands where, what is on its way with what each gate says, and who moved what.
import { control, name, poll } from "../api.js";
import { confirmed, fill, h } from "../dom.js";
import { attempt, badge, card, cli, empty, facts, head, phase, problem, short, stamp, table } from "../parts.js";
import { commitOf, GATES, gatesOf, notTheirs, ordersFor, promote, stateOf, storyOf, UNDER_WAY, wordsOf } from "../promotions.js";
import { button, mayDeploy, onlyLooking } from "../rights.js";

const MOST = 200;

/** The stages of a project in their order: the first comes after nothing. */
export function inOrder(stages) {
  const found = [];
  for (let next = stages.find(each => !each.spec.after); next && !found.includes(next); next = stages.find(each => each.spec.after === next.metadata.stage && !found.includes(each))) found.push(next);
  return [...found, ...stages.filter(each => !found.includes(each))];
}

export default async function stages(page) {
  if (page.path[0] === "promotions" && page.path[1]) return one(page, page.path[1]);
  const { main, path, signal, place } = page;
  const [chooser, board, way, past, trouble] = Array.from({ length: 5 }, () => h("div"));
  fill(main, head("Stages", "which version stands where, what is on its way, and who moved what"), trouble, chooser, board, way, past);
  let again = () => {};
  await poll(3000, signal, again = async () => {
    const [{ items: declared }, { items: deployments }, { items: promotions }] = await Promise.all([control("stages", { signal }), control("deployments", { signal }), control(`promotions?most=${MOST}`, { signal })]);
    const projects = [...new Set(declared.map(each => each.metadata.project))].sort();
    const project = projects.includes(path[0]) ? path[0] : projects[0];
    if (!project) { fill(chooser, first(deployments)); fill(board); fill(way); fill(past); place(); return; }
    const line = inOrder(declared.filter(each => each.metadata.project === project));
    const here = deployments.filter(each => each.metadata.project === project);
    const moves = promotions.filter(each => each.deployment.startsWith(`${project}/`));
    const waits = await waiting(line, here, signal);
    fill(chooser, projects.length > 1 && h("div", { class: "tabs", role: "navigation", "aria-label": "projects" }, projects.map(each => h("a", { href: `#/stages/${name(each)}`, "aria-current": each === project ? "page" : undefined }, each))), onlyLooking(project));
    fill(board, boardOf(project, line, here, moves, waits, again));
    fill(way, underWay(moves.filter(each => UNDER_WAY.has(each.state)), line, again));
    fill(past, history(project, moves.filter(each => !UNDER_WAY.has(each.state)), line, again));
    place();
  }, error => { fill(trouble, error && problem(error)); place(); });
  return undefined;
}

/** Deployments that are held before a phase, with the phase: only stages that ask for it can hold any. */
async function waiting(line, deployments, signal) {
  const holding = new Map(line.filter(each => each.spec.approvePhases?.length).map(each => [each.metadata.stage, each.spec.approvePhases]));
  const asked = deployments.filter(each => holding.has(each.spec.stage) && (each.status.phase !== "Ready" || each.status.observedRevision !== each.metadata.revision));
  const told = await Promise.all(asked.map(async each => {
    const { items } = await control(`deployments/${name(each.metadata.project, each.metadata.model, each.metadata.version)}/phases`, { signal });
    const held = items.find(one_ => one_.state === "Waiting" && one_.message.includes("somebody's yes"));
    return held && [each.metadata.name, held];
  }));
  return new Map(told.filter(Boolean));
}

/** Rows are models, columns stages; in each cell the versions that stand there. */
function boardOf(project, line, deployments, moves, waits, again) {
  const models = [...new Set(deployments.map(each => each.metadata.model))].sort();
  const names = line.map(each => each.metadata.stage);
  const astray = deployments.filter(each => !names.includes(each.spec.stage));
  const cell = (model, stage, next) => h("div", { class: "cell", role: "cell", "data-stage": stage.metadata.stage }, deployments.filter(each => each.metadata.model === model && each.spec.stage === stage.metadata.stage).map(each => chip(each, next, moves, waits, again)));
  const rows = models.map(model => h("div", { class: "lane-row", role: "row" }, h("div", { class: "lane-name", role: "rowheader" }, h("a", { class: "plain", href: `#/models/${project}/${model}` }, model)), line.map((stage, index) => cell(model, stage, line[index + 1]))));
  return card([project, h("span", { class: "soft" }, `${names.join(" → ")}`)],
    h("div", { class: "board", role: "table", "aria-label": `stages of ${project}`, style: { "--stages": String(line.length) } },
      h("div", { class: "lane-row heads", role: "row" }, h("div", { role: "columnheader", class: "lane-name soft" }, "Model"), line.map(columnHead)), rows),
    !models.length && empty("Nothing is in these stages yet. A deployment begins in the first one:"), !models.length && cli("modelway apply -f deployment.yaml --wait"),
    astray.length > 0 && h("p", { class: "soft" }, "Declared before there were stages: ", astray.map(each => each.metadata.name).join(", ")),
    cli("modelway get stages", `modelway promotion list ${project}`));
}

function columnHead(stage) {
  const { gates = {}, overrides = {}, approvePhases = [] } = stage.spec;
  const asked = Object.keys(GATES).filter(each => gates[each]);
  return h("div", { class: "stage-head", role: "columnheader" }, h("h3", {}, stage.metadata.stage),
    h("div", { class: "soft" }, asked.length ? `asks for ${asked.map(each => GATES[each].toLowerCase()).join(", ")}` : stage.spec.after ? "asks for nothing" : "where deployments begin"),
    approvePhases.length > 0 && h("div", { class: "soft" }, `waits for a yes before ${approvePhases.join(", ")}`),
    Object.keys(overrides).length > 0 && h("div", { class: "soft", title: JSON.stringify(overrides) }, `sets ${Object.keys(overrides).join(", ")}`));
}

/** One version where it stands: how it is, how it came here, and where it may go. */
function chip(deployment, next, moves, waits, again) {
  const id = deployment.metadata.name;
  const { project } = deployment.metadata;
  const { ready, wanted } = deployment.status.replicas;
  const came = moves.find(each => each.deployment === id && each.state === "Promoted" && each.toStage === deployment.spec.stage);
  const going = moves.find(each => each.deployment === id && UNDER_WAY.has(each.state));
  const held = waits.get(id);
  return h("div", { class: `chip ${going || held ? "moving" : ""}`.trim(), "data-deployment": id },
    h("div", { class: "row" }, h("a", { class: "plain", href: `#/deployments/${id}` }, deployment.metadata.version), phase(deployment.status.phase), h("span", { class: "soft" }, `${ready} of ${wanted}`)),
    came ? h("div", { class: "soft" }, `by ${came.promoter} `, stamp(came.endedAt ?? came.updatedAt), came.commit && [", ", commitOf(came)]) : h("div", { class: "soft" }, `revision ${deployment.metadata.revision}, `, stamp(deployment.metadata.updatedAt)),
    going && h("div", {}, h("a", { href: `#/stages/promotions/${going.number}` }, `→ ${going.toStage}`), " ", stateOf(going), h("div", { class: "soft" }, going.message)),
    held && phaseHold(deployment, held, again),
    !going && next && button(project, { class: "small", onclick: () => promote(deployment, next.metadata.stage, again) }, `Promote to ${next.metadata.stage}…`));
}

const PHASE_ORDERS = { approve: ["Approve", "This phase of this revision may begin.", "first"], pause: ["Pause", "Nothing of this revision begins until it is resumed.", ""], abort: ["Abort", "This revision is given up; what ran before goes on.", "danger"] };

/** A phase that waits for somebody's yes, with the orders for it. */
function phaseHold(deployment, held, again) {
  const id = deployment.metadata.name;
  const { project, model, version } = deployment.metadata;
  return h("div", { class: "hold" }, badge(`waits before ${held.phase}`, "warn"), h("div", { class: "soft" }, held.message), h("span", { class: "row" }, Object.entries(PHASE_ORDERS).map(([order, [word, text, kind]]) => button(project, { class: `small ${kind}`, onclick: async () => {
    const command = cli(`modelway rollout ${order} deployment ${id}${order === "approve" ? ` --phase ${held.phase}` : ""}`);
    if (!(await confirmed(`${word}: ${held.phase} of ${id}?`, text, word, command, kind === "danger"))) return;
    await attempt(() => control(`deployments/${name(project, model, version)}/steer`, { method: "POST", body: { action: order, ...(order === "approve" ? { phase: held.phase } : {}) } }), `${id}: ${word.toLowerCase()}`);
    again();
  } }, word))));
}

function underWay(moves, line, again) {
  return card(["On the way", h("span", { class: "soft" }, moves.length ? `${moves.length} under way` : "")], moves.length ? moves.map(each => h("article", { class: "promotion", "data-promotion": each.number },
    h("div", { class: "head" }, h("h3", {}, h("a", { class: "plain", href: `#/stages/promotions/${each.number}` }, `#${each.number} ${each.deployment}`), ` ${each.fromStage} → ${each.toStage} `, stateOf(each)), ordersFor(each, goal(each, line), again)),
    storyOf(each), approvalNote(each, line), gatesOf(each), wordsOf(each))) : empty("Nothing is on its way from one stage to the next."));
}

const goal = (promotion, line) => line.find(each => each.metadata.stage === promotion.toStage);

function approvalNote(promotion, line) {
  const why = notTheirs(promotion, goal(promotion, line));
  return why && mayDeploy(promotion.deployment.split("/")[0]) && promotion.gates.some(each => each.gate === "approval" && each.state === "Waiting") && h("p", { class: "soft", role: "note" }, why);
}

const history = (project, moves, line, again) => card(["Who moved what", h("span", { class: "soft" }, moves.length ? "newest first" : "")], table([
  ["#", each => each.number, { right: true }], ["Deployment", each => each.deployment], ["Way", each => `${each.fromStage} → ${each.toStage}`], ["State", stateOf], ["By", each => each.promoter], ["When", each => stamp(each.endedAt ?? each.updatedAt)], ["Revision", each => each.resultRevision || "", { right: true }], ["Commit", each => commitOf(each) || ""], ["Why", each => [each.reason, each.state !== "Promoted" && each.message && h("span", { class: "soft" }, ` ${each.message}`)], { wide: true }], ["Orders", each => ordersFor(each, goal(each, line), again)],
], moves, { href: each => `#/stages/promotions/${each.number}`, none: "Nothing was promoted yet." }), cli(`modelway promotion list ${project}`));

async function one({ main, signal, place }, number) {
  const box = h("div");
  fill(main, box);
  let again = () => {};
  await poll(2500, signal, again = async () => {
    const found = await control(`promotions/${encodeURIComponent(number)}`, { signal });
    const [project, model, version] = found.deployment.split("/");
    const stage = await control(`stages/${name(project, found.toStage)}`, { signal }).catch(() => null);
    fill(box, head(h("span", {}, h("a", { class: "plain soft", href: `#/stages/${name(project)}` }, `${project} / `), `Promotion ${found.number}`), `${found.deployment} from ${found.fromStage} to ${found.toStage}`, ordersFor(found, stage, again)),
      onlyLooking(project),
      h("div", { class: "two" },
        card([h("span", {}, stateOf(found), " ", h("span", { class: "soft" }, found.message))], facts([["Deployment", h("a", { href: `#/deployments/${name(project, model, version)}` }, found.deployment)], ["Asked by", [found.promoter, ", ", stamp(found.createdAt)]], ["Why", found.reason || "no reason was given"], ["Package", h("code", { title: found.package }, short(found.package))], ["Revision", found.resultRevision ? `${found.revision}, became ${found.resultRevision}` : String(found.revision)], found.source && ["Git source", found.source], found.commit && ["Commit", h("code", {}, found.commit)], found.endedAt && ["Over", stamp(found.endedAt)]]), found.approvals.length > 0 && h("h3", {}, "What people said"), wordsOf(found)),
        card("Gates", stage && approvalNote(found, [stage]), found.gates.length ? gatesOf(found) : empty(stage?.spec.gates ? "None was asked yet." : `${found.toStage} asks for nothing.`))),
      cli(`modelway promotion show ${found.number}`));
    place();
  }, error => { if (error) fill(box, problem(error)); place(); });
}

/** What to do first, where no project has a stage. */
function first(deployments) {
  const project = deployments[0]?.metadata.project ?? "demo";
  const of = (stage, spec) => [`apiVersion: modelway/v1`, "kind: Stage", `metadata: {project: ${project}, stage: ${stage}}`, `spec: ${spec}`];
  return card("No project has stages yet", h("p", { class: "soft" }, "Stages are for models that go through development and staging before callers get them: the same package moves on when golden examples, signatures, copies of real requests and people say yes. Without any, deployments are simply applied."),
    h("ol", { class: "steps" },
      h("li", {}, "Say which stages there are, and what is asked before each.", cli("cat > stages.yaml <<'END'", ...of("development", "{}"), "---", ...of("production", "{after: development, gates: {goldenExamples: true, signature: true, approval: {}}}"), "END", "modelway apply -f stages.yaml")),
      h("li", {}, "Apply a deployment into the first one: ", h("code", {}, "stage: development"), " in its spec.", cli("modelway apply -f deployment.yaml --wait")),
      h("li", {}, "Promote it, here or so:", cli(`modelway promote ${deployments[0]?.metadata.name ?? "demo/hello/v1"} --reason "ready for callers"`))));
}

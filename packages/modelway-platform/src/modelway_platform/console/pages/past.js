// The traffic of a time that is over: step by step or as a whole, with weights, mirrors and experiments as routes had them then.
import { control, query } from "./api.js";
import { modelOf } from "./calls.js";
import { fill, h } from "./dom.js";
import { callerTable } from "./callers.js";
import { mapCard } from "./map.js";
import { card, cli, empty, number, problem, shares, table } from "./parts.js";
import { timebar } from "./timebar.js";

const AGAIN_MS = 60000;

/** Shows it in `box` and follows it where it ends now; `given` has since, until and at. */
export async function past(box, given, signal, place) {
  const [bar, map, callers, routes] = [h("div"), h("div"), h("div"), h("div")];
  const [notes, command] = [h("div"), h("div")];
  let [shown, timer] = [null, null];
  const draw = (told, exact, step) => {
    const at = step === null ? null : told.steps[step];
    const calls = exact ?? told.calls.filter(each => at && each.at === at.at);
    const then = at ? at.at : told.begin;
    const until = at ? at.at + told.step : told.end;
    const models = modelsThen(told, calls, until);
    fill(map, !told.calls.length ? null : models.length ? mapCard(models, calls, step === null ? "weights at the end of it" : "weights at that time") : card("Map", empty(at?.source === "unknown" ? "Nothing is kept of this time, or the platform was off." : "Nobody called in this time.")));
    fill(callers, calls.length ? card("Callers", callerTable(calls, at?.source === "series")) : null);
    fill(routes, routeCard(told, calls, then, until));
    const [since, end] = [then, until].map(moment => new Date(moment * 1000).toISOString().replace(".000", ""));
    fill(command, cli(`modelway traffic --since ${since} --until ${end}`));
  };
  const choose = async (told, step) => {
    const at = step === null ? "all" : told.steps[step].at;
    history.replaceState(null, "", `#/traffic${query({ ...given, at })}`);
    given.at = String(at);
    let exact = null;
    if (step === null) try { exact = (await control(`traffic${query({ since: iso(told.begin), until: iso(told.end), steps: 1 })}`, { signal })).calls; } catch (error) { if (!signal.aborted) fill(notes, problem(error)); return; }
    draw(told, exact, step);
  };
  const load = async () => {
    const told = await control(`traffic${query({ since: given.since, until: given.until })}`, { signal });
    if (signal.aborted) return;
    const wanted = Number(given.at);
    const busiest = told.steps.reduce((best, each, index) => (each.requests > told.steps[best].requests ? index : best), 0);
    const step = given.at === "all" ? null : Number.isFinite(wanted) && given.at ? Math.max(0, Math.min(told.steps.length - 1, Math.floor((wanted - told.begin) / told.step))) : busiest;
    shown = timebar(told, { place: step, marks: changesIn(told), changed: each => choose(told, each), signal });
    fill(bar, card("When", shown.element, told.unknown.map(each => h("p", { class: "soft" }, each)), told.calls.length ? null : nobody()));
    fill(notes);
    await choose(told, step);
    place();
  };
  fill(box, notes, bar, map, callers, routes, command);
  const again = async () => { if (!document.hidden && !shown?.playing() && !bar.contains(document.activeElement)) await load().catch(error => { if (!signal.aborted) fill(notes, problem(error)); }); };
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  try { await load(); } catch (error) { if (!signal.aborted) fill(notes, problem(error)); place(); }
  if (!given.until && !signal.aborted) timer = setInterval(again, AGAIN_MS);
}

const iso = moment => new Date(moment * 1000).toISOString();
const nobody = () => h("p", { class: "empty" }, "Nobody called in all this time. Choose another one above, or send a request under ", h("a", { href: "#/try" }, "Try it"), ".");
const sum = list => list.reduce((total, each) => total + each.requests, 0);
const countWords = own => { const copies = sum(own.filter(each => each.mirrored)); return `${number(sum(own) - copies)} requests${copies ? `, ${number(copies)} copies` : ""}`; };
const words = each => `${each.weights.map(one => `${one.version}=${one.weight}`).join(", ") || "no route"}`;
/** Changes of routes, for the bar. */
const changesIn = told => told.routes.flatMap(route => route.revisions.slice(1).map(each => ({ at: each.at, words: `${modelOf(route)} #${each.revision} by ${each.author}: ${words(each)}` })));
/** The revision in force just before a moment. */
const inForce = (route, moment) => route.revisions.filter(each => each.at < moment).at(-1) ?? route.revisions[0];

function modelsThen(told, calls, until) {
  return [...new Set(calls.map(modelOf))].map(name => {
    const route = told.routes.find(each => modelOf(each) === name);
    const then = route ? inForce(route, until) : { weights: [], mirrors: [], experiments: [], revision: 0 };
    const own = calls.filter(each => modelOf(each) === name);
    const versions = [...new Set([...then.weights.map(each => each.version), ...then.mirrors.map(each => each.to), ...(then.experiments ?? []).flatMap(each => each.versions), ...own.map(each => each.version)])].filter(Boolean).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const arms = version => (then.experiments ?? []).filter(each => each.versions.includes(version)).map(each => each.name).join(", ");
    return { name, weights: then.weights, mirrors: then.mirrors, note: !route ? "its route at that time is not looked up" : then.weights.length ? `route #${then.revision} of ${then.author}` : "no route: first ready version", versions: versions.map(version => ({ version, note: [countWords(own.filter(each => each.version === version)), arms(version) && `experiment ${arms(version)}`].filter(Boolean).join(", "), href: `#/deployments/${name}/${version}` })) };
  });
}

function routeCard(told, calls, then, until) {
  const names = new Set(calls.map(modelOf));
  const rows = told.routes.filter(route => names.has(modelOf(route))).flatMap(route => route.revisions.filter(each => each === inForce(route, then + 0.001) || (each.at > then && each.at < until)).map(each => ({ name: modelOf(route), ...each })));
  if (!rows.length) return null;
  return card(["Routes at that time", h("span", { class: "soft" }, "in force at the beginning, and each change")], table([
    ["Model", each => each.name], ["Weights", each => (each.weights.length ? shares(each.weights, true) : h("span", { class: "soft" }, "no route: all to the first version that was ready"))],
    ["Copies", each => each.mirrors.map(one => `${Math.round(100 * one.share)} % of ${one.from || "all"} → ${one.to}`).join(", ") || "none"], ["Experiments", each => (each.experiments ?? []).map(one => `${one.name}: ${one.versions.join(", ")}`).join("; ") || "none"],
    ["Revision", each => (each.revision ? `#${each.revision}` : "–"), { right: true }], ["Since", each => (each.revision ? h("time", { datetime: iso(each.at) }, new Date(each.at * 1000).toLocaleString("en-GB")) : "–")], ["By", each => each.author || "–"], ["How", each => each.cause || "–"],
  ], rows, { href: each => `#/models/${each.name}` }));
}

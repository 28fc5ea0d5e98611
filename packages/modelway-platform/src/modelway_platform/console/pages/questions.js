// Collected records asked by ready questions or in SQL; the platform answers reading only, in a process of its own.
import { control } from "./api.js";
import { fill, h } from "./dom.js";
import { projects } from "./rights.js";
import { card, cli, empty, head, problem, shell, table } from "./parts.js";

export const tabs = here => h("div", { class: "tabs", role: "navigation", "aria-label": "ways to look at logs" }, [["lines", "Lines", "#/logs"], ["questions", "Questions", "#/logs/questions"]].map(([id, title, href]) => h("a", { href, "aria-current": id === here ? "page" : undefined }, title)));

const shown = value => (value === null ? h("span", { class: "soft" }, "–") : typeof value === "object" ? JSON.stringify(value) : String(value));
const answerTable = ({ columns, rows, truncated }) => [table(columns.map((each, index) => [each.name, row => shown(row[index]), { right: /INT|DOUBLE|FLOAT|DECIMAL/.test(each.type) }]), rows, { none: "No row." }), truncated && h("p", { class: "soft" }, "There are more rows: narrow the question, or ask on the command line.")];

export default async function questions({ main, signal, place }) {
  const { items } = await control("logs/questions", { signal });
  const [out, command] = [h("div"), h("div")];
  const since = h("select", { "aria-label": "since" }, [["1h", "last hour"], ["15m", "last 15 minutes"], ["1d", "last day"], ["7d", "last 7 days"], ["30d", "last 30 days"]].map(([value, text]) => h("option", { value }, text)));
  const target = h("input", { class: "wide", placeholder: "project/model/version", "aria-label": "project/model/version", value: projects()[0] ?? "" });
  const sql = h("textarea", { rows: 5, spellcheck: "false", "aria-label": "SQL", value: "SELECT version, status, count(*) AS requests\nFROM access\nWHERE NOT mirrored\nGROUP BY ALL ORDER BY requests DESC" });
  const run = async (act, text) => {
    fill(out, empty("asking…"));
    fill(command, cli(text));
    try { fill(out, answerTable(await act())); } catch (error) { if (!signal.aborted) fill(out, problem(error)); }
  };
  const ready = name => run(async () => {
    const [project = "", model = "", version = ""] = target.value.trim().split("/");
    const told = await control("logs/ask", { method: "POST", body: { question: name, since: since.value, project, model, version, rows: 200 }, signal });
    sql.value = Object.entries({ project, model, version }).reduce((text, [key, value]) => text.replaceAll(`$${key}`, () => `'${value.replaceAll("'", "''")}'`), told.sql);
    return told.answer;
  }, `modelway logs ask ${name}${target.value.trim() ? ` ${shell(target.value.trim())}` : ""} --since ${since.value}`);
  const own = event => { event?.preventDefault(); return run(() => control("logs/query", { method: "POST", body: { sql: sql.value, rows: 1000 }, signal }), `modelway logs query ${shell(sql.value)}`); };
  fill(main, head("Logs", "what was collected, asked in SQL"), tabs("questions"),
    card("Ready questions", h("div", { class: "filters" }, since, target), h("div", { class: "row" }, items.map(each => h("button", { title: each.about, onclick: () => ready(each.name) }, each.name)))),
    card("In SQL", h("form", { onsubmit: own, onkeydown: event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) own(event); } }, sql, h("div", { class: "row end" }, h("kbd", {}, "Ctrl Enter"), h("button", { class: "first" }, "Ask")))),
    card("Answer", fill(out, empty("Nothing was asked yet. One SELECT over the view access, in DuckDB's SQL; nothing can be changed.")), command));
  place();
}

// Signing in, the way to each page, and the keyboard.
import { ApiError, session } from "./api.js";
import { fill, h, toast } from "./dom.js";
import { attempt, cli, problem } from "./parts.js";
import { signedInAs } from "./rights.js";

const PAGES = [
  ["", "Observe"],
  ["overview", "Overview", "o"], ["traffic", "Traffic", "a"], ["requests", "Requests", "r"], ["logs", "Logs", "l"],
  ["", "Ship"],
  ["models", "Models", "m"], ["deployments", "Deployments", "d"], ["stages", "Stages", "s"], ["rollout", "Rollout", "c"], ["try", "Try it", "y"],
  ["", "Operate"],
  ["anomalies", "Anomalies", "n"], ["jobs", "Jobs", "j"], ["keys", "Keys and limits", "k"], ["health", "Health", "h"],
];
const find = id => document.getElementById(id);
let leave = new AbortController();
let known = null;

async function show() {
  leave.abort();
  leave = new AbortController();
  const [path, given = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(each => { try { return decodeURIComponent(each); } catch { return each; } });
  if (parts[0] === "sign-in") return signIn(parts[1]);
  if (!known) return signIn();
  signedInAs(known);
  const page = PAGES.find(([id]) => id && id === (parts[0] ?? "overview"));
  for (const link of find("nav").querySelectorAll("a")) if (link.dataset.page === page?.[0]) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  document.body.classList.remove("alone");
  find("top").hidden = false;
  find("nav").querySelector("a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  find("who").textContent = `${known.name}, ${known.role}`;
  find("who").title = `signed in with ${known.key}…${known.projects?.length ? `, for ${known.projects.join(", ")}` : ""}`;
  document.title = page ? `${page[1]} · Modelway` : "Modelway";
  const { signal } = leave;
  const main = h("div", { class: "view", "data-page": page?.[0] ?? "" });
  try {
    if (!page) throw new ApiError(404, { message: "there is no such page", hint: "choose one on the left" });
    const view = await import(`./views/${page[0]}.js`);
    if (signal.aborted) return undefined;
    const opened = view.default({ main, path: parts.slice(1), query: new URLSearchParams(given), signal, doors: known, place: () => !signal.aborted && !main.isConnected && fill(find("main"), main) });
    // From one page to the next the old one stays until there is something to show; where there is none, its heading is something.
    if (!find("main").querySelector(".view") && main.hasChildNodes()) fill(find("main"), main);
    await opened;
  } catch (error) {
    if (signal.aborted) return undefined;
    fill(main, problem(error));
  }
  if (!signal.aborted && !main.isConnected) fill(find("main"), main);
  return undefined;
}

async function signIn(ticket) {
  find("top").hidden = true;
  document.body.classList.add("alone");
  document.title = "Sign in · Modelway";
  const entered = async given => {
    known = await session.enter(given);
    history.replaceState(null, "", "#/");
    await show();
  };
  const trouble = h("div");
  const key = h("input", { id: "key", type: "password", autocomplete: "current-password", placeholder: "mw_…", required: true, spellcheck: "false" });
  const form = h("form", { class: "card", onsubmit: async event => {
    event.preventDefault();
    fill(trouble);
    await entered({ key: key.value }).catch(error => { fill(trouble, problem(error)); key.select(); });
  } },
  h("h1", {}, find("top").querySelector(".brand").cloneNode(true)), h("div", { class: "field" }, h("label", { for: "key" }, "Key"), key, h("span", { class: "soft" }, "an admin key, or a token: you see and do here what it may")), trouble,
  h("div", { class: "row end" }, h("button", { class: "first" }, "Sign in")),
  h("p", { class: "soft" }, "Or without typing a key, on the machine of the platform:"), cli("modelway console"));
  fill(find("main"), form);
  key.focus();
  if (ticket) {
    history.replaceState(null, "", "#/");
    await entered({ ticket }).catch(error => fill(trouble, problem(error)));
  }
}

function theme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("modelway-theme", document.documentElement.dataset.theme); } catch { /* for this page only */ }
}

function help() {
  const dialog = find("dialog");
  if (dialog.open) return dialog.close();
  const keys = [...PAGES.filter(([id]) => id).map(([, title, letter]) => [`g ${letter}`, title]), ["/", "search or filter"], ["n p", "next and previous row"], ["Enter", "open the row"], ["t", "light or dark"], ["?", "this list"]];
  fill(dialog, h("h2", {}, "Keyboard"), h("dl", { class: "facts" }, keys.map(([key, what]) => [h("dt", {}, key.split(" ").map(each => [h("kbd", {}, each), " "])), h("dd", {}, what)])), h("div", { class: "row end" }, h("button", { onclick: () => dialog.close(), autofocus: true }, "Close")));
  return dialog.showModal();
}

let going = 0;
function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !known || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || (find("dialog").open && event.key !== "?")) return;
  const wanted = Date.now() - going < 1200 && PAGES.find(([id, , letter]) => id && letter === event.key);
  going = 0;
  if (wanted) location.hash = `#/${wanted[0]}`;
  else if (event.key === "g") going = Date.now();
  else if (event.key === "t") theme();
  else if (event.key === "?") help();
  else if (event.key === "/") { const field = document.querySelector("main input[type=search]"); if (field) { event.preventDefault(); field.focus(); field.select(); } }
  else if (event.key === "n" || event.key === "p") step(event.key === "n" ? 1 : -1);
}

function step(by) {
  const rows = [...document.querySelectorAll("main tr.link a.plain")];
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))]?.focus();
}

/** The module of the page that is asked for comes while the session is looked up; what is wrong with it is said when it is shown. */
function early() {
  const [id = "overview"] = location.hash.replace(/^#\/?/, "").split(/[/?]/).filter(Boolean);
  if (PAGES.some(([each]) => each && each === id)) import(`./views/${id}.js`).catch(() => {});
}

async function begin() {
  fill(find("nav"), PAGES.map(([id, title, letter]) => (id ? h("a", { href: `#/${id}`, "data-page": id }, title, h("kbd", { "aria-hidden": "true" }, `g ${letter}`)) : h("div", { class: "group" }, title))));
  find("theme").addEventListener("click", theme);
  find("keys").addEventListener("click", help);
  find("out").addEventListener("click", () => attempt(async () => { await session.leave(); known = null; location.hash = "#/sign-in"; }));
  addEventListener("keydown", press);
  addEventListener("hashchange", show);
  addEventListener("signed-out", () => { if (known) { known = null; toast("your session has ended; sign in again", true); show(); } });
  early();
  const told = await session.look().catch(() => ({}));
  known = told.signedIn ? told : null;
  await show();
}

begin();

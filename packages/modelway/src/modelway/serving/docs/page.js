/* The page: a section per endpoint with its form, its programs and its answer. */
const server = JSON.parse(document.getElementById("server").textContent);

const heading = (box, endpoint) => {
  const title = make("h2", box, "", {id: `title-${endpoint.name}`});
  make("span", title, "POST", {class: "verb"});
  title.append("/" + endpoint.name);
  if (endpoint.description) make("p", box, endpoint.description, {class: "about"});
  const facts = make("p", box, endpoint.streaming ? "Answers a stream of " : "Answers ", {class: "facts"});
  make("code", facts, endpoint.output.label);
  facts.append([".", ...endpoint.facts.filter(each => each !== "streams").map(each => ` ${each[0].toUpperCase()}${each.slice(1)}.`)].join(""));
  if (endpoint.flow_lines.length) make("pre", box, endpoint.flow_lines.join("\n"), {class: "flow", tabindex: "0", "aria-label": "steps"});
};

/* The form, or the whole request as JSON; `read(marks)` gives the text of whichever is shown. */
const requestEditor = (parent, endpoint) => {
  const bar = make("div", parent, "", {class: "bar"});
  make("h3", bar, "Request");
  const ways = choiceRow(bar, `way-${endpoint.name}`, "Fill in", ["Form", "JSON"]);
  const form = make("div", parent, "", {class: "form"});
  const whole = make("textarea", parent, "", {class: "whole code", spellcheck: "false", hidden: "", "aria-label": `request of ${endpoint.name} as JSON`});
  const fields = endpoint.inputs.map(each => fieldFor({...each, path: each.name}, form, endpoint.name));
  if (!fields.length) make("p", form, "It takes no fields.", {class: "empty"});
  const example = treeOf(endpoint.example);
  const editor = {form, whole, ways, fields};
  const isForm = () => ways.value() === "Form";
  editor.fill = tree => {
    fields.forEach(each => each.write(memberOf(tree, each.field.name)));
    whole.value = laidOut(tree);
  };
  // `marked`: true for files by name, false for their octets, a set for those of some fields by name
  editor.read = marked => {
    const marks = [];
    if (!isForm()) { const text = whole.value.trim() || "{}"; treeOf(text); return {text, marks}; }
    const members = fields.map(each => [each.field.name, each.text(marked === true || (marked && marked.has(each.field.name)) ? marks : undefined)]);
    const text = "{" + members.filter(([, value]) => value !== undefined).map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(", ") + "}";
    return {text, marks};
  };
  editor.reset = () => editor.fill(example);
  editor.unmark = () => fields.forEach(each => each.all.forEach(one => one.mark("")));
  // The field that an error is about: the longest path that its message begins with.
  editor.point = message => {
    if (!isForm()) return;
    const all = fields.flatMap(each => each.all).filter(one => message.startsWith(one.path) && /^(?:[:.[]|$)/.test(message.slice(one.path.length)));
    const found = all.sort((one, other) => other.path.length - one.path.length)[0];
    if (!found) return;
    found.mark(message.slice(found.path.length).replace(/^:\s*/, ""));
    found.focus();
  };
  editor.turn = () => {
    try {
      if (isForm()) { const tree = treeOf(whole.value.trim() || "{}"); fields.forEach(each => each.write(memberOf(tree, each.field.name))); }
      else {
        ways.choose("Form");
        const text = laidOut(treeOf(editor.read(false).text));
        ways.choose("JSON");
        whole.value = text;
      }
    } catch (error) { ways.choose(isForm() ? "JSON" : "Form"); throw error; } finally { form.hidden = !isForm(); whole.hidden = isForm(); }
  };
  editor.fill(example);
  return editor;
};

const sender = (box, endpoint, editor, actions, result) => {
  const send = make("button", actions, "Send", {type: "button", class: "send"});
  const stop = make("button", actions, "Stop", {type: "button", class: "quiet stop", hidden: ""});
  make("kbd", actions, "Ctrl Enter", {"aria-hidden": "true"});
  const status = make("span", result.bar, "", {class: "status", role: "status"});
  const say = (text, good) => { status.textContent = text; status.className = "status " + (good === undefined ? "" : good ? "good" : "bad"); };
  let abort = null;

  const receive = async (answer, started) => {
    const took = () => `${(performance.now() - started).toFixed(1)} ms`;
    const told = ["modelway-version", "x-request-id"].map(name => [name, answer.headers.get(name)]).filter(([, value]) => value);
    if (!answer.ok) {
      const text = await answer.text();
      let error = {message: text.slice(0, 2000) || answer.statusText};
      try { error = JSON.parse(text).error || error; } catch { /* not from a model server */ }
      say(`${answer.status} in ${took()}`, false);
      showError(result.body, error, answer.status);
      editor.point(error.message || "");
      return;
    }
    if ((answer.headers.get("content-type") || "").startsWith("text/event-stream")) {
      const add = pieceList(result.body, endpoint.output);
      let count = 0;
      for await (const [failed, text] of eventsIn(answer)) {
        if (failed) { showError(result.body, JSON.parse(text).error, ""); say(`failed after ${count} pieces in ${took()}`, false); return; }
        add(text, performance.now() - started);
        say(`${++count} pieces in ${took()}`, true);
      }
      say(`${answer.status}: ${count} pieces in ${took()}`, true);
    } else {
      const text = await answer.text();
      say(`${answer.status} in ${took()}`, true);
      showAnswer(result.body, text, endpoint.output);
    }
    if (told.length) make("p", result.body, told.map(each => each.join(" ")).join(" · "), {class: "meta"});
  };

  send.onclick = async () => {
    editor.unmark();
    result.body.replaceChildren();
    let body;
    try { body = editor.read(false).text; } catch (error) { say(error.message, false); editor.point(error.message); return; }
    abort = new AbortController();
    send.disabled = true; stop.hidden = false; say("…");
    const started = performance.now();
    try {
      const headers = {"content-type": "application/json", accept: endpoint.streaming ? "text/event-stream" : "application/json"};
      await receive(await fetch(addressOf(endpoint), {method: "POST", headers, body, signal: abort.signal}), started);
    } catch (error) {
      say(abort.signal.aborted ? "stopped" : `no answer: ${error.message}; is the server still running?`, false);
    } finally { send.disabled = false; stop.hidden = true; abort = null; }
  };
  stop.onclick = () => { if (abort) abort.abort(); };
  box.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send.click(); }
    if (event.key === "Escape") stop.click();
  });
  return say;
};

const programView = (parent, endpoint, editor) => {
  const programs = programsOf();
  const bar = make("div", parent, "", {class: "bar"});
  make("h3", bar, "As a program");
  const kinds = choiceRow(bar, `program-${endpoint.name}`, "Program", Object.keys(programs));
  const code = make("pre", parent, "", {tabindex: "0", class: "program"});
  copyButton(bar, () => code.textContent, () => code);
  const write = () => {
    try { code.textContent = programs[kinds.value()](endpoint, editor.read); } catch (error) { code.textContent = error.message; }
  };
  kinds.onchange = write;
  return write;
};

const build = (endpoint, main) => {
  const box = make("section", main, "", {id: endpoint.name, "aria-labelledby": `title-${endpoint.name}`});
  heading(box, endpoint);
  const two = make("div", box, "", {class: "two"});
  const left = make("div", two), right = make("div", two);
  const editor = requestEditor(left, endpoint);
  const actions = make("div", left, "", {class: "actions"});
  const write = programView(right, endpoint, editor);
  const answer = make("div", right, "", {class: "answer"});
  const bar = make("div", answer, "", {class: "bar"});
  make("h3", bar, "Answer");
  const body = make("div", answer, "", {class: "result", "aria-live": "polite"});
  make("p", body, "Nothing was sent yet.", {class: "empty"});
  const say = sender(box, endpoint, editor, actions, {bar, body});
  const reset = make("button", actions, "Reset", {type: "button", class: "quiet", title: "back to the example"});
  reset.onclick = () => { editor.reset(); editor.unmark(); write(); };
  editor.ways.onchange = () => { try { editor.turn(); say(""); } catch (error) { say(error.message, false); } write(); };
  for (const event of ["input", "change", "taken"]) box.addEventListener(event, write);
  write();
};

document.title = `${server.name} ${server.version}`.trim();
const name = document.querySelector("h1");
name.textContent = server.name;
if (server.version) make("small", name, server.version);
if (location.pathname.lastIndexOf("/") === 0) {
  const pages = document.querySelector(".pages");
  for (const page of ["metrics", "readyz"]) make("a", pages, page, {href: page});
  const ready = document.querySelector(".ready");
  const look = () => document.hidden || fetch("readyz").then(answer => {
    const text = answer.ok ? "ready" : "not ready";
    if (ready.textContent !== text) ready.textContent = text;
    ready.className = "ready " + (answer.ok ? "good" : "bad");
  }).catch(() => { ready.textContent = "unreachable"; ready.className = "ready bad"; });
  look(); setInterval(look, 5000);
} // through a gateway these pages of one replica are nobody's business
const jump = document.querySelector(".endpoints");
for (const endpoint of server.endpoints) {
  if (server.endpoints.length > 1) make("a", jump, "/" + endpoint.name, {href: "#" + encodeURIComponent(endpoint.name)});
  build(endpoint, document.querySelector("main"));
}

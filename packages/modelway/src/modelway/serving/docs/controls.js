/* One control per field. `text(marks)` gives its JSON text, undefined to leave it out; files stand in it as base64, or, where
   `marks` collects them, as a mark that programs replace. `write(tree)` shows a value, undefined empties it. */
const MARK = `file-${Math.random().toString(36).slice(2)}-`;
const markOf = (file, marks) => `"${MARK}${marks.push(file) - 1}"`;

const base64Of = async file => {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
};

const sizeOf = base64 => `${(base64.length / 4 * 3 - (base64.match(/=*$/)[0].length)).toLocaleString("en")} bytes`;

// What an empty control stands for: left out, or null where the field must be there and may be null.
const nothing = field => (field.required && mayBeNull(field.schema) ? "null" : undefined);

const textControl = (field, place, attributes) => {
  const kind = bare(field.schema).format === "date" ? "date" : "text";
  const input = kind === "date" ? make("input", place, "", {...attributes, type: kind}) : make("textarea", place, "", {...attributes, rows: "1"});
  const fit = () => { if (kind === "text") { input.rows = Math.min(12, Math.max(1, input.value.split("\n").length, Math.ceil(input.value.length / 70))); } };
  input.addEventListener("input", fit);
  input.placeholder = bare(field.schema).default === undefined ? bounds(field.schema) : String(bare(field.schema).default);
  return {
    input,
    text: () => (input.value === "" && (!field.required || mayBeNull(field.schema)) ? nothing(field) : JSON.stringify(input.value)),
    write: tree => { input.value = isText(tree) ? textIn(tree) : ""; fit(); },
  };
};

const numberControl = (field, place, attributes) => {
  const plain = bare(field.schema);
  const input = make("input", place, "", {...attributes, type: "text", inputmode: plain.type === "integer" ? "numeric" : "decimal", autocomplete: "off", spellcheck: "false"});
  input.placeholder = plain.default === undefined ? bounds(field.schema) || labelOf(field.schema) : String(plain.default);
  return {
    input,
    text: () => {
      const given = input.value.trim();
      if (given === "") return nothing(field);
      if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(given)) return given;
      if (Number.isFinite(Number(given))) return String(Number(given));
      throw new Error(`${field.path}: ${given.slice(0, 40)} is not a number`);
    },
    write: tree => { input.value = tree && tree.token && tree.token !== "null" ? tree.token : ""; },
  };
};

const choiceControl = (field, place, attributes, choices) => {
  const input = make("select", place, "", attributes);
  if (!field.required || mayBeNull(field.schema)) make("option", input, field.required ? "null" : "(left out)", {value: ""});
  choices.forEach((choice, index) => make("option", input, String(choice), {value: index}));
  return {
    input,
    text: () => (input.value === "" ? nothing(field) : JSON.stringify(choices[Number(input.value)])),
    write: tree => {
      const at = tree ? choices.findIndex(each => JSON.stringify(each) === tree.token) : -1;
      input.value = at >= 0 ? at : input.options[0].value;
    },
  };
};

const jsonControl = (field, place, attributes) => {
  const input = make("textarea", place, "", {...attributes, class: "code", spellcheck: "false", rows: "2"});
  input.placeholder = JSON.stringify(exampleFor(field.schema));
  const fit = () => { input.rows = Math.min(14, Math.max(2, input.value.split("\n").length)); };
  input.addEventListener("input", fit);
  return {
    input,
    text: () => {
      if (input.value.trim() === "") return nothing(field);
      try { return laidOut(treeOf(input.value)); } catch (error) { throw new Error(`${field.path}: ${error.message}`); }
    },
    write: tree => { input.value = tree ? laidOut(tree) : ""; fit(); },
  };
};

/* Octets: a file that is chosen or dropped, several of them for a list. */
const fileControl = (field, place, attributes, many) => {
  const input = make("input", place, "", {...attributes, type: "file"});
  input.multiple = many;
  if (isPicture(many ? bare(field.schema).items : field.schema)) input.accept = "image/*";
  const preview = make("div", place, "", {class: "preview"});
  const pictures = isPicture(many ? bare(field.schema).items : field.schema);
  let held = []; // {data: base64, file}
  const show = () => {
    preview.replaceChildren();
    for (const {data, file} of held) {
      if (pictures) make("img", preview, "", {src: "data:;base64," + data, alt: file ? file.name : "the picture to send"});
      make("span", preview, `${file ? file.name : "from the example"}, ${sizeOf(data)}`);
    }
    if (!held.length) return;
    const remove = make("button", preview, "Remove", {type: "button", class: "quiet"});
    remove.onclick = () => { held = []; input.value = ""; show(); input.dispatchEvent(new Event("taken", {bubbles: true})); };
  };
  const take = async files => {
    held = await Promise.all([...files].slice(0, many ? 64 : 1).map(async file => ({data: await base64Of(file), file})));
    show();
    input.dispatchEvent(new Event("taken", {bubbles: true}));
  };
  input.onchange = () => { if (input.files.length) take(input.files); };
  place.ondragover = event => { event.preventDefault(); place.classList.add("drop"); };
  place.ondragleave = () => place.classList.remove("drop");
  place.ondrop = event => { event.preventDefault(); place.classList.remove("drop"); if (event.dataTransfer.files.length) take(event.dataTransfer.files); };
  const one = ({data, file}, marks) => (marks && file ? markOf(file, marks) : JSON.stringify(data));
  return {
    input,
    text: marks => {
      if (!held.length && !(many && field.required)) return nothing(field);
      return many ? "[" + held.map(each => one(each, marks)).join(", ") + "]" : one(held[0], marks);
    },
    write: tree => {
      const texts = tree && tree.items ? tree.items.filter(isText).map(textIn) : isText(tree) ? [textIn(tree)] : [];
      if (texts.length === held.length && texts.every((each, index) => each === held[index].data)) return;
      held = texts.map(data => ({data, file: null}));
      input.value = "";
      show();
    },
  };
};

const controlFor = (field, place, attributes) => {
  const kind = bare(field.schema).type, choices = choicesOf(field.schema);
  if (isOctets(field.schema)) return fileControl(field, place, attributes, false);
  if (isListOfOctets(field.schema)) return fileControl(field, place, attributes, true);
  if (choices) return choiceControl(field, place, attributes, choices);
  if (kind === "integer" || kind === "number") return numberControl(field, place, attributes);
  if (kind === "string") return textControl(field, place, attributes);
  return jsonControl(field, place, attributes);
};

const needOf = field => (field.required ? (mayBeNull(field.schema) ? "may be null" : "") : "optional");

/* A field with its name, and, for objects, the fields in it. */
const fieldFor = (field, parent, prefix) => {
  if (isGroup(field.schema)) return groupFor(field, parent, prefix);
  const place = make("div", parent, "", {class: "field"});
  const id = `${prefix}-${field.path}`;
  const label = make("label", place, field.name, {for: id});
  make("code", label, field.label || labelOf(field.schema), {class: "kind"});
  make("span", label, needOf(field), {class: "need"});
  const control = controlFor(field, place, {id, "aria-describedby": `${id}-wrong`});
  const wrong = make("div", place, "", {class: "wrong", id: `${id}-wrong`});
  const mark = text => {
    wrong.textContent = text;
    if (text) control.input.setAttribute("aria-invalid", "true"); else control.input.removeAttribute("aria-invalid");
  };
  return {field, ...control, mark, all: [{path: field.path, mark, focus: () => control.input.focus()}]};
};

const groupFor = (field, parent, prefix) => {
  const plain = bare(field.schema), must = new Set(plain.required || []);
  const place = make("fieldset", parent, "", {class: "group"});
  const legend = make("legend", place, field.name);
  make("code", legend, field.label || labelOf(field.schema), {class: "kind"});
  make("span", legend, needOf(field), {class: "need"});
  const wrong = make("div", place, "", {class: "wrong"});
  const inner = make("div", place);
  let given = null;
  if (!field.required || mayBeNull(field.schema)) {
    const label = make("label", legend, "", {class: "given"});
    given = make("input", label, "", {type: "checkbox"});
    label.append(" give it");
    given.onchange = () => { inner.hidden = !given.checked; };
    inner.hidden = true;
  }
  const fields = Object.entries(plain.properties).map(([name, schema]) =>
    fieldFor({...(field.members || []).find(each => each.name === name), name, path: `${field.path}.${name}`, schema, required: must.has(name)}, inner, prefix));
  return {
    field,
    text: marks => (given && !given.checked ? nothing(field) : objectText(fields, marks)),
    write: tree => {
      const there = Boolean(tree && tree.members);
      if (given) { given.checked = there; inner.hidden = !there; }
      fields.forEach(each => each.write(memberOf(tree, each.field.name)));
    },
    mark: text => { wrong.textContent = text; },
    all: [{path: field.path, mark: text => { wrong.textContent = text; }, focus: () => {}}, ...fields.flatMap(each => each.all)],
  };
};

const objectText = (fields, marks) => {
  const members = fields.map(each => [each.field.name, each.text(marks)]).filter(([, text]) => text !== undefined);
  return "{" + members.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(", ") + "}";
};

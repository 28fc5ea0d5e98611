// A form of an endpoint's inputs, made from the JSON schema of its signature, and the request that was filled in.
import { h } from "./dom.js";
import { badge, size } from "./parts.js";

/** A schema that may be null beside one other thing is that thing, which may be left empty. */
const bare = schema => { const others = (schema.anyOf ?? []).filter(each => each.type !== "null"); return others.length === 1 ? { ...schema, anyOf: undefined, ...others[0] } : schema; };
const mayBeNull = schema => schema.type === "null" || (schema.anyOf ?? []).some(each => each.type === "null");
const isGroup = schema => bare(schema).type === "object" && Object.keys(bare(schema).properties ?? {}).length > 0;
const isPicture = schema => (bare(schema).contentMediaType ?? "").startsWith("image/");
const kindOf = schema => { const { type } = bare(schema); return Array.isArray(type) ? type.find(each => each !== "null") : type; };

function bounds(schema) {
  const [plain, found] = [bare(schema), []];
  if (plain.minimum !== undefined || plain.maximum !== undefined) found.push(`${plain.minimum ?? "…"} to ${plain.maximum ?? "…"}`);
  if (plain.exclusiveMinimum !== undefined) found.push(`above ${plain.exclusiveMinimum}`);
  if (plain.exclusiveMaximum !== undefined) found.push(`below ${plain.exclusiveMaximum}`);
  if (plain.maxLength !== undefined) found.push(`${plain.maxLength} characters at most`);
  if (plain.pattern) found.push(`like ${plain.pattern}`);
  if (plain.minItems !== undefined && plain.minItems === plain.maxItems) found.push(`${plain.minItems} items`);
  return found.join(", ");
}

async function base64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

// Each control: {element, read() → value, undefined where it was left empty}.

function choice(id, choices, value) {
  const element = h("select", { id }, h("option", { value: "" }, "(left out)"), choices.map((each, index) => h("option", { value: index, selected: JSON.stringify(each) === JSON.stringify(value) }, String(each))));
  return { element, read: () => (element.value === "" ? undefined : choices[Number(element.value)]) };
}

function numeric(id, schema, name, value) {
  const element = h("input", { id, type: "number", step: kindOf(schema) === "integer" ? 1 : "any", value: value ?? "" });
  return { element, read: () => {
    if (element.validity.badInput) throw new Error(`${name}: expected a number`);
    return element.value === "" ? undefined : Number(element.value);
  } };
}

function textual(id, required, value) {
  const element = h("textarea", { id, rows: String(value ?? "").length > 60 ? 4 : 2, spellcheck: "false", value: value ?? "" });
  return { element, read: () => (element.value === "" && !required ? undefined : element.value) };
}

/** Octets come as base64, from a file; a picture is shown. */
function file(id, schema, value) {
  let held = value;
  const preview = h("div", { class: "row" });
  const input = h("input", { id, type: "file", accept: isPicture(schema) ? "image/*" : undefined, onchange: async () => {
    if (!input.files.length) return;
    held = await base64(input.files[0]);
    show();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  } });
  const show = () => preview.replaceChildren(...(held === undefined ? [] : [isPicture(schema) && h("img", { src: `data:;base64,${held}`, alt: "what is sent", class: "preview" }), h("span", { class: "soft" }, `${size(Math.floor((held.length * 3) / 4))}${input.files.length ? "" : ", from the example"}`)].filter(Boolean)));
  show();
  return { element: h("div", {}, input, preview), read: () => held };
}

function json(id, name, value) {
  const element = h("textarea", { id, rows: 4, spellcheck: "false", value: value === undefined ? "" : JSON.stringify(value) });
  return { element, read: () => {
    if (!element.value.trim()) return undefined;
    try { return JSON.parse(element.value); } catch { throw new Error(`${name}: expected JSON`); }
  } };
}

function control(field, value) {
  const schema = field.schema ?? {};
  const [plain, kind, id] = [bare(schema), kindOf(schema), `in-${field.path}`];
  if (plain.const !== undefined) return choice(id, [plain.const], value);
  if (plain.enum) return choice(id, plain.enum.filter(each => each !== null), value);
  if (kind === "boolean") return choice(id, [true, false], value);
  if (kind === "number" || kind === "integer") return numeric(id, schema, field.path, value);
  if (plain.contentEncoding === "base64") return file(id, schema, value);
  if (kind === "string") return textual(id, field.required && !mayBeNull(schema), value);
  return json(id, field.path, value);
}

function input(field, value) {
  const need = field.required ? badge("required", "plain") : h("span", { class: "soft" }, "may be left out");
  if (isGroup(field.schema ?? {})) {
    const { properties, required = [] } = bare(field.schema);
    const inner = Object.entries(properties).map(([name, schema]) => input({ name, path: `${field.path}.${name}`, label: schema.title ?? kindOf(schema) ?? "", required: required.includes(name), schema }, value?.[name]));
    return { name: field.name, element: h("fieldset", {}, h("legend", {}, h("code", {}, field.name), " ", h("span", { class: "soft" }, field.label), " ", need), inner.map(each => each.element)), read: () => {
      const found = Object.fromEntries(inner.map(each => [each.name, each.read()]).filter(([, each]) => each !== undefined));
      return Object.keys(found).length || field.required ? found : undefined;
    } };
  }
  const made = control(field, value);
  const hint = bounds(field.schema ?? {});
  return { name: field.name, read: () => { const found = made.read(); return found === undefined && field.required && mayBeNull(field.schema ?? {}) ? null : found; }, element: h("div", { class: "field" }, h("label", { for: `in-${field.path}` }, h("span", {}, h("code", {}, field.name), " ", h("span", { class: "soft" }, field.label)), need), made.element, hint && h("span", { class: "soft" }, hint)) };
}

/** The whole form: {element, read() → request, text() → its JSON}. */
export function formOf(endpoint, request = {}) {
  const inputs = (endpoint.inputs ?? []).map(each => input({ ...each, path: each.name }, request?.[each.name]));
  const read = () => Object.fromEntries(inputs.map(each => [each.name, each.read()]).filter(([, value]) => value !== undefined));
  return { element: h("div", {}, inputs.length ? inputs.map(each => each.element) : h("p", { class: "soft" }, "It takes no input.")), read, text: () => JSON.stringify(read()) };
}

/** The request as JSON text, which is sent as it was written. */
export function textOf(request) {
  const text = h("textarea", { rows: 12, spellcheck: "false", "aria-label": "request as JSON", value: JSON.stringify(request, null, 2) });
  const read = () => { try { return JSON.parse(text.value); } catch (error) { throw new Error(`the request is no JSON: ${error.message}`); } };
  return { element: h("div", { class: "field" }, text), read, text: () => { read(); return text.value; } };
}

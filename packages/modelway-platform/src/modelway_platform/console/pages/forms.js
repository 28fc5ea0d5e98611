// A form of an endpoint's inputs, made from the JSON schema of its signature, and the request that was filled in.
import { h } from "./dom.js";
import { badge } from "./parts.js";

const TYPES = schema => (Array.isArray(schema.type) ? schema.type : [schema.type]).filter(each => each && each !== "null");

function bounds(schema) {
  const found = [];
  if (schema.minimum !== undefined || schema.maximum !== undefined) found.push(`${schema.minimum ?? "…"} to ${schema.maximum ?? "…"}`);
  if (schema.exclusiveMinimum !== undefined) found.push(`above ${schema.exclusiveMinimum}`);
  if (schema.exclusiveMaximum !== undefined) found.push(`below ${schema.exclusiveMaximum}`);
  if (schema.maxLength !== undefined) found.push(`${schema.maxLength} characters at most`);
  if (schema.minItems !== undefined && schema.minItems === schema.maxItems) found.push(`${schema.minItems} items`);
  return found.join(", ");
}

/** One input: {element, read() → value or undefined when left out}; read throws with the field's name. */
function input(field, value) {
  const schema = field.schema ?? {};
  const id = `in-${field.name}`;
  const [type] = TYPES(schema);
  let [element, read] = [];
  if (schema.enum) {
    element = h("select", { id }, !field.required && h("option", { value: "" }, "(left out)"), schema.enum.map(each => h("option", { value: JSON.stringify(each), selected: JSON.stringify(each) === JSON.stringify(value) }, String(each))));
    read = () => (element.value === "" ? undefined : JSON.parse(element.value));
  } else if (type === "boolean") {
    element = h("select", { id }, !field.required && h("option", { value: "" }, "(left out)"), [true, false].map(each => h("option", { value: String(each), selected: value === each }, String(each))));
    read = () => (element.value === "" ? undefined : element.value === "true");
  } else if (type === "number" || type === "integer") {
    element = h("input", { id, type: "number", step: type === "integer" ? 1 : "any", min: schema.minimum, max: schema.maximum, value: value ?? "" });
    read = () => {
      if (element.value !== "") return Number(element.value);
      if (element.validity.badInput) throw new Error(`${field.name}: expected a number`);
      return undefined;
    };
  } else if (type === "string") {
    element = h("textarea", { id, rows: String(value ?? "").length > 60 ? 4 : 2, spellcheck: "false", value: value ?? "" });
    read = () => (element.value === "" && !field.required ? undefined : element.value);
  } else {
    element = h("textarea", { id, rows: 4, spellcheck: "false", value: value === undefined ? "" : JSON.stringify(value) });
    read = () => {
      if (!element.value.trim()) return undefined;
      try { return JSON.parse(element.value); } catch { throw new Error(`${field.name}: expected JSON`); }
    };
  }
  const hint = bounds(schema);
  return { name: field.name, read, element: h("div", { class: "field" }, h("label", { for: id }, h("span", {}, h("code", {}, field.name), " ", h("span", { class: "soft" }, field.label)), field.required ? badge("required", "plain") : h("span", { class: "soft" }, "may be left out")), element, hint && h("span", { class: "soft" }, hint)) };
}

/** The whole form: {element, read() → request}. */
export function formOf(endpoint, request = {}) {
  const inputs = (endpoint.inputs ?? []).map(each => input(each, request?.[each.name]));
  return {
    element: h("div", {}, inputs.length ? inputs.map(each => each.element) : h("p", { class: "soft" }, "It takes no input.")),
    read: () => Object.fromEntries(inputs.map(each => [each.name, each.read()]).filter(([, value]) => value !== undefined)),
  };
}

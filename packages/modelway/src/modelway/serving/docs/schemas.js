/* What a field's JSON schema means to a form. */
const bare = schema => { // null beside one other thing is that thing, which may be left empty
  const others = (schema.anyOf || []).filter(each => each.type !== "null");
  return others.length === 1 ? {...schema, anyOf: undefined, ...others[0]} : schema;
};
const mayBeNull = schema => schema.type === "null" || (schema.anyOf || []).some(each => each.type === "null");
const isOctets = schema => bare(schema).contentEncoding === "base64";
const isPicture = schema => (bare(schema).contentMediaType || "").startsWith("image/");
const isGroup = schema => bare(schema).type === "object" && Object.keys(bare(schema).properties || {}).length > 0;
const isListOfOctets = schema => bare(schema).type === "array" && Boolean(bare(schema).items) && isOctets(bare(schema).items);
const choicesOf = schema => {
  const plain = bare(schema);
  if (plain.const !== undefined) return [plain.const];
  if (plain.enum) return plain.enum.filter(each => each !== null);
  return plain.type === "boolean" ? [false, true] : null;
};
const exampleFor = (schema, depth = 0) => {
  const plain = bare(schema), choices = choicesOf(schema);
  if (choices) return choices[0];
  if (plain.anyOf) return exampleFor(plain.anyOf[0], depth + 1);
  if (plain.properties && depth < 6) return Object.fromEntries(Object.entries(plain.properties).map(([name, each]) => [name, exampleFor(each, depth + 1)]));
  if (plain.prefixItems && depth < 6) return plain.prefixItems.map(each => exampleFor(each, depth + 1));
  const kind = Array.isArray(plain.type) ? plain.type[0] : plain.type;
  if (kind === "array") return [plain.items && depth < 6 ? exampleFor(plain.items, depth + 1) : 0];
  if (kind === "object") return plain.additionalProperties && depth < 6 ? {name: exampleFor(plain.additionalProperties, depth + 1)} : {};
  return {string: "text", integer: 0, number: 0.5}[kind] ?? null;
};
const bounds = schema => {
  const plain = bare(schema);
  const said = [];
  if (plain.minimum !== undefined || plain.exclusiveMinimum !== undefined) said.push(`from ${plain.minimum ?? plain.exclusiveMinimum}`);
  if (plain.maximum !== undefined || plain.exclusiveMaximum !== undefined) said.push(`to ${plain.maximum ?? plain.exclusiveMaximum}`);
  if (plain.pattern) said.push(`like ${plain.pattern}`);
  if (plain.format) said.push(plain.format);
  return said.join(" ");
};
// Kinds of members that have no label of their own.
const labelOf = schema => {
  const plain = bare(schema), choices = choicesOf(schema);
  if (plain.title && plain.type === "object") return plain.title;
  if (isPicture(schema)) return "image";
  if (isOctets(schema)) return "bytes";
  if (choices && plain.type !== "boolean") return choices.map(each => JSON.stringify(each)).join(" | ");
  if (plain.type === "array") return plain.items ? `list of ${labelOf(plain.items)}` : "list";
  const names = {integer: "int", number: "float", string: "str", boolean: "bool", object: "dict"};
  return [plain.type || "JSON"].flat().map(each => names[each] || each).join(" | ");
};

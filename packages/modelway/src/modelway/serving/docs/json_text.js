/* JSON as text all the way, so that numbers keep every digit: JavaScript's own would lose some of 64 bits. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[[\]{}:,]/g;
const WIDTH = 88;

// A text as a tree of {members: [[name, tree]]}, {items: [tree]} and {token}; throws what JSON.parse says is wrong with it.
const treeOf = text => {
  JSON.parse(text);
  const tokens = text.match(TOKEN);
  let at = 0;
  const read = () => {
    const token = tokens[at++];
    if (token === "[") {
      const items = [];
      while (tokens[at] !== "]") { if (tokens[at] === ",") at++; items.push(read()); }
      at++;
      return {items};
    }
    if (token !== "{") return {token};
    const members = [];
    while (tokens[at] !== "}") {
      if (tokens[at] === ",") at++;
      const name = JSON.parse(tokens[at]);
      at += 2;
      members.push([name, read()]);
    }
    at++;
    return {members};
  };
  return read();
};
const memberOf = (tree, name) => {
  const found = tree && tree.members && tree.members.find(([each]) => each === name);
  return found && found[1];
};
const isText = tree => Boolean(tree && tree.token && tree.token[0] === '"');
const textIn = tree => JSON.parse(tree.token);

/* Laid out in lines as a person would: `words` says how tokens, names and brackets are written. */
const JSON_WORDS = {token: token => token, name: name => JSON.stringify(name), last: ""};
const laidOut = (tree, words = JSON_WORDS, pad = "", step = "  ") => {
  const short = written(tree, words);
  if (!tree.items && !tree.members) return short;
  if (short.length + pad.length <= WIDTH) return short;
  const inner = pad + step;
  if (tree.items && tree.items.every(each => each.token)) return `[\n${wrapped(tree.items.map(each => words.token(each.token)), inner)}${words.last}\n${pad}]`;
  const [open, close] = tree.items ? "[]" : "{}";
  const parts = tree.items
    ? tree.items.map(each => inner + laidOut(each, words, inner, step))
    : tree.members.map(([name, each]) => `${inner}${words.name(name)}: ${laidOut(each, words, inner, step)}`);
  return parts.length ? `${open}\n${parts.join(",\n")}${words.last}\n${pad}${close}` : open + close;
};
const written = (tree, words) => {
  if (tree.items) return "[" + tree.items.map(each => written(each, words)).join(", ") + "]";
  if (tree.members) return "{" + tree.members.map(([name, each]) => `${words.name(name)}: ${written(each, words)}`).join(", ") + "}";
  return words.token(tree.token);
};
const wrapped = (texts, pad) => {
  const lines = [];
  let line = pad;
  texts.forEach((text, index) => {
    const piece = index < texts.length - 1 ? text + "," : text;
    if (line !== pad && line.length + piece.length + 1 > WIDTH) { lines.push(line); line = pad; }
    line += (line === pad ? "" : " ") + piece;
  });
  return [...lines, line].join("\n");
};

// Colours, by the same tokens.
const showJson = (parent, text) => {
  let last = 0;
  for (const found of text.matchAll(TOKEN)) {
    const token = found[0];
    if ("[]{}:,".includes(token)) continue;
    parent.append(text.slice(last, found.index));
    const isName = token[0] === '"' && /^\s*:/.test(text.slice(found.index + token.length, found.index + token.length + 8));
    const kind = token[0] !== '"' ? (/[a-z]/.test(token[0]) ? "word" : "number") : "string";
    if (isName) parent.append(token); else make("span", parent, token, {class: kind});
    last = found.index + token.length;
  }
  parent.append(text.slice(last));
};

/* What came back. */
const LONGEST_SHOWN = 300000;
const MOST_PIECES = 500;
const MOST_PICTURES = 24;

const showError = (parent, error, status) => {
  const box = make("div", parent, "", {class: "error", role: "alert"});
  const first = make("p", box);
  make("strong", first, `${error.code || status}`);
  first.append(": " + (error.message || "no further words"));
  if (error.hint) make("p", box, "→ " + error.hint, {class: "hint"});
  if (error.request_id) make("p", box, "request " + error.request_id, {class: "id"});
};

// Octets in an answer by what its schema says: [name, base64, whether it is a picture].
const octetsIn = (tree, schema, name) => {
  if (!tree || !schema) return [];
  if (isOctets(schema)) return isText(tree) ? [[name, textIn(tree), isPicture(schema)]] : [];
  const plain = bare(schema);
  if (tree.items) return tree.items.slice(0, MOST_PICTURES).flatMap((each, index) => octetsIn(each, plain.items, `${name}[${index}]`));
  return (tree.members || []).flatMap(([member, each]) => octetsIn(each, (plain.properties || {})[member], member));
};

const showOctets = (parent, tree, schema) => {
  for (const [name, data, picture] of octetsIn(tree, schema, "answer").slice(0, MOST_PICTURES)) {
    const figure = make("figure", parent);
    if (picture) make("img", figure, "", {src: "data:image/png;base64," + data, alt: name});
    const caption = make("figcaption", figure, `${name}, ${sizeOf(data)} `);
    const save = make("a", caption, "save", {download: name + (picture ? ".png" : ".bin"), href: "#"});
    save.href = URL.createObjectURL(new Blob([Uint8Array.from(atob(data), each => each.charCodeAt(0))]));
  }
};

const showAnswer = (parent, text, output) => {
  let tree = null;
  try { tree = treeOf(text); } catch { make("pre", parent, text.slice(0, LONGEST_SHOWN)); return; }
  showOctets(parent, tree, output.schema);
  if (isOctets(output.schema) && isText(tree)) return;
  const box = make("pre", parent, "", {tabindex: "0", class: "value"});
  const whole = laidOut(tree);
  if (whole.length <= LONGEST_SHOWN) showJson(box, whole);
  else { box.textContent = whole.slice(0, LONGEST_SHOWN) + " …"; make("p", parent, `the first ${LONGEST_SHOWN.toLocaleString("en")} of ${whole.length.toLocaleString("en")} characters`, {class: "meta"}); }
  copyButton(make("div", parent, "", {class: "actions"}), () => whole, () => box);
};

// Server-sent events as they come: [failed, text of the data].
async function* eventsIn(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let piece; !(piece = await reader.read()).done;) {
    const blocks = (rest + piece.value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const data = lines.filter(each => each.startsWith("data:")).map(each => each.slice(5).trimStart()).join("\n");
      if (data) yield [lines.some(each => each.trim() === "event: error"), data];
    }
  }
}

/* Pieces of a stream: each with the time it came after, and texts put together beside them. */
const pieceList = (parent, output) => {
  const together = bare(output.schema).type === "string" && !isOctets(output.schema)
    ? make("pre", parent, "", {tabindex: "0", class: "value together", "aria-label": "the pieces put together"}) : null;
  const list = make("ol", parent, "", {class: "pieces", tabindex: "0", "aria-label": "pieces of the stream"});
  return (text, after) => {
    const item = make("li", list);
    make("span", item, `${after.toFixed(0)} ms`, {class: "at"});
    const value = make("span", item);
    let tree = null;
    try { tree = treeOf(text); } catch { /* shown as it is */ }
    if (tree && octetsIn(tree, output.schema, "piece").length) showOctets(value, tree, output.schema);
    else showJson(value, text);
    if (together && isText(tree)) { together.append(textIn(tree)); together.scrollTop = together.scrollHeight; }
    if (list.children.length > MOST_PIECES) list.firstChild.remove();
    list.scrollTop = list.scrollHeight;
  };
};

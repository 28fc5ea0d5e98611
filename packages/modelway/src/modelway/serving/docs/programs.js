/* The request as programs. Files stand in them by name, read from the folder they are run in. */
const LONGEST_ARGUMENT = 4000;
const MARKS = new RegExp(`${MARK}(\\d+)`);
const base64OfText = text => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const addressOf = endpoint => new URL(encodeURIComponent(endpoint.name), location.href).href;
const quoted = text => "'" + text.replaceAll("'", "'\\''") + "'";
const word = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text));

// A command whose body is an argument or, where it is long or has files in it, what it reads from the pipe.
const withBody = (command, literal, piped, text, marks) => {
  const pieces = text.split(MARKS);
  if (pieces.length > 1) {
    const parts = pieces.map((each, index) => (index % 2 ? `base64 < ${word(marks[each].name)} | tr -d '\\n'` : `printf %s ${quoted(each)}`));
    return `{\n  ${parts.join("\n  ")}\n} | ${command} ${piped}`;
  }
  return text.length > LONGEST_ARGUMENT ? `${command} ${piped} <<'JSON'\n${text}\nJSON` : `${command} ${literal} ${quoted(text)}`;
};

// As a form where that says the same: files beside numbers and texts.
const formParts = (tree, marks) => {
  const parts = tree.members.map(([name, each]) => {
    if (!each.token || each.token === "null") return null;
    const mark = MARKS.exec(each.token);
    if (!mark) return `  --form-string ${quoted(`${name}=${isText(each) ? textIn(each) : each.token}`)}`;
    const file = marks[mark[1]];
    const path = /^[^;,"\\]+$/.test(file.name) ? file.name : `"${file.name.replace(/[\\"]/g, "\\$&")}"`;
    return `  -F ${quoted(`${name}=@${path};type=${file.type || "application/octet-stream"}`)}`;
  });
  return parts.includes(null) ? null : parts;
};

const curl = (endpoint, request) => {
  const address = addressOf(endpoint);
  const start = `curl -s${address.includes("[") ? "g" : ""}${endpoint.streaming ? "N" : ""} ${word(address)}`;
  const live = endpoint.streaming ? " -H 'accept: text/event-stream'" : "";
  const {text, marks} = request(true);
  const parts = marks.length ? formParts(treeOf(text), marks) : null;
  if (parts) return [start + live, ...parts].join(" \\\n");
  return withBody(`${start}${live} -H 'content-type: application/json'`, "\\\n  -d", "--data-binary @-", text, marks);
};

/* Python. */
const pythonWords = (marks, read) => ({
  token: token => {
    const mark = token[0] === '"' ? MARKS.exec(token) : null;
    if (mark) return read(JSON.stringify(marks[mark[1]].name));
    return token[0] === '"' ? JSON.stringify(JSON.parse(token)) : {null: "None", true: "True", false: "False"}[token] || token;
  },
  name: name => JSON.stringify(name),
  last: ",",
});
const pythonInputs = (request, read) => {
  const {text, marks} = request(true);
  return {files: marks.length > 0, inputs: laidOut(treeOf(text), pythonWords(marks, read), "", "    ")};
};

const pythonClient = (endpoint, request) => {
  const base = JSON.stringify(new URL(".", location.href).href.replace(/\/$/, ""));
  const {files, inputs} = pythonInputs(request, name => `Path(${name}).read_bytes()`);
  const call = `${endpoint.streaming ? "stream" : "call"}(inputs, endpoint=${JSON.stringify(endpoint.name)})`;
  const use = endpoint.streaming ? `    for piece in model.${call}:\n        print(piece)` : `    print(model.${call})`;
  return `${files ? "from pathlib import Path\n\n" : ""}from modelway.client import ModelClient\n\ninputs = ${inputs}\n\nwith ModelClient(url=${base}) as model:\n${use}\n`;
};

const pythonRequests = (endpoint, request) => {
  const address = JSON.stringify(addressOf(endpoint));
  const {files, inputs} = pythonInputs(request, name => `base64.b64encode(Path(${name}).read_bytes()).decode()`);
  const start = `${files ? "import base64\nfrom pathlib import Path\n\n" : ""}import requests\n\ninputs = ${inputs}\n\n`;
  if (!endpoint.streaming) return `${start}answer = requests.post(${address}, json=inputs, timeout=60)\nanswer.raise_for_status()\nprint(answer.json())\n`;
  return `${start}with requests.post(${address}, json=inputs, stream=True, timeout=60) as answer:\n` +
    `    answer.raise_for_status()\n    for line in answer.iter_lines():\n        print(line.decode())\n`;
};

/* gRPC: the fields as tensors of the Open Inference Protocol, one row. */
const CONTENTS = {
  BOOL: "bool_contents", INT8: "int_contents", INT16: "int_contents", INT32: "int_contents", INT64: "int64_contents",
  UINT8: "uint_contents", UINT16: "uint_contents", UINT32: "uint_contents", UINT64: "uint64_contents", FP32: "fp32_contents",
  FP64: "fp64_contents", BYTES: "bytes_contents",
};
const WRITERS = {
  BOOL: [1, "setUint8"], UINT8: [1, "setUint8"], UINT16: [2, "setUint16"], UINT32: [4, "setUint32"], UINT64: [8, "setBigUint64"],
  INT8: [1, "setInt8"], INT16: [2, "setInt16"], INT32: [4, "setInt32"], INT64: [8, "setBigInt64"],
  FP16: [2, "setFloat16"], FP32: [4, "setFloat32"], FP64: [8, "setFloat64"],
};

const elementsIn = tree => (tree.items ? tree.items.flatMap(elementsIn) : [tree]);
const shapeIn = tree => (tree.items ? [tree.items.length, ...(tree.items.length ? shapeIn(tree.items[0]) : [])] : []);

const tensorOf = (tensor, tree) => {
  const shape = tensor.form === "array" ? [1, ...shapeIn(tree)] : [1];
  const trees = tensor.form === "array" ? elementsIn(tree) : [tree];
  const tokens = trees.map(each => {
    if (tensor.datatype !== "BYTES") return each.token;
    if (tensor.form === "octets") return each.token;
    return `"${base64OfText(tensor.form === "json" ? written(each, JSON_WORDS) : textIn(each))}"`;
  });
  return {...tensor, shape, tokens};
};

// FP16 has no contents of its own, and then no tensor may have: octets, little-endian, texts behind their length.
const rawOf = ({datatype, tokens}) => {
  const texts = datatype === "BYTES" ? tokens.map(each => atob(JSON.parse(each))) : [];
  const [size, write] = WRITERS[datatype] || [0, ""];
  const view = new DataView(new ArrayBuffer(tokens.length * size + texts.reduce((sum, each) => sum + 4 + each.length, 0)));
  if (write && !view[write]) throw new Error("this browser cannot write FP16; use the Python client");
  let at = 0;
  for (const text of texts) {
    view.setUint32(at, text.length, true);
    for (let index = 0; index < text.length; index++) view.setUint8(at + 4 + index, text.charCodeAt(index));
    at += 4 + text.length;
  }
  tokens.forEach((token, index) => { if (write) view[write](index * size, size === 8 && write.includes("Big") ? BigInt(token) : Number(JSON.parse(token)), true); });
  return btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
};

const grpcBody = (endpoint, text) => {
  const tree = treeOf(text);
  const tensors = endpoint.tensors.flatMap(tensor => {
    const given = memberOf(tree, tensor.name);
    return given && !(tensor.form === "array" && given.token === "null") ? [tensorOf(tensor, given)] : [];
  });
  const raw = tensors.some(each => each.datatype === "FP16");
  const inputs = tensors.map(each => {
    const head = `"name": ${JSON.stringify(each.name)}, "datatype": "${each.datatype}", "shape": [${each.shape.join(", ")}]`;
    return raw ? `{${head}}` : `{${head}, "contents": {"${CONTENTS[each.datatype]}": [${each.tokens.join(", ")}]}}`;
  });
  const named = endpoint.usual ? "" : `"parameters": {"endpoint": {"string_param": ${JSON.stringify(endpoint.name)}}}, `;
  const octets = raw ? `, "raw_input_contents": [${tensors.map(each => `"${rawOf(each)}"`).join(", ")}]` : "";
  return `{"model_name": ${JSON.stringify(server.model)}, ${named}"inputs": [${inputs.join(", ")}]${octets}}`;
};

const grpcurl = (endpoint, request) => {
  const direct = location.pathname.lastIndexOf("/") === 0;
  const plain = location.protocol === "https:" ? "" : " -plaintext";
  const address = direct ? `${location.hostname}:${server.grpc}` : `"\${MODELWAY_GRPC_ADDRESS:-${location.hostname}:8001}"`;
  const named = direct ? "" : ` -H 'modelway-model: ${server.deployed}'`;
  const octets = new Set(endpoint.tensors.filter(each => each.form === "octets").map(each => each.name));
  const {text, marks} = request(octets);
  const raw = endpoint.tensors.some(each => each.datatype === "FP16");
  const body = laidOut(treeOf(grpcBody(endpoint, raw ? request(false).text : text)));
  const method = `inference.GRPCInferenceService/${endpoint.streaming ? "ModelStreamInfer" : "ModelInfer"}`;
  const piece = withBody(`grpcurl${plain}${named}`, "-d", "-d @", body, marks);
  return piece.includes("-d @") ? piece.replace("-d @", `-d @ ${address} ${method}`) : `${piece} \\\n  ${address} ${method}`;
};

const programsOf = () => ({
  curl,
  Python: pythonClient,
  "Python, requests": pythonRequests,
  ...(server.grpc ? {grpcurl} : {}),
});

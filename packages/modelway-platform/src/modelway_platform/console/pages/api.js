// The two public APIs, through the console's server, which adds the key of who signed in.
const TOKEN = "modelway-console-token";
const kept = { get: () => { try { return localStorage.getItem(TOKEN) ?? ""; } catch { return ""; } }, set(value) { try { localStorage.setItem(TOKEN, value); } catch { /* signed in until the page is left */ } } };
let token = kept.get();

export class ApiError extends Error {
  constructor(status, error) {
    super(error.message ?? (typeof error === "string" ? error : `status ${status}`));
    Object.assign(this, { status, code: error.code ?? "", hint: error.hint ?? "", requestId: error.request_id ?? "" });
  }
}

async function failure(answer) {
  const told = await answer.json().catch(() => ({}));
  return new ApiError(answer.status, told.error ?? {});
}

const ours = headers => ({ "x-modelway-console": token || "1", ...headers });

async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const json = body !== undefined && typeof body !== "string" && !(body instanceof Blob);
  let answer;
  try {
    answer = await fetch(path, { method, signal, body: json ? JSON.stringify(body) : body, headers: ours({ ...(json ? { "content-type": "application/json" } : {}), ...headers }) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { message: "the console does not answer", hint: "is `modelway up` running?" });
  }
  if (answer.ok) return answer;
  const error = await failure(answer);
  // The gateway has a 401 of its own, for a key that it does not know; ours is about the session.
  if (answer.status === 401 && !path.startsWith("api/gateway")) window.dispatchEvent(new Event("signed-out"));
  throw error;
}

export const control = async (path, options) => (await ask(`api/control/${path}`, options)).json();
export const gateway = (path, options) => ask(`api/gateway/${path}`, options);
/** Of the control process itself: `metrics` or `readyz`. */
export const about = (path, options) => ask(`api/about-control/${path}`, options);
export const series = async (query, options) => (await ask(`api/series?${new URLSearchParams(query)}`, options)).json();
export const name = (...parts) => parts.map(encodeURIComponent).join("/");
export const query = values => { const found = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined && value !== null)).toString(); return found ? `?${found}` : ""; };

/** Every line of an answer, as JSON; ends with it or with the signal. */
export async function* lines(path, signal) {
  const answer = await ask(`api/control/${path}`, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const found = (rest + value).split("\n");
    rest = found.pop();
    for (const line of found) if (line.trim()) yield JSON.parse(line);
  }
}

/** Records of one source that fit; who is bound to projects has them of each of these, in the order of their time. */
export async function ownRecords(values, bound, signal) {
  if (values.project || !bound.length) return records(`logs${query(values)}`, signal);
  const found = await Promise.all(bound.map(project => records(`logs${query({ ...values, project })}`, signal)));
  return found.flat().sort((a, b) => a.time - b.time).slice(-(values.tail ?? Infinity));
}

/** All lines that are there. */
export async function records(path, signal) {
  const text = await (await ask(`api/control/${path}`, { signal })).text();
  return text.split("\n").filter(line => line.trim()).map(line => JSON.parse(line));
}

const pause = (ms, signal) => new Promise(resolve => { const timer = setTimeout(resolve, ms); signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true }); });

/** A list and each change of it, for as long as the page is looked at; a broken watch is begun again. */
export async function watch(kind, signal, listener, failed = () => {}) {
  while (!signal.aborted) {
    try {
      for await (const told of lines(`${kind}?watch=true`, signal)) { if (signal.aborted) return; failed(null); await listener(told.items); }
    } catch (error) { if (!signal.aborted) failed(error); }
    await pause(1500, signal);
  }
}

/** Again and again while somebody looks; a hidden tab does not ask. */
export async function poll(every, signal, act, failed = () => {}) {
  while (!signal.aborted) {
    if (!document.hidden) try { await act(); failed(null); } catch (error) { if (!signal.aborted) failed(error); }
    await pause(every, signal);
  }
}

export const apply = (document, dryRun = false) =>
  control(`apply${dryRun ? "?dryRun=true" : ""}`, { method: "POST", body: { files: [{ name: "console.json", text: typeof document === "string" ? document : JSON.stringify(document) }], packages: {} } });

export const session = {
  look: async () => (await ask("session")).json(),
  async enter(given) {
    const answer = await (await ask("session", { method: "POST", body: given })).json();
    token = answer.token;
    kept.set(token);
    return answer;
  },
  callWith: async key => (await ask("session", { method: "PUT", body: { key } })).json(),
  async leave() {
    await ask("session", { method: "DELETE" });
    token = "";
    kept.set("");
  },
};

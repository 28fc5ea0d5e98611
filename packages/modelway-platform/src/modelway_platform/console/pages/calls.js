// Calls: how many requests of one caller to one version, counted by the platform or out of the records that are here.

const exact = (times, share) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))];

/** Records of models as calls (`_` is the gateway's own, such as jobs); they keep their durations, so that quantiles of several stay exact. */
export function callsOf(records) {
  const found = new Map();
  for (const each of records) if (each.model && !each.project.startsWith("_")) {
    const [consumer, version, mirrored] = [each.consumer ?? "", each.version ?? "", Boolean(each.mirrored)];
    const key = JSON.stringify([each.project, each.model, version, consumer, mirrored]);
    const calls = found.get(key) ?? { project: each.project, model: each.model, version, consumer, mirrored, requests: 0, refused: 0, failed: 0, times: [], last: 0 };
    calls.requests += 1;
    if (each.status >= 500) calls.failed += 1; else if (each.status >= 400) calls.refused += 1;
    calls.times.push(each.duration_ms);
    calls.last = Math.max(calls.last, each.time);
    found.set(key, calls);
  }
  return [...found.values()];
}

/** Calls added up by the text that `key` gives, the most frequent first; null leaves them out. Quantiles of several are at most the largest of them. */
export function grouped(calls, key) {
  const found = new Map();
  for (const each of calls) {
    const name = key(each);
    if (name === null) continue;
    found.set(name, [...(found.get(name) ?? []), each]);
  }
  return [...found].map(([name, parts]) => ({ name, ...together(parts) })).sort((a, b) => b.requests - a.requests || a.name.localeCompare(b.name));
}

const NONE = { requests: 0, refused: 0, failed: 0, last: 0, bound: false, p50Ms: null, p99Ms: null };
export function together(parts) {
  if (!parts.length) return NONE;
  const sum = key => parts.reduce((total, each) => total + each[key], 0);
  const times = parts.every(each => each.times) ? parts.flatMap(each => each.times) : null;
  const most = key => { const known = parts.map(each => each[key]).filter(value => value !== null && value !== undefined); return known.length ? Math.max(...known) : null; };
  return { requests: sum("requests"), refused: sum("refused"), failed: sum("failed"), last: most("last") ?? 0, bound: !times && parts.length > 1, p50Ms: times ? exact(times, 0.5) : most("p50Ms"), p99Ms: times ? exact(times, 0.99) : most("p99Ms") };
}

export const modelOf = each => `${each.project}/${each.model}`;

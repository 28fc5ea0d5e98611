// Deployments, routes and traffic put together by model, as several pages need them.
import { poll, series, watch } from "./api.js";

/** Models with their versions and who gets how much; without a route everything goes to the first version that is ready. */
export function models(deployments, routes) {
  const found = new Map();
  const of = ({ project, model }) => {
    const name = `${project}/${model}`;
    if (!found.has(name)) found.set(name, { name, project, model, deployments: [], route: null });
    return found.get(name);
  };
  for (const each of deployments) of(each.metadata).deployments.push(each);
  for (const each of routes) of(each.metadata).route = each;
  for (const each of found.values()) {
    each.deployments.sort((a, b) => a.metadata.version.localeCompare(b.metadata.version, "en", { numeric: true }));
    each.versions = each.deployments.map(one => one.metadata.version);
    const ready = each.deployments.find(one => one.status.replicas.ready > 0);
    each.weights = each.route?.spec.versions?.length ? each.route.spec.versions : ready ? [{ version: ready.metadata.version, weight: 1 }] : [];
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** Follows deployments and routes; `changed` gets both whenever one changes. */
export function follow(signal, changed, failed) {
  const state = { deployments: null, routes: null };
  const take = kind => items => { state[kind] = items; if (state.deployments && state.routes) return changed(state); return undefined; };
  watch("deployments", signal, take("deployments"), failed);
  watch("routes", signal, take("routes"), failed);
}

/** Follows the traffic of the last `seconds`, of one model if named. */
export function followSeries(signal, query, changed, failed) {
  return poll(2500, signal, async () => changed(await series(typeof query === "function" ? query() : query, { signal })), failed);
}

const sum = values => values.reduce((total, value) => total + (value ?? 0), 0);

/** Of several versions' series, the last `steps` steps together: requests per second and the share of failed ones. */
export function lately(list, steps = 15) {
  const rates = list.map(each => sum(each.requests.slice(-steps)) / Math.max(Math.min(steps, each.requests.length), 1));
  const failed = list.map(each => sum(each.requests.slice(-steps).map((requests, index) => requests * (each.failed.slice(-steps)[index] ?? 0))) / Math.max(Math.min(steps, each.requests.length), 1));
  const total = sum(rates);
  const last = key => list.map(each => each[key].slice(-steps).filter(value => value !== null).at(-1)).filter(value => value !== undefined);
  return { rate: list.length ? total : 0, failed: total ? sum(failed) / total : null, p50: last("p50").length ? Math.max(...last("p50")) : null, p99: last("p99").length ? Math.max(...last("p99")) : null };
}

export const together = list => (list.length ? list[0].requests.map((_, index) => sum(list.map(each => each.requests[index]))) : []);
export const ofModel = (told, name) => (told?.series ?? []).filter(each => `${each.project}/${each.model}` === name);

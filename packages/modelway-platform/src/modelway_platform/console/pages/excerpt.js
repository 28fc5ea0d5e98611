// The series that an anomaly was opened with, gone on to its end or to now, and where it was open.
const seconds = moment => new Date(moment).getTime() / 1000;
const AFTER = 600; // seconds that are shown of what came after its end
const line = (edge, count) => (Array.isArray(edge) ? edge : Array(count).fill(edge ?? null));

/** The evidence's series, and what the model's own (`lines`, null where it cannot be had) has of the time after it. */
export function goneOn({ evidence: { series, metric }, finding, resolvedAt }, lines) {
  const own = lines && ((lines.versions ?? []).find(each => each.version === finding.version) ?? lines.model)?.[metric];
  if (!own) return series;
  const begin = series.times.at(-1) ?? 0;
  const end = resolvedAt ? seconds(resolvedAt) + AFTER : Infinity;
  const later = lines.times.map((time, index) => index).filter(index => lines.times[index] > begin && lines.times[index] <= end);
  if (!later.length) return series;
  const told = lines.usual?.[metric];
  return {
    times: [...series.times, ...later.map(index => lines.times[index])],
    values: [...series.values, ...later.map(index => own[index])],
    usual: series.usual && { low: widened(series, "low", told, later, lines.times.length), high: widened(series, "high", told, later, lines.times.length) },
  };
}

/** An edge of what was usual: a number is one for all times, too; one that changes by the hour goes on as it is usual now. */
function widened(series, edge, told, later, count) {
  const before = series.usual[edge];
  if (!Array.isArray(before)) return before;
  const after = told ? line(told[edge], count) : [];
  return [...before, ...later.map(index => after[index] ?? before.at(-1) ?? null)];
}

/** What was usual beside the series; without a history, what the judgement itself allowed. */
export const usualOf = ({ finding }, series) => series.usual ?? (finding.unit === "share" && Number.isFinite(finding.high) ? { low: finding.low ?? 0, high: finding.high } : null);

/** From when it was seen first until it was over, or now: the last time that there is, where that is earlier. */
export function markedIn({ finding, openedAt, resolvedAt }, times) {
  const last = times.at(-1) ?? seconds(openedAt);
  return [Math.min(finding.since, seconds(openedAt), times.at(-2) ?? Infinity), resolvedAt ? Math.max(seconds(openedAt), Math.min(seconds(resolvedAt), last)) : last];
}

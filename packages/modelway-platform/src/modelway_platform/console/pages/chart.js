// Lines over time as SVG, with a cursor that reads them; a few hundred points per line, no library.
import { fill, h } from "./dom.js";
import { colour, number } from "./parts.js";

const [WIDTH, HEIGHT] = [600, 120];

/** lines: [{name, points: numbers or null}] over `times` (Unix seconds); `show` makes a text of a value. */
export function chart(times, lines, { show = value => number(value, 1), floor = 0, names = lines.map(each => each.name), usual = null, marked = null } = {}) {
  const values = [...lines.flatMap(each => each.points), ...(usual ? [usual.high].flat() : [])].filter(value => value !== null && value !== undefined);
  if (times.length < 2 || !values.length) return h("p", { class: "empty" }, times.length < 2 ? "Collecting: the first points are there in a few seconds." : "No requests in this time.");
  const top = nice(Math.max(...values, floor, 1e-9));
  const [from, to] = [times[0], times.at(-1)];
  const x = time => ((time - from) / Math.max(to - from, 1)) * WIDTH;
  const y = value => HEIGHT - (value / top) * (HEIGHT - 6);
  const cursor = h("line", { class: "cursor", y1: 0, y2: HEIGHT, visibility: "hidden" });
  const svg = h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": lines.map(each => each.name).join(", ") },
    [0, 0.5, 1].map(share => h("line", { class: "grid", x1: 0, x2: WIDTH, y1: y(top * share), y2: y(top * share) })),
    usual && h("polygon", { class: "usual", points: ribbon(times, usual, x, y) }),
    marked && h("rect", { class: "marked", x: Math.max(0, x(marked[0])), width: Math.max(2, Math.min(WIDTH, x(marked[1])) - Math.max(0, x(marked[0]))), y: 0, height: HEIGHT }),
    lines.map(each => [lines.length === 1 && h("path", { class: `area ${colour(names, each.name)}`, d: area(times, each.points, x, y) }), h("path", { class: colour(names, each.name), d: path(times, each.points, x, y) })]),
    cursor);
  const axis = [0, 0.5, 1].map(share => h("span", { class: "axis", style: { top: `${(y(top * share) / HEIGHT) * 8.5}rem` } }, show(top * share)));
  const readout = h("div", { class: "readout", hidden: true });
  const box = h("div", { class: "chart" }, svg, axis, readout, ticks(from, to));
  box.addEventListener("pointermove", event => {
    const bounds = svg.getBoundingClientRect();
    const wanted = from + ((event.clientX - bounds.left) / bounds.width) * (to - from);
    const index = times.reduce((best, each, at) => (Math.abs(each - wanted) < Math.abs(times[best] - wanted) ? at : best), 0);
    cursor.setAttribute("x1", x(times[index]));
    cursor.setAttribute("x2", x(times[index]));
    cursor.setAttribute("visibility", "visible");
    fill(readout, h("div", { class: "soft" }, time(times[index])), lines.map(each => h("div", { class: colour(names, each.name) }, h("i", { class: "dot" }), lines.length > 1 ? `${each.name}  ` : "", each.points[index] === null ? "–" : show(each.points[index]))));
    readout.hidden = false;
    const at = (x(times[index]) / WIDTH) * bounds.width + bounds.left - box.getBoundingClientRect().left;
    Object.assign(readout.style, at > bounds.width / 2 ? { right: `${box.clientWidth - at + 8}px`, left: "auto" } : { left: `${at + 8}px`, right: "auto" });
  });
  box.addEventListener("pointerleave", () => { readout.hidden = true; cursor.setAttribute("visibility", "hidden"); });
  return box;
}

/** What is usual: `low` and `high`, a number or one for each time. */
const ribbon = (times, { low, high }, x, y) => {
  const at = (edge, index) => (Array.isArray(edge) ? edge[index] : edge) ?? 0;
  const points = edge => times.map((each, index) => `${x(each).toFixed(1)},${y(at(edge, index)).toFixed(1)}`);
  return [...points(high), ...points(low).reverse()].join(" ");
};

const time = seconds => new Date(seconds * 1000).toLocaleTimeString("en-GB");
/** Times below a chart: its ends and its middle; with the day where it spans more than one. */
const ticks = (from, to) => h("div", { class: "times" }, [from, (from + to) / 2, to].map(each => h("span", {}, to - from > 86400 ? new Date(each * 1000).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }) : time(each))));

function path(times, points, x, y) {
  let down = false;
  return points.map((value, index) => {
    if (value === null || value === undefined) { down = false; return ""; }
    const step = `${down ? "L" : "M"}${x(times[index]).toFixed(1)} ${y(value).toFixed(1)}`;
    down = true;
    return step;
  }).join("");
}

const area = (times, points, x, y) => `M${x(times[0]).toFixed(1)} ${HEIGHT}` + points.map((value, index) => `L${x(times[index]).toFixed(1)} ${y(value ?? 0).toFixed(1)}`).join("") + `L${x(times.at(-1)).toFixed(1)} ${HEIGHT}Z`;

function nice(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map(each => each * size).find(each => each >= value);
}

/** A small line, of 40 means of what is given. */
export function spark(given) {
  const part = Math.max(1, Math.ceil(given.length / 40));
  const points = Array.from({ length: Math.floor(given.length / part) }, (_, index) => given.slice(index * part, (index + 1) * part).reduce((sum, each) => sum + (each ?? 0), 0) / part);
  const top = Math.max(...points, 1e-9);
  const x = index => (index / Math.max(points.length - 1, 1)) * 100;
  return h("svg", { class: "spark", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" }, points.length > 1 && h("path", { d: points.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${(19 - ((value ?? 0) / top) * 17).toFixed(1)}`).join("") }));
}

/** An interval around a difference, with zero marked: what a verdict rests on. */
export function band({ low, high }, difference, verdict) {
  const known = [low, high, difference].filter(each => each !== null && each !== undefined);
  const reach = Math.max(...known.map(Math.abs), 1e-9) * 1.15;
  const x = value => 150 + (Math.max(-reach, Math.min(reach, value)) / reach) * 140;
  const open = value => value === null || value === undefined;
  return h("svg", { class: `band ${verdict}`, viewBox: "0 0 300 24", role: "img", "aria-label": "the difference with the interval it lies in; the dashed line is no difference" },
    h("line", { class: "track", x1: 8, x2: 292, y1: 12, y2: 12 }),
    h("line", { class: "ci", x1: open(low) ? 8 : x(low), x2: open(high) ? 292 : x(high), y1: 12, y2: 12 }),
    h("line", { class: "zero", x1: 150, x2: 150, y1: 1, y2: 23 }),
    !open(difference) && h("circle", { cx: x(difference), cy: 12, r: 4.5 }));
}

/** How an interval has narrowed: what was seen as a line in its band, no difference dashed, what is allowed dotted. points: [time, seen, low, high]. */
export function bandOverTime(points, { verdict, limit, zero = 0, show, label }) {
  if (points.length < 2) return h("p", { class: "empty" }, "Collecting: the band is there in a few seconds.");
  const late = points.slice(-Math.max(2, Math.ceil(points.length / 3)));
  const wanted = [zero, limit, ...points.map(each => each[1]), ...late.flatMap(each => [each[2], each[3]])].filter(each => each !== null && each !== undefined);
  const [least, most] = [Math.min(...wanted), Math.max(...wanted)];
  const edge = Math.max((most - least) * 0.08, 1e-9);
  const [from, to] = [points[0][0], points.at(-1)[0]];
  const x = time_ => ((time_ - from) / Math.max(to - from, 1)) * WIDTH;
  const y = value => HEIGHT - ((Math.min(most + edge, Math.max(least - edge, value)) - least + edge) / (most - least + 2 * edge)) * HEIGHT;
  const side = (index, open) => points.map(each => `${x(each[0]).toFixed(1)} ${y(each[index] ?? open).toFixed(1)}`);
  const shape = `M${side(3, Infinity).join("L")}L${side(2, -Infinity).reverse().join("L")}Z`;
  const line = (value, kind) => h("line", { class: kind, x1: 0, x2: WIDTH, y1: y(value), y2: y(value) });
  const svg = h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    h("path", { class: "confidence", d: shape }), zero !== limit && line(zero, "zero"), line(limit, "limit"), h("path", { class: "seen", d: `M${side(1, zero).join("L")}` }));
  const axis = [limit, zero].filter((value, index) => !index || value !== limit).map(value => h("span", { class: "axis", style: { top: `${(y(value) / HEIGHT) * 8.5}rem` } }, show(value).replace(" points", "")));
  return h("div", { class: `chart over ${verdict}` }, svg, axis, ticks(from, to));
}

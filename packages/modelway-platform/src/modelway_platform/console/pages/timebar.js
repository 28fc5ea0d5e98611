// A stretch of time as bars, one per step, with a slider, a button that plays it and one step to either side.
import { fill, h } from "./dom.js";
import { number } from "./parts.js";

const [WIDTH, HEIGHT, PLAY_MS] = [600, 60, 700];
const WORDS = { series: "callers not known", quiet: "nobody called", unknown: "not known" };
const day = { day: "numeric", month: "short" };
const minute = { hour: "2-digit", minute: "2-digit" };

/** A step in words: with its day where the whole is longer than one, without the hour where a step is days. */
export function stepWords(at, step, whole) {
  const [from, to] = [new Date(at * 1000), new Date((at + step) * 1000)];
  if (step >= 86400) return step === 86400 ? from.toLocaleDateString("en-GB", day) : `${from.toLocaleDateString("en-GB", day)} – ${to.toLocaleDateString("en-GB", day)}`;
  const begin = from.toLocaleString("en-GB", whole > 86400 || from.toDateString() !== new Date().toDateString() ? { ...day, ...minute } : minute);
  return `${begin} – ${to.toLocaleTimeString("en-GB", minute)}`;
}

/**
 * told: what `GET /v1/traffic` says; `place` is the step that is shown, null for all of them; `changed` is told of another one.
 * `marks` are moments at which something was changed, with words.
 */
export function timebar(told, { place, marks, changed, signal }) {
  const { steps, step, begin, end } = told;
  let [now, timer] = [place, null];
  const top = Math.max(...steps.map(each => each.requests), 1);
  const wide = WIDTH / steps.length;
  const here = h("rect", { class: "here", y: 0, height: HEIGHT, width: Math.max(wide, 1.5) });
  const bars = steps.map((each, index) => {
    const [x, tall] = [index * wide, each.requests ? Math.max(2, (each.requests / top) * (HEIGHT - 8)) : 0];
    const bad = each.requests ? (each.failed / each.requests) * tall : 0;
    return [each.source === "unknown" && h("rect", { class: "unknown", x, y: 0, width: wide + 0.4, height: HEIGHT }),
      h("rect", { class: each.source, x: x + wide * 0.08, y: HEIGHT - tall, width: wide * 0.84, height: tall }), bad > 0 && h("rect", { class: "failed", x: x + wide * 0.08, y: HEIGHT - Math.max(bad, 1.5), width: wide * 0.84, height: Math.max(bad, 1.5) })];
  });
  const ticks = marks.filter(each => each.at > begin && each.at < end).map(each => h("path", { class: "mark", d: `M${(((each.at - begin) / (end - begin)) * WIDTH).toFixed(1)} 0V${HEIGHT}` }, h("title", {}, each.words)));
  const svg = h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": "requests per step", onclick: event => { const bounds = svg.getBoundingClientRect(); go(Math.floor(((event.clientX - bounds.left) / bounds.width) * steps.length)); } }, here, bars, ticks);
  const words = h("output", { class: "grow", "aria-live": "polite" });
  const slider = h("input", { type: "range", min: 0, max: steps.length - 1, step: 1, "aria-label": "time", oninput: event => go(Number(event.target.value)) });
  const play = h("button", { class: "first play", disabled: !steps.some(each => each.requests), onclick: () => (timer ? stop() : start()) });
  const whole = h("button", { "aria-pressed": "false", onclick: () => { stop(); go(now === null ? steps.length - 1 : null); } }, "All of it");
  const side = (by, sign, what) => h("button", { "aria-label": what, title: what, onclick: () => { stop(); go((now ?? (by > 0 ? -1 : steps.length)) + by); } }, sign);

  function go(to, tell = true) {
    now = to === null ? null : Math.max(0, Math.min(steps.length - 1, to));
    const each = now === null ? null : steps[now];
    const text = each ? `${stepWords(each.at, step, end - begin)} · ${told_(each)}` : `${stepWords(begin, end - begin, end - begin)} · ${number(steps.reduce((sum, one) => sum + one.requests, 0))} requests`;
    fill(words, text);
    slider.value = now ?? steps.length - 1;
    slider.setAttribute("aria-valuetext", text);
    here.setAttribute("x", now === null ? 0 : now * wide);
    here.setAttribute("width", now === null ? WIDTH : Math.max(wide, 1.5));
    whole.setAttribute("aria-pressed", String(now === null));
    if (tell) changed(now);
  }
  function stop() { clearInterval(timer); timer = null; fill(play, "▶ Play"); }
  function start() {
    go(now === null || now === steps.length - 1 ? 0 : now);
    timer = setInterval(() => { if (now >= steps.length - 1) stop(); else if (!document.hidden) go(now + 1); }, PLAY_MS);
    fill(play, "⏸ Pause");
  }
  signal.addEventListener("abort", stop, { once: true });
  stop();
  go(place, false);
  return { element: h("div", { class: "timebar" }, h("div", { class: "row" }, side(-1, "‹", "one step back"), play, side(1, "›", "one step on"), words, whole), svg, slider,
    h("div", { class: "times" }, [begin, (begin + end) / 2, end].map(each => h("span", {}, new Date(each * 1000).toLocaleString("en-GB", end - begin > 86400 ? { ...day, ...minute } : minute)))),
    h("div", { class: "legend" }, h("span", {}, h("i", { class: "swatch records" }), "requests"), h("span", {}, h("i", { class: "swatch failed" }), "failed"), steps.some(each => each.source === "series") && h("span", {}, h("i", { class: "swatch series" }), "callers not known"), steps.some(each => each.source === "unknown") && h("span", {}, h("i", { class: "swatch unknown" }), "not known"), ticks.length > 0 && h("span", {}, h("i", { class: "swatch mark" }), "a route was changed"))), playing: () => timer !== null, stop };
}

const told_ = each => [each.source === "records" || each.source === "series" ? `${number(each.requests)} requests, ${number(each.failed)} failed` : "", WORDS[each.source] ?? ""].filter(Boolean).join(", ");

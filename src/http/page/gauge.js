// A metric as a gauge: what the profile accepts, the interval, the value, and what is wrong at the ends.

import { element, inWords, withUnit } from "./dom.js";
import { qualityOf } from "./judge.js";

function svg(name, attributes, children = []) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const row = (name, ...texts) => element("p", { className: name }, ...texts.map((text) => element("span", {}, text)));

// A profile may leave a metric without a band; it is then reported and not judged.
function gauge(metric, score, band) {
  const [low, high] = metric.range;
  const at = (value) => (100 * (Math.min(Math.max(value, low), high) - low)) / (high - low);
  const bar = (name, from, to, y, height) =>
    svg("rect", { class: name, x: at(from), width: Math.max(at(to) - at(from), 0.4), y, height, rx: 1 });
  const text = `${withUnit(score.value.toFixed(2), score.unit)} (${score.low.toFixed(2)} to ${score.high.toFixed(2)})`;
  const accepted = band ? `accepted ${band.low ?? low} to ${band.high}` : "not judged";
  const label = `${metric.title}: ${text}; ${accepted}`;
  const picture = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": label }, [
    bar("track", low, high, 4, 2),
    ...(band ? [bar("band", band.low ?? low, band.high, 2.5, 5)] : []),
    bar("interval", score.low, score.high, 3.5, 3),
    svg("rect", { class: "value", x: at(score.value) - 0.4, width: 0.8, y: 0, height: 10 }),
  ]);
  const caption = row("caption", `${metric.title} · ${band ? `quality ${qualityOf(score.value, band)}` : accepted}`, text);
  const end = (value, fault) => withUnit(value, score.unit) + (fault ? `: ${inWords(fault.code)}` : "");
  return element("div", { className: "gauge" }, caption, picture, row("ends", end(low, metric.low), end(high, metric.high)));
}

// Of all scores; what is not known of a metric is taken from the score itself.
export function gauges(scores, models, profile) {
  return Object.entries(scores).map(([name, score]) => {
    const range = [Math.min(score.low, 0), Math.max(score.high, 0.001)];
    return gauge(models[name]?.metric ?? { title: inWords(name), range }, score, profile[name]);
  });
}

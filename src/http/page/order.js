// Orders of the gallery. Photos without an answer come last, whatever the order, but for problems, which are the worst.

import { compare } from "./listing.js";

const byName = (one, other) => one.name.localeCompare(other.name, undefined, { numeric: true });
const RANKS = { problem: 0, fail: 1, unsure: 2, pass: 3, waiting: 4 };

export const verdictOf = ({ judgement, problem }) => (problem ? "problem" : judgement?.verdict ?? "waiting");

// The farther from zero, the earlier.
const farthest = (metric) => (one, other) => Math.abs(value(other, metric)) - Math.abs(value(one, metric));
const value = ({ answer }, metric) => answer?.scores[metric]?.value ?? 0;

function byVerdict(one, other) {
  return RANKS[verdictOf(one)] - RANKS[verdictOf(other)];
}

const ORDERS = {
  worst: (one, other) => byVerdict(one, other) || (one.judgement && other.judgement ? compare(other, one) : 0),
  name: byName,
  verdict: (one, other) => byVerdict(one, other) || byName(one, other),
};

// Names and titles of the orders that there are with these metrics.
export function orders(metrics) {
  const titles = { blur: "Blur (most first)", brightness: "Brightness (darkest first)", rotation: "Tilt (most first)" };
  return [
    ["worst", "Worst first"],
    ["name", "Name"],
    ["verdict", "Verdict, then name"],
    ...metrics.map(({ name, title }) => [name, titles[name] ?? `${title} (most first)`]),
  ];
}

// A comparison of photos by an order's name.
export function orderBy(name) {
  const order = ORDERS[name] ?? (name === "brightness" ? (one, other) => value(one, name) - value(other, name) : farthest(name));
  const hasNone = (photo) => (name in ORDERS ? 0 : photo.answer ? 0 : 1);
  return (one, other) => hasNone(one) - hasNone(other) || order(one, other) || one.number - other.number;
}

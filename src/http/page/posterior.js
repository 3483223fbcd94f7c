// How probable it is that a photo's true value lies beyond thresholds, from what an answer and the model's card say. The service
// does the same (core/src/scoring/posterior.rs and distribution.rs, docs/profiles.md); here it tells what other thresholds would do
// without sending a photo again.

// Shares of errors at which a card keeps a quantile.
const LEVELS = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99];
const LAST = LEVELS.length - 1;
// Mass within the range below which an output says nothing.
const NOTHING = 1e-9;
// Parts into which a stretch between thresholds is cut.
const PARTS = 64;
// Answers are rounded to thousandths.
const ROUNDING = 0.001;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const exponential = (distance, mean) => (distance <= 0 ? 1 : mean > 0 ? Math.exp(-distance / mean) : 0);

// The share of errors up to one, of a two-sided exponential distribution: all that an interval alone speaks for.
function laplace(below, above, coverage) {
  const mean = (reach) => reach / -Math.log(1 - coverage);
  return (error) => (error < 0 ? 0.5 * exponential(-error, mean(below)) : 1 - 0.5 * exponential(error, mean(above)));
}

// The same of measured errors: straight between the quantiles, falling exponentially beyond the outer ones.
function measured(quantiles, scale) {
  const outer = (apart) => apart / Math.log(LEVELS[1] / LEVELS[0]);
  return (absolute) => {
    const error = absolute / scale;
    const after = quantiles.findIndex((quantile) => quantile > error);
    if (after === 0) return LEVELS[0] * exponential(quantiles[0] - error, outer(quantiles[1] - quantiles[0]));
    if (after < 0) return 1 - LEVELS[0] * exponential(error - quantiles[LAST], outer(quantiles[LAST] - quantiles[LAST - 1]));
    const along = (error - quantiles[after - 1]) / (quantiles[after] - quantiles[after - 1]);
    return LEVELS[after - 1] + along * (LEVELS[after] - LEVELS[after - 1]);
  };
}

// An answer has the interval, not the bin and the scale that it was made from: the bin is the one that explains it best, and the scale
// follows. An end that the range cut off says only that the interval reaches that far.
function errorsOf({ value, low, high }, { coverage, range: [min, max], intervals }) {
  const [below, above] = [value - low, high - value];
  const [cutBelow, cutAbove] = [low <= min, high >= max];
  if (cutBelow && cutAbove) return undefined;
  let best = { misfit: Infinity };
  intervals.forEach((bin, index) => {
    const units = (cutBelow ? 0 : bin.below) + (cutAbove ? 0 : bin.above);
    const scale = ((cutBelow ? 0 : below) + (cutAbove ? 0 : above)) / Math.max(units, Number.EPSILON);
    const [missBelow, missAbove] = [below - bin.below * scale, above - bin.above * scale];
    const miss = Math.max(cutBelow ? missBelow : Math.abs(missBelow), cutAbove ? missAbove : Math.abs(missAbove), 0);
    const from = index === 0 ? -Infinity : intervals[index - 1].max_log_scale;
    const to = index === intervals.length - 1 ? Infinity : bin.max_log_scale;
    const outside = Math.max(from - Math.log(scale), Math.log(scale) - to, 0);
    const misfit = miss / ROUNDING + outside / 0.01;
    if (misfit < best.misfit) best = { misfit, bin, scale };
  });
  const { bin, scale } = best;
  return bin.errors ? measured(bin.errors, scale) : laplace(bin.below * scale, bin.above * scale, coverage);
}

// What is expected before a photo is seen: Cauchy's distribution of which the share lies beyond the thresholds.
function expectation([min, max], [low, high], share) {
  const mass = (width, from, to) => (to <= from ? 0 : width * (Math.atan(to / width) - Math.atan(from / width)));
  const beyond = (width) => {
    const out = mass(width, min, low) + mass(width, high, max);
    return out / (out + mass(width, low, high));
  };
  const far = Math.max(Math.abs(min), Math.abs(max));
  let [narrow, wide] = [1e-6 * far, 1e3 * far];
  for (let step = 0; step < 50; step += 1) {
    const middle = Math.sqrt(narrow * wide);
    if (beyond(middle) < share) narrow = middle;
    else wide = middle;
  }
  const reached = beyond(wide);
  const bounded = reached <= 0 || reached >= 1;
  return {
    mass: (from, to) => mass(wide, from, to),
    within: bounded ? 1 : (1 - share) / (1 - reached),
    beyond: bounded ? 1 : share / reached,
  };
}

// Of a metric's score: how probable it is that the true value lies below and above the thresholds of a band.
export function beyond(score, calibration, band) {
  const [min, max] = calibration.range;
  const low = clamp(band.low ?? min, min, max);
  const high = clamp(band.high, min, max);
  const expected = expectation([min, max], [low, high], band.expected_share);
  const errors = errorsOf(score, calibration);
  const whole = errors ? errors(max - score.value) - errors(min - score.value) : 0;
  const between = (from, to) =>
    whole < NOTHING ? (to - from) / (max - min) : clamp((errors(to - score.value) - errors(from - score.value)) / whole, 0, 1);
  const zero = clamp(0, low, high);
  const sum = (from, to, counts) => {
    let found = 0;
    const part = (to - from) / PARTS;
    for (let at = 0; at < PARTS && part > 0; at += 1) {
      const [start, end] = [from + part * at, from + part * (at + 1)];
      found += (between(start, end) * counts * expected.mass(start, end)) / part;
    }
    return found;
  };
  const below = sum(min, low, expected.beyond);
  const above = sum(high, max, expected.beyond);
  const total = below + sum(low, zero, expected.within) + sum(zero, high, expected.within) + above;
  return { low: below / total, high: above / total };
}

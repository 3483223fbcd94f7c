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

// An answer has the interval, not the bin of the card that it was made from, nor the scale of its errors: the bins that explain it, each
// with the scale that follows and how likely it is to be the one. Two ends that are known leave one bin. An end that the range cut off
// says only that the interval reaches that far, and may leave two or three: what is computed then is good to some hundredths.
function explanations({ value, low, high }, { coverage, range: [min, max], intervals }) {
  const [below, above] = [value - low, high - value];
  const [cutBelow, cutAbove] = [low <= min, high >= max];
  if (cutBelow && cutAbove) return [];
  const found = intervals.map((bin, index) => {
    const units = (cutBelow ? 0 : bin.below) + (cutAbove ? 0 : bin.above);
    const scale = ((cutBelow ? 0 : below) + (cutAbove ? 0 : above)) / Math.max(units, Number.EPSILON);
    const [missBelow, missAbove] = [below - bin.below * scale, above - bin.above * scale];
    const miss = Math.max(cutBelow ? missBelow : Math.abs(missBelow), cutAbove ? missAbove : Math.abs(missAbove), 0);
    const [from, to] = [intervals[index - 1]?.max_log_scale ?? bin.max_log_scale - 1, bin.max_log_scale];
    const isLast = index === intervals.length - 1;
    const outside = Math.max(index === 0 ? 0 : from - Math.log(scale), isLast ? 0 : Math.log(scale) - to, 0);
    const errors = bin.errors ? measured(bin.errors, scale) : laplace(bin.below * scale, bin.above * scale, coverage);
    // As many photos lie in each bin: in a wide one they are thinner.
    return { errors, misfit: miss / ROUNDING + outside / ROUNDING, thin: to - from };
  });
  const least = Math.min(...found.map(({ misfit }) => misfit));
  const weighed = found.map(({ errors, misfit, thin }) => ({ errors, weight: Math.exp(least - misfit) / thin }));
  return weighed.filter(({ weight }) => weight > 1e-3);
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

// How probable each side is where errors are distributed so, or where nothing is known of them.
function sides(value, errors, [min, max], [low, high], expected) {
  const whole = errors ? errors(max - value) - errors(min - value) : 0;
  const between = (from, to) =>
    whole < NOTHING ? (to - from) / (max - min) : clamp((errors(to - value) - errors(from - value)) / whole, 0, 1);
  const sum = (from, to, counts) => {
    let found = 0;
    const part = (to - from) / PARTS;
    for (let at = 0; at < PARTS && part > 0; at += 1) {
      const [start, end] = [from + part * at, from + part * (at + 1)];
      found += (between(start, end) * counts * expected.mass(start, end)) / part;
    }
    return found;
  };
  const zero = clamp(0, low, high);
  const below = sum(min, low, expected.beyond);
  const above = sum(high, max, expected.beyond);
  const total = below + sum(low, zero, expected.within) + sum(zero, high, expected.within) + above;
  return { low: below / total, high: above / total };
}

// Of a metric's score: how probable it is that the true value lies below and above the thresholds of a band.
export function beyond(score, calibration, band) {
  const [min, max] = calibration.range;
  const thresholds = [clamp(band.low ?? min, min, max), clamp(band.high, min, max)];
  const expected = expectation([min, max], thresholds, band.expected_share);
  const of = (errors) => sides(score.value, errors, [min, max], thresholds, expected);
  const found = explanations(score, calibration).map(({ errors, weight }) => ({ weight, ...of(errors) }));
  if (found.length === 0) return of(undefined);
  const total = found.reduce((sum, { weight }) => sum + weight, 0);
  const mean = (side) => found.reduce((sum, each) => sum + each.weight * each[side], 0) / total;
  return { low: mean("low"), high: mean("high") };
}

// The verdict on an answer under another profile: what the service would decide (core/src/scoring/verdict.rs), computed from the
// answer, the models' cards and the descriptions of the checks.

import { beyond } from "./posterior.js";

// What neither answers nor descriptions say: from where on a turn fails, a dark photo is backlit, a picture is no photo
// (core/src/scoring/orientation.rs, core/src/checks/).
const TURN_FAILS_AT = 0.9;
const BACKLIT_FROM = 2.5;
const NOT_A_PHOTO_FROM = 0.5;
// Checks that also judge what is no photo. This and the next are compared with the service's by a test of page.rs.
export const OF_ANYTHING = ["damage", "frame", "not_a_photo", "jpeg_quality", "short_side", "aspect"];
// Checks whose finding may be meant: how probable it is that it is a fault.
export const CERTAINTY = { partial_blur: 0.45 };

const thousandths = (value) => Math.round(value * 1000) / 1000;

// Texts of cards and checks have places for the size of the value, which the service holds in single precision.
function advice(text, value) {
  const size = Math.abs(value);
  return text.replace(/\{value(?::\.(\d+))?\}/g, (_, digits) => (digits === undefined ? String(size) : Math.fround(size).toFixed(Number(digits))));
}

// 100 at zero, 50 at the threshold, falling like a bell curve.
export function qualityOf(value, band) {
  const threshold = value < 0 ? band.low ?? band.high : band.high;
  const shortfall = 1 - Math.exp(-Math.LN2 * (value / threshold) ** 2);
  return Math.round(100 * (1 - band.weight * shortfall));
}

function ofMetric({ metric, calibration }, score, band, checks) {
  const found = beyond(score, calibration, band);
  const threshold = band.low !== undefined && found.low > found.high ? band.low : band.high;
  const side = (at) => (metric.low && at < 0 ? metric.low : metric.high);
  const isOneFault = metric.low?.code === metric.high.code;
  const own = side(score.value > 0 ? 1 : -1);
  const fault = own.code === side(threshold).code ? own : side(threshold);
  const { value, low, high } = score;
  const reason = { code: fault.code, metric: metric.name, value, low, high, threshold, severity: fault.severity };
  reason.probability = thousandths(isOneFault ? found.low + found.high : Math.max(found.low, found.high));
  reason.advice = advice(fault.advice, value);
  // Dark since the camera exposed for a window.
  const backlight = checks.find(({ name }) => name === "backlight");
  if (metric.name === "brightness" && threshold < 0 && backlight?.value >= BACKLIT_FROM && backlight.high) {
    reason.code = backlight.high.code;
    reason.advice = advice(backlight.high.advice, backlight.value);
  }
  return reason;
}

// What to do about each turn, as the service says it.
const TURNED = {
  90: ["sideways", "Turn the photo by 90 degrees counterclockwise."],
  180: ["upside_down", "Turn the photo by 180 degrees."],
  270: ["sideways", "Turn the photo by 90 degrees clockwise."],
};

function ofTurn({ turn, probability }) {
  const [code, what] = TURNED[turn];
  return { code, metric: "orientation", value: turn, threshold: 0, probability, severity: "fixable", advice: what };
}

function ofCheck({ name, value, low, high }, bound) {
  const tooLow = low && bound.low !== undefined && value < bound.low;
  const tooHigh = high && bound.high !== undefined && value > bound.high;
  if (!tooLow && !tooHigh) return undefined;
  const [fault, threshold] = tooLow ? [low, bound.low] : [high, bound.high];
  return { code: fault.code, metric: name, value, threshold, probability: CERTAINTY[name] ?? 1, severity: fault.severity, advice: advice(fault.advice, value) };
}

// Verdict, quality and reasons. `models` are cards by metric, `described` the checks in the service's order.
export function judge(answer, profile, models, described) {
  const checks = described.filter(({ name }) => name in answer.checks).map((check) => ({ ...check, value: answer.checks[check.name] }));
  const drawn = checks.find(({ name }) => name === "not_a_photo");
  const drawnFrom = profile.checks?.not_a_photo?.high ?? NOT_A_PHOTO_FROM;
  const isPhoto = !(drawn?.high && drawn.value > drawnFrom && profile.not_a_photo !== "ignore");
  const found = [];
  let quality = 100;
  for (const [name, score] of Object.entries(answer.scores)) {
    const band = isPhoto ? profile[name] : undefined;
    if (!band || !models[name]) continue;
    const own = qualityOf(score.value, band);
    quality = Math.min(quality, own);
    found.push({ quality: own, reason: ofMetric(models[name], score, band, checks) });
  }
  if (isPhoto && answer.orientation?.turn) found.push({ quality: 0, reason: ofTurn(answer.orientation) });
  for (const check of checks) {
    const bound = profile.checks?.[check.name];
    if (!bound || check.name === "not_a_photo" || !(isPhoto || OF_ANYTHING.includes(check.name))) continue;
    const reason = ofCheck(check, bound);
    if (reason) found.push({ quality: 0, reason });
  }
  let counted = found.filter(({ reason }) => reason.probability >= profile.review_at);
  // Bright since fog, or light that shines into the lens, lies over it.
  if (counted.some(({ reason }) => reason.metric === "contrast")) {
    counted = counted.filter(({ reason }) => reason.metric !== "brightness" || reason.threshold < 0);
  }
  for (const entry of counted) {
    const { reason } = entry;
    const least = reason.metric === "orientation" ? TURN_FAILS_AT : 0;
    entry.certain = reason.probability >= Math.max(profile.fail_at, least);
    reason.advice = profile.messages?.[reason.code] ?? reason.advice;
    if (!entry.certain) reason.code = `possibly_${reason.code}`;
  }
  if (!isPhoto) {
    const { code, severity } = drawn.high;
    const text = profile.messages?.[code] ?? advice(drawn.high.advice, drawn.value);
    const reason = { code, metric: drawn.name, value: drawn.value, threshold: drawnFrom, probability: 1, severity, advice: text };
    counted.push({ certain: profile.not_a_photo === "fail", quality: 0, reason });
  }
  counted.sort((one, other) => other.certain - one.certain || one.quality - other.quality);
  const verdict = counted.length === 0 ? "pass" : counted[0].certain ? "fail" : "unsure";
  return { verdict, quality, reasons: counted.map(({ reason }) => reason) };
}

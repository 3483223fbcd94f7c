// What judged photos say as a set: the best to lead with, which show the same, whose light does not fit, what to take again. The same
// as `summary` of /score/batch?summary=true (core/src/scoring/listing.rs and duplicates.rs), computed from answers that are there
// already: no photo is sent twice, a set may be larger than a batch, and it follows the profile as it is edited.

// Bits of a scene hash in which photos that show the same differ at most.
const NEAR = 26;
// Difference in V from the set's median that anyone sees side by side, and the robust z-score of an outlier.
const VISIBLE = 0.1;
const OUTLIER = 3.5;
const RANKS = { pass: 0, unsure: 1, fail: 2 };

// A plan, a map or a screenshot has neither light nor focus.
const isPhoto = ({ judgement }) => judgement.reasons.every(({ code }) => code !== "not_a_photo");

// Best first: photos before what is none, of the better verdict, then of the higher quality, then the sharper one.
export function compare(one, other) {
  const key = (photo) => {
    const { judgement, answer } = photo;
    return [isPhoto(photo) ? 0 : 1, RANKS[judgement.verdict], -judgement.quality, answer.scores.blur.value];
  };
  return difference(key(one), key(other));
}

// Of two keys, by the first part in which they differ.
const difference = (one, other) => one.map((part, at) => part - other[at]).find((apart) => apart) ?? 0;

// Points of quality by which copies of a photo differ without being better or worse: scaled down, the same photo looks sharper.
const ALIKE = 10;

// The better of copies of one photo first: of the better verdict, of the higher quality by tens, of more pixels.
function compareCopies(one, other) {
  const key = (photo) => {
    const { judgement, answer } = photo;
    const tens = Math.floor((100 - judgement.quality) / ALIKE);
    return [isPhoto(photo) ? 0 : 1, RANKS[judgement.verdict], tens, -answer.image.width * answer.image.height];
  };
  return difference(key(one), key(other));
}

function bitsOf(hash) {
  return Uint32Array.from(hash.match(/.{1,8}/g), (digits) => parseInt(digits, 16));
}

function ones(word) {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

function areNear(one, other) {
  let apart = 0;
  for (let at = 0; at < one.length; at += 1) apart += ones(one[at] ^ other[at]);
  return apart <= NEAR;
}

// Groups of photos that show the same, the best of each first. The others are near it, or near one that is.
function duplicates(photos) {
  const hashed = photos.filter(({ answer }) => answer.image.scene_hash).sort(compareCopies);
  const bits = hashed.map(({ answer }) => bitsOf(answer.image.scene_hash));
  const open = new Set(hashed.keys());
  const takeNear = (place) => {
    const near = [...open].filter((other) => areNear(bits[place], bits[other]));
    near.forEach((other) => open.delete(other));
    return near;
  };
  const groups = [];
  for (const leader of hashed.keys()) {
    if (!open.has(leader)) continue;
    const first = takeNear(leader);
    const group = [...first, ...first.flatMap(takeNear)].sort((one, other) => one - other);
    const [keep, ...drop] = group.map((place) => hashed[place]);
    if (drop.length) groups.push({ keep, drop });
  }
  return groups;
}

const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];

function brightnessOutliers(photos) {
  if (photos.length < 4) return [];
  const value = ({ answer }) => answer.scores.brightness.value;
  const middle = median(photos.map(value));
  // 1.4826 makes the median deviation of a normal distribution its standard deviation.
  const spread = 1.4826 * median(photos.map((photo) => Math.abs(value(photo) - middle)));
  return photos.filter((photo) => Math.abs(value(photo) - middle) > Math.max(VISIBLE, OUTLIER * spread));
}

// Of photos with an answer and a judgement.
export function summarise(photos, profile) {
  const order = [...photos].sort(compare);
  const groups = duplicates(photos);
  const copies = new Set(groups.flatMap(({ drop }) => drop));
  const distinct = order.filter((photo) => !copies.has(photo));
  const photographed = distinct.filter(isPhoto);
  const shown = photographed.filter(({ judgement }) => judgement.verdict !== "fail");
  const failing = distinct.filter(({ judgement }) => judgement.verdict === "fail");
  return {
    order,
    lead: distinct[0],
    duplicates: groups,
    outliers: brightnessOutliers(photographed),
    retake: failing.sort((one, other) => one.judgement.quality - other.judgement.quality),
    missing: Math.max((profile.min_photos ?? 0) - shown.length, 0),
  };
}

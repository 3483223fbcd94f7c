// The gallery: a tile for each photo, sorted and filtered. One Tab stop; arrow keys, Home and End move in it, Enter and Space open.

import { badge, element, find, inWords, percent } from "./dom.js";
import { orderBy, verdictOf } from "./order.js";

const SHOWN = ["fail", "unsure", "pass", "problem", "waiting"];
const MOST_REASONS = 3;

const tiles = find("#tiles");
let current;

// A tile of its own for each photo; what it says follows by `describe`.
function tileOf(photo, open) {
  const picture = element("span", { className: "thumb" });
  const text = element("span", { className: "said" });
  const button = element("button", { type: "button", className: "tile", tabIndex: -1, onclick: () => open(photo) }, picture, text);
  button.addEventListener("focus", () => makeCurrent(photo));
  return Object.assign(element("li", {}, button), { photo });
}

function makeCurrent(photo) {
  if (current?.tile) find("button", current.tile).tabIndex = -1;
  current = photo;
  find("button", photo.tile).tabIndex = 0;
}

export function showThumbnail(photo) {
  if (!photo.tile || !("thumbnail" in photo)) return;
  const picture = find(".thumb", photo.tile);
  if (photo.thumbnail) picture.replaceChildren(element("img", { src: photo.thumbnail, alt: "", loading: "lazy", decoding: "async" }));
  else picture.replaceChildren(element("span", { className: "none" }, "no preview in this browser"));
}

function said(photo) {
  const { name, judgement, problem, copyOf, answer } = photo;
  const lines = [element("span", { className: "name" }, name), badge(verdictOf(photo))];
  if (judgement && answer.verdict !== judgement.verdict) lines.push(element("span", { className: "note" }, `was ${answer.verdict}`));
  if (copyOf) lines.push(element("span", { className: "note" }, `copy of ${copyOf.name}`));
  if (problem) lines.push(element("span", { className: "reason" }, element("b", {}, problem.title), problem.detail ? `: ${problem.detail}` : ""));
  const reasons = judgement?.reasons ?? [];
  for (const { code, probability } of reasons.slice(0, MOST_REASONS)) {
    const about = judgement.isComputed ? "about " : "";
    lines.push(element("span", { className: "reason" }, `${inWords(code)} ${about}`, element("b", {}, percent(probability))));
  }
  if (reasons.length > MOST_REASONS) lines.push(element("span", { className: "reason" }, `and ${reasons.length - MOST_REASONS} more`));
  // Words of one line are not to run into those of the next where it is read aloud.
  return lines.flatMap((line) => [line, " "]);
}

// Draws again what changed: the text of a tile that says the same stays as it is.
function describe(photo) {
  const parts = said(photo);
  const text = parts.map((part) => part.textContent ?? part).join("|");
  if (photo.described === text) return;
  photo.described = text;
  find(".said", photo.tile).replaceChildren(...parts);
}

// Shows photos in their order; gives them as they stand.
export function show(photos, { order, reversed, only, open }) {
  const sorted = photos.filter((photo) => only === "all" || verdictOf(photo) === only).sort(orderBy(order));
  if (reversed) sorted.reverse();
  const held = document.activeElement?.closest("#tiles > li")?.photo;
  for (const photo of sorted) {
    if (!photo.tile) {
      photo.tile = tileOf(photo, open);
      showThumbnail(photo);
    }
    describe(photo);
  }
  const wanted = new Set(sorted);
  for (const tile of [...tiles.children]) if (!wanted.has(tile.photo)) tile.remove();
  // Only what is out of its place moves: that is fast for a thousand.
  let next = tiles.firstElementChild;
  for (const { tile } of sorted) {
    if (tile === next) next = next.nextElementSibling;
    else tiles.insertBefore(tile, next);
  }
  if (sorted.length && !wanted.has(current)) makeCurrent(sorted[0]);
  if (wanted.has(held) && document.activeElement !== find("button", held.tile)) focusOn(held);
  find("#none").hidden = sorted.length > 0;
  return sorted;
}

export function focusOn(photo) {
  if (photo?.tile?.isConnected) find("button", photo.tile).focus();
}

// Buttons that show photos of one verdict only, with how many there are.
export function showFilters(photos, only, choose) {
  const counts = { all: photos.length };
  for (const photo of photos) counts[verdictOf(photo)] = (counts[verdictOf(photo)] ?? 0) + 1;
  const kinds = ["all", ...SHOWN.filter((kind) => counts[kind] || kind === only)];
  const root = find("#filters");
  const held = document.activeElement?.closest("#filters button")?.dataset.only;
  root.replaceChildren(
    ...kinds.map((kind) => {
      const button = element("button", { type: "button", "aria-pressed": String(kind === only), onclick: () => choose(kind) }, `${kind} ${counts[kind] ?? 0}`);
      button.dataset.only = kind;
      return button;
    }),
  );
  if (held) find(`[data-only="${held}"]`, root)?.focus();
}

// How far a key goes; the number of columns follows from where the tiles stand.
function step(key) {
  const all = [...tiles.children];
  const columns = Math.max(all.findIndex((tile) => tile.offsetTop > all[0].offsetTop), 0) || all.length;
  return { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -all.length, End: all.length }[key];
}

tiles.addEventListener("keydown", (event) => {
  const tile = event.target.closest("li");
  const by = tile && !event.ctrlKey && !event.metaKey && !event.altKey ? step(event.key) : undefined;
  if (by === undefined) return;
  event.preventDefault();
  const all = [...tiles.children];
  const at = all.indexOf(tile) + by;
  const edge = ["Home", "End"].includes(event.key);
  // An arrow beyond the first or last tile stays where it is.
  const to = all[edge ? Math.min(Math.max(at, 0), all.length - 1) : at];
  if (to) find("button", to).focus();
});

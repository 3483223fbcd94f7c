// What the photos say as a set, as a panel: names are buttons that open the photo.

import { count, element, find } from "./dom.js";
import { verdictOf } from "./order.js";

const root = find("#summary");

function names(photos, open, separator = ", ") {
  return photos.flatMap((photo, index) => {
    const button = element("button", { type: "button", className: "link", onclick: () => open(photo) }, photo.name);
    return index ? [separator, button] : [button];
  });
}

const line = (title, ...said) => element("div", {}, element("dt", {}, title), element("dd", {}, ...said));

function duplicates(groups, open) {
  const items = groups.map(({ keep, drop }) => element("li", {}, "keep ", ...names([keep], open), ", leave out ", ...names(drop, open)));
  return line(`Shown more than once (${groups.length})`, element("ul", {}, ...items));
}

// Of a set that was summarised; hidden until there are several photos.
export function showSummary(photos, set, open) {
  const judged = photos.filter(({ judgement }) => judgement);
  root.hidden = judged.length < 2;
  if (root.hidden) return;
  const of = (verdict) => judged.filter((photo) => verdictOf(photo) === verdict).length;
  const lines = [
    line("Verdicts", `${of("pass")} pass, ${of("unsure")} unsure, ${of("fail")} fail`),
    line("Lead with", ...names([set.lead], open)),
    set.duplicates.length ? duplicates(set.duplicates, open) : line("Shown more than once", "none"),
  ];
  if (set.outliers.length) lines.push(line("Much darker or brighter than the others", ...names(set.outliers, open)));
  if (set.retake.length) lines.push(line(`Take again (${set.retake.length})`, ...names(set.retake, open)));
  if (set.missing) lines.push(line("Missing", `${count(set.missing, "photo")} to the profile's least number`));
  // What has the focus keeps it while the panel is drawn anew.
  const buttons = () => [...root.querySelectorAll("button")];
  const held = buttons().indexOf(document.activeElement);
  find("dl", root).replaceChildren(...lines);
  buttons()[held]?.focus();
}

// One photo in a dialog: large, with what was found drawn over it, why it was judged so, and its correction. Escape closes it, the
// arrow keys go to the photo before and after it in the gallery.

import { offerCorrection } from "./correction.js";
import { badge, element, find, inWords, percent, whatToDo } from "./dom.js";
import { gauges } from "./gauge.js";
import { drawArea, drawMap, hasFrame, mapInWords } from "./map.js";
import { verdictOf } from "./order.js";
import { hasKey } from "./service.js";

const dialog = find("#detail");
let shown;
let release = () => {};
let neighbours = () => [];
let closed = () => {};

// What was found beside the scores; a service may have no model for the turn, none of labels, and no checks.
function facts({ orientation, labels, checks }) {
  const usual = ([name, value]) => value === 0 || (["upscale", "collage"].includes(name) && value === 1);
  const found = Object.entries(checks ?? {}).filter((entry) => !usual(entry));
  const texts = found.map(([name, value]) => `${inWords(name)}: ${Number(value.toPrecision(3))}`);
  if (orientation) {
    const { turn, probability } = orientation;
    texts.unshift(`${turn ? `turned by ${turn}° clockwise` : "upright"}, ${percent(probability)} certain`);
  }
  const labelled = Object.entries(labels ?? {});
  texts.unshift(...labelled.map(([name, { label, probability }]) => `${inWords(name)}: ${inWords(label)}, ${percent(probability)} certain`));
  return texts;
}

const listed = (texts) => texts.map((text) => element("li", {}, text));

function describeJudgement(card, { judgement, answer, profile }, { models, draft }) {
  const { verdict, quality, reasons, isComputed } = judgement;
  find(".verdict", card).append(badge(verdict, `${whatToDo(verdict)} (${verdict}, quality ${quality} of 100)`));
  const otherwise = find(".otherwise", card);
  otherwise.hidden = verdict === answer.verdict;
  otherwise.textContent = `Computed for the profile ${judgement.profile}. By ${profile}, the service said: ${answer.verdict}.`;
  find(".reasons", card).append(
    ...reasons.map(({ code, probability, advice }) => element("li", {}, element("b", {}, `${inWords(code)} (${isComputed ? "about " : ""}${percent(probability)})`), `: ${advice}`)),
  );
  find(".gauges", card).append(...gauges(answer.scores, models, draft));
  const found = facts(answer);
  find(".facts", card).hidden = found.length === 0;
  find(".facts", card).append(...listed(found));
  find(".usable", card).textContent = `Looks sharp up to ${answer.max_usable_width} of its ${answer.image.width} pixels of width.`;
  find(".json", card).textContent = JSON.stringify(answer, null, 1);
}

// What is drawn over the picture: both follow the picture's size, which is known once it has loaded, and changes with the window.
function offerOverlays(card, { answer, name }) {
  const [map, outline] = [find(".map", card), find(".area", card)];
  const [mapBox, areaBox] = [find(".show-map", card), find(".show-area", card)];
  const draw = () => !map.hidden && drawMap(map, answer.tiles, answer.image.area);
  mapBox.addEventListener("change", () => {
    map.hidden = !mapBox.checked;
    find(".legend", card).hidden = !mapBox.checked;
    draw();
  });
  map.setAttribute("aria-label", `Where ${name} is blurred: ${mapInWords(answer.tiles)}`);
  drawArea(outline, answer.image.area);
  areaBox.parentElement.hidden = !hasFrame(answer.image.area);
  areaBox.checked = !areaBox.parentElement.hidden;
  areaBox.addEventListener("change", () => (outline.hidden = !areaBox.checked));
  outline.hidden = !areaBox.checked;
  const watcher = new ResizeObserver(draw);
  watcher.observe(find(".frame", card));
  return () => watcher.disconnect();
}

function curlOf({ name }, profile) {
  // Not the key itself: commands are copied into chats and scripts.
  const key = hasKey() ? '-H "Authorization: Bearer $KEY" ' : "";
  return `curl ${key}--data-binary @'${name.replaceAll("'", "'\\''")}' '${location.origin}/score?profile=${profile}'`;
}

function cardOf(photo, context) {
  const card = find("#photo").content.cloneNode(true).firstElementChild;
  const before = find(".before", card);
  const address = URL.createObjectURL(photo.file);
  Object.assign(before, { src: address, alt: `The photo ${photo.name}` });
  before.addEventListener("error", () => {
    before.hidden = true;
    find(".frame", card).prepend(element("p", { className: "none" }, "This browser cannot show the photo; the service reads it all the same."));
  });
  const ends = [() => URL.revokeObjectURL(address)];
  // What was answered just now is judged with the gallery's next drawing.
  if (photo.judgement) {
    describeJudgement(card, photo, context);
    ends.push(offerOverlays(card, photo), offerCorrection(card, photo, photo.profile));
  } else {
    find(".tools", card).hidden = true;
    const { title, detail } = photo.problem ?? { title: "Not scored yet", detail: "" };
    find(".verdict", card).append(badge(verdictOf(photo), title));
    find(".usable", card).textContent = detail;
    find(".again", card).hidden = !photo.problem;
    find(".again", card).addEventListener("click", () => {
      dialog.close();
      context.again(photo);
    });
    for (const part of card.querySelectorAll(".answered")) part.hidden = true;
  }
  // One that waits has not been sent yet.
  const command = curlOf(photo, photo.profile ?? context.profile);
  const code = find("code", card);
  code.textContent = command;
  find(".copy", card).addEventListener("click", async ({ target }) => {
    try {
      await navigator.clipboard.writeText(command);
      target.textContent = "Copied";
    } catch {
      // Browsers have no clipboard for pages that come by plain HTTP from another machine.
      getSelection().selectAllChildren(code);
      target.textContent = "Selected: copy it by keyboard";
    }
  });
  return { card, end: () => ends.forEach((end) => end()) };
}

function fill(photo, context) {
  release();
  shown = photo;
  const { card, end } = cardOf(photo, context);
  release = end;
  find("h2", dialog).textContent = photo.name;
  find("#card", dialog).replaceChildren(card);
  dialog.scrollTop = 0;
  const all = neighbours();
  const at = all.indexOf(photo);
  find(".place", dialog).textContent = `${at + 1} of ${all.length}`;
  for (const [name, by] of [[".previous", -1], [".next", 1]]) {
    const button = find(name, dialog);
    // Not `disabled`: that would lose the focus, and the keys with it.
    button.setAttribute("aria-disabled", String(!all[at + by]));
    button.onclick = () => all[at + by] && fill(all[at + by], context);
  }
  // What had the focus may have gone with the photo before.
  if (dialog.open && !dialog.contains(document.activeElement)) find(".next", dialog).focus();
}

// Opens a photo; `context` has the models, the profile as edited, the name of the chosen one, the photos as the gallery shows them, and
// what to do on closing.
export function openPhoto(photo, context) {
  neighbours = context.shown;
  closed = context.closed;
  fill(photo, context);
  if (!dialog.open) dialog.showModal();
}

find(".close", dialog).addEventListener("click", () => dialog.close());
// A click beside the dialog.
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => {
  // The event comes a moment after the closing: a photo opened in between stays.
  if (dialog.open) return;
  release();
  release = () => {};
  find("#card", dialog).replaceChildren();
  closed(shown);
});
dialog.addEventListener("keydown", (event) => {
  // Of a slider the arrow keys are its own.
  if (event.target.matches("input[type=range]") || event.ctrlKey || event.altKey || event.metaKey) return;
  const name = { ArrowLeft: ".previous", ArrowRight: ".next" }[event.key];
  if (name) find(name, dialog).click();
});

// The page: photos come in (drop.js), are scored (service.js), and shown as a gallery (gallery.js), as a set (summary.js) and one by one
// (detail.js); the profile's editor (profile.js) has them judged anew (judge.js). Nothing is kept once the page is closed.

import { csv } from "./csv.js";
import { openPhoto } from "./detail.js";
import { count, download, element, find, waitInWords } from "./dom.js";
import { listen } from "./drop.js";
import { focusOn, show, showFilters, showThumbnail } from "./gallery.js";
import { judge } from "./judge.js";
import { summarise } from "./listing.js";
import { orders, verdictOf } from "./order.js";
import { draftProfile, edit, isEdited, showConsequences, start } from "./profile.js";
import { atMost, nowAndThen } from "./queue.js";
import { ask, Problem, send, useKey, whenKeyNeeded } from "./service.js";
import { showSummary } from "./summary.js";
import { thumbnail } from "./thumbnail.js";

// Photos that are sent at once: enough to keep the service busy, few enough to leave it room for others.
const AT_ONCE = 4;
const scoring = atMost(AT_ONCE);

let profiles = [];
// Cards of the models that measure something on a scale, by metric (the turn is told in another way), and the checks. Models can be
// exchanged while the page is open.
let models = {};
let checks = [];
let photos = [];
let shown = [];
let only = "all";
let reversed = false;
let stopped = new AbortController();
// Until when the service wants to be left alone, as far as it said.
let busyUntil = 0;

const metrics = () => Object.values(models).map(({ metric }) => metric);
const chosenProfile = () => profiles.find(({ name }) => name === find("#profile").value) ?? { name: "default" };

async function loadModels() {
  const cards = (await (await ask("/models")).json()).models;
  models = Object.fromEntries(cards.filter(({ reading }) => reading === "scalar").map((card) => [card.metric.name, card]));
  const select = find("#order");
  const { value } = select;
  select.replaceChildren(...orders(metrics()).map(([name, title]) => element("option", { value: name }, title)));
  select.value = value || "worst";
}

// True where the service told what the page needs.
async function load() {
  try {
    profiles = (await (await ask("/profiles")).json()).profiles;
    checks = (await (await ask("/checks")).json()).checks;
    await loadModels();
  } catch (error) {
    find("#status").textContent = error.detail || error.message;
    return false;
  }
  find("#status").textContent = "";
  find("#profile").replaceChildren(...profiles.map(({ name }) => element("option", { value: name }, name)));
  chooseProfile();
  return true;
}

function chooseProfile() {
  const profile = chosenProfile();
  find("#about").textContent = profile.description ?? "";
  find("#editor").hidden = !profile.fail_at;
  if (profile.fail_at) edit(profile, profiles, metrics(), checks);
}

// What the profile in the editor says of a photo. What the service said by that profile itself is taken as it is.
function judged({ answer, profile }) {
  const draft = draftProfile();
  if (!draft || (draft.name === profile && !isEdited())) return { ...answer, profile };
  return { ...judge(answer, draft, models, checks), isComputed: true, profile: isEdited() ? `${draft.name} (edited)` : draft.name };
}

// Everything that follows from the photos and the profile.
function refresh() {
  for (const photo of photos) photo.judgement = photo.answer && judged(photo);
  const scored = photos.filter(({ answer }) => answer);
  const set = scored.length ? summarise(scored, draftProfile() ?? {}) : undefined;
  for (const photo of photos) photo.copyOf = undefined;
  for (const { keep, drop } of set?.duplicates ?? []) for (const photo of drop) photo.copyOf = keep;
  find("#work").classList.toggle("empty", photos.length === 0);
  find("#gallery").hidden = photos.length === 0;
  showFilters(photos, only, (kind) => {
    only = kind;
    refresh();
  });
  shown = show(photos, { order: find("#order").value, reversed, only, open });
  showSummary(photos, set, open);
  showConsequences(photos);
  find("#save-csv").disabled = shown.length === 0;
  find("#save-csv").textContent = only === "all" ? "Download CSV" : `Download CSV of ${count(shown.length, "photo")}`;
}

const refreshSoon = nowAndThen(150, refresh);

function open(photo) {
  openPhoto(photo, {
    models,
    draft: draftProfile() ?? {},
    profile: chosenProfile().name,
    shown: () => shown,
    again: (failed) => {
      failed.problem = undefined;
      scoreAll([failed]);
    },
    closed: focusOn,
  });
}

// How far it is: said at most every other second, so that a screen reader can follow, and drawn at once.
function sayProgress() {
  const of = (verdict) => photos.filter((photo) => verdictOf(photo) === verdict).length;
  const waiting = of("waiting");
  const bar = find("#progress");
  bar.hidden = waiting === 0;
  Object.assign(bar, { max: photos.length, value: photos.length - waiting });
  const problems = of("problem") ? `, ${count(of("problem"), "problem")}` : "";
  const wait = waitInWords((busyUntil - Date.now()) / 1000);
  if (waiting) find("#status").textContent = `Scored ${photos.length - waiting} of ${photos.length}${problems}…${wait}`;
  else if (photos.length) {
    find("#status").textContent = `Scored ${count(photos.length, "photo")}: ${of("pass")} pass, ${of("unsure")} unsure, ${of("fail")} fail${problems}.`;
  }
}

const sayProgressSoon = nowAndThen(1500, sayProgress);

async function score(photo, signal) {
  photo.profile = chosenProfile().name;
  const onWait = (seconds) => {
    busyUntil = Math.max(busyUntil, Date.now() + 1000 * seconds);
    sayProgressSoon();
  };
  try {
    const response = await send(`/score?detail=tiles&profile=${encodeURIComponent(photo.profile)}`, photo.file, { signal, onWait });
    photo.answer = await response.json();
    if (Object.keys(photo.answer.scores).some((name) => !(name in models))) await loadModels().catch(() => {});
  } catch (error) {
    if (signal.aborted) return;
    photo.problem = error instanceof Problem ? error : new Problem({ title: "The answer cannot be read", detail: error.message });
  }
  refreshSoon();
  sayProgressSoon();
}

async function scoreAll(some) {
  const { signal } = stopped;
  refresh();
  sayProgress();
  await Promise.all(some.map((photo) => scoring(async () => signal.aborted || score(photo, signal))));
  if (signal.aborted) return;
  refresh();
  sayProgress();
}

// Once for each photo, however often it is sent: a second picture would leave the address of the first one held.
async function draw(photo, signal) {
  photo.thumbnail = await thumbnail(photo.file, signal);
  if (!signal.aborted) showThumbnail(photo);
  // Taken away meanwhile.
  else if (photo.thumbnail) URL.revokeObjectURL(photo.thumbnail);
}

let arrived = 0;

function add(files) {
  const added = files.map((file) => ({ file, name: file.name, number: (arrived += 1) }));
  photos.push(...added);
  if (added.length === 0) return;
  scoreAll(added);
  for (const photo of added) draw(photo, stopped.signal);
}

// Forgets all photos, and stops what is under way.
function clear() {
  stopped.abort();
  stopped = new AbortController();
  for (const { thumbnail: address } of photos) if (address) URL.revokeObjectURL(address);
  [photos, only, busyUntil] = [[], "all", 0];
  find("#progress").hidden = true;
  find("#status").textContent = "All photos are forgotten.";
  refresh();
  find("#files").focus();
}

listen(add);
start(() => {
  refreshSoon();
  sayProgressSoon();
});
find("#profile").addEventListener("change", chooseProfile);
find("#undo-profile").addEventListener("click", () => {
  chooseProfile();
  find("#profile-form input").focus();
});
find("#order").addEventListener("change", refresh);
find("#reverse").addEventListener("click", ({ currentTarget }) => {
  reversed = !reversed;
  currentTarget.setAttribute("aria-pressed", String(reversed));
  refresh();
});
find("#save-csv").addEventListener("click", () => {
  const table = csv(shown, metrics().map(({ name }) => name), checks.map(({ name }) => name));
  download("clearshot.csv", "text/csv;charset=utf-8", table);
});
find("#clear").addEventListener("click", clear);
find("#start").addEventListener("submit", (event) => event.preventDefault());
find("#key input").addEventListener("change", async ({ target }) => {
  useKey(target.value.trim());
  if (!(await load())) return;
  // What was refused for want of the key.
  const refused = photos.filter(({ problem }) => problem?.status === 401);
  for (const photo of refused) photo.problem = undefined;
  if (refused.length) scoreAll(refused);
});
whenKeyNeeded(() => (find("#key").hidden = false));
// On a phone the editor would stand before nothing else is seen.
find("#editor").open = matchMedia("(min-width: 64rem)").matches;
load();

// The demo page: sends dropped photos to the service that serves it and shows what it answers.

const find = (selector, within = document) => within.querySelector(selector);
const DEGREES = "deg";
const VERDICTS = { pass: "Publish it", unsure: "Have a look: not certain", fail: "Do not publish it" };
let profiles = [];
// What the models measure, by name; models can be exchanged while the page is open.
let metrics = {};
// The photos that were scored: their cards, names, profiles and answers.
const scored = [];

// Asks the service, with the key where one was given; where one is needed, the page asks for it. It is kept nowhere.
async function ask(path, options = {}) {
  const key = find("#key input").value.trim();
  const headers = key ? { ...options.headers, Authorization: `Bearer ${key}` } : options.headers;
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) find("#key").hidden = false;
  if (!response.ok) throw new Error((await response.json()).detail);
  return response;
}

async function loadMetrics() {
  const { models } = await (await ask("/models")).json();
  metrics = Object.fromEntries(models.map(({ metric }) => [metric.name, metric]));
}

async function load() {
  try {
    profiles = (await (await ask("/profiles")).json()).profiles;
    await loadMetrics();
  } catch (error) {
    find("#status").textContent = error.message;
    return;
  }
  find("#status").textContent = "";
  find("#profile").replaceChildren(...profiles.map(({ name }) => new Option(name, name)));
  describeProfile();
}

const chosenProfile = () => profiles.find(({ name }) => name === find("#profile").value);

function describeProfile() {
  const profile = chosenProfile();
  find("#about").textContent = profile?.description ?? "";
  if (!profile) return;
  // Below `review_at` an answer says nothing of a fault.
  Object.assign(find("#trial input"), { min: profile.review_at, max: 0.99, value: profile.fail_at });
  tryFailAt();
}

// A turn fails from this probability on, whatever less the profile asks of other faults.
const TURN_FAILS_AT = 0.9;

// The verdict on an answer's reasons if the profile refused from another probability on.
function verdictAt(failAt, { reasons }, profile) {
  const fails = ({ metric, probability }) => {
    if (metric === "not_a_photo") return profile.not_a_photo === "fail";
    return probability >= (metric === "orientation" ? Math.max(failAt, TURN_FAILS_AT) : failAt);
  };
  return reasons.some(fails) ? "fail" : reasons.length ? "unsure" : "pass";
}

// Shows what another `fail_at` would change for the photos that were dropped and judged by the chosen profile.
function tryFailAt() {
  const [trial, profile] = [find("#trial"), chosenProfile()];
  const failAt = Number(find("input", trial).value);
  find("output", trial).textContent = failAt.toFixed(2);
  const judged = scored.filter((photo) => photo.profile.name === profile?.name);
  trial.hidden = judged.length === 0;
  const counts = { pass: 0, unsure: 0, fail: 0 };
  const changes = [];
  for (const { card, name, answer } of judged) {
    const verdict = verdictAt(failAt, answer, profile);
    counts[verdict] += 1;
    const otherwise = verdict !== answer.verdict;
    find(".otherwise", card).hidden = !otherwise;
    find(".otherwise", card).textContent = otherwise ? `From ${failAt.toFixed(2)} on: ${verdict}` : "";
    if (otherwise) changes.push(`${name} ${answer.verdict} → ${verdict}`);
  }
  const said = Object.entries(counts).map(([verdict, count]) => `${count} ${verdict}`);
  const changed = changes.length ? `Decided otherwise: ${changes.join(", ")}.` : "Nothing changes.";
  find("p", trial).textContent = `Of ${judged.length} judged as ${profile?.name}: ${said.join(", ")}. ${changed}`;
}

function svg(name, attributes, children = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const inWords = (name) => name.replaceAll("_", " ");
const withUnit = (value, unit) => (unit === DEGREES ? `${value}°` : `${value} ${unit}`);

function row(name, ...texts) {
  const element = document.createElement("p");
  element.className = name;
  for (const text of texts) element.append(Object.assign(document.createElement("span"), { textContent: text }));
  return element;
}

// A gauge: what the profile accepts, the interval, the value, and what is wrong at the ends. A profile may leave a metric without a
// band; it is then reported and not judged.
function gauge(metric, score, band) {
  const [low, high] = metric.range;
  const at = (value) => (100 * (Math.min(Math.max(value, low), high) - low)) / (high - low);
  const bar = (name, from, to, y, height) =>
    svg("rect", { class: name, x: at(from), width: Math.max(at(to) - at(from), 0.4), y, height, rx: 1 });
  const text = `${withUnit(score.value.toFixed(2), score.unit)} (${score.low.toFixed(2)} to ${score.high.toFixed(2)})`;
  const picture = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img" }, [
    bar("track", low, high, 4, 2),
    ...(band ? [bar("band", band.low ?? low, band.high, 2.5, 5)] : []),
    bar("interval", score.low, score.high, 3.5, 3),
    svg("rect", { class: "value", x: at(score.value) - 0.4, width: 0.8, y: 0, height: 10 }),
  ]);
  const accepted = band ? `accepted ${band.low ?? low} to ${band.high}` : "not judged";
  picture.setAttribute("aria-label", `${metric.title}: ${text}; ${accepted}`);
  const caption = row("caption", `${metric.title} · ${band ? `quality ${score.quality}` : accepted}`, text);
  const end = (value, fault) => withUnit(value, score.unit) + (fault ? `: ${inWords(fault.code)}` : "");
  const element = document.createElement("div");
  element.className = "gauge";
  element.append(caption, picture, row("ends", end(low, metric.low), end(high, metric.high)));
  return element;
}

// A model that came since the page was loaded is asked for; what cannot be learned is taken from the score itself.
async function gauges(scores, profile) {
  if (Object.keys(scores).some((name) => !(name in metrics))) await loadMetrics().catch(() => {});
  return Object.entries(scores).map(([name, score]) => {
    const range = [Math.min(score.low, 0), Math.max(score.high, 0.001)];
    return gauge(metrics[name] ?? { title: inWords(name), range }, score, profile[name]);
  });
}

// What was found beside the scores; a service may have no model for the turn, and no checks.
function facts({ orientation, checks }) {
  const found = Object.entries(checks ?? {}).filter(([name, value]) => value !== 0 && !(["upscale", "collage"].includes(name) && value === 1));
  const facts = found.map(([name, value]) => `${inWords(name)}: ${Number(value.toPrecision(3))}`);
  if (orientation) {
    const { turn, probability } = orientation;
    facts.unshift(`${turn ? `turned by ${turn}° clockwise` : "upright"}, ${Math.round(100 * probability)} % certain`);
  }
  return facts;
}

// The blur of each tile over the photo: the more blurred, the more orange; the less a tile tells, the fainter.
function drawMap(canvas, { columns, rows, tiles }, area) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.font = "bold 13px system-ui, sans-serif";
  context.lineWidth = 3;
  const heaviest = Math.max(...tiles.map(({ weight }) => weight));
  // Neighbouring tiles may overlap; each is drawn in its cell of the grid.
  const [w, h] = [(area.width * width) / columns, (area.height * height) / rows];
  tiles.forEach(({ sigma, weight }, index) => {
    const [x, y] = [area.left * width + (index % columns) * w, area.top * height + Math.floor(index / columns) * h];
    context.globalAlpha = 0.15 + 0.5 * (weight / heaviest);
    context.fillStyle = `hsl(${140 - 120 * Math.min(sigma / 4, 1)} 80% 45%)`;
    context.fillRect(x + 1, y + 1, w - 2, h - 2);
    context.globalAlpha = 1;
    context.fillStyle = "#fff";
    context.strokeText(sigma.toFixed(1), x + 6, y + 18);
    context.fillText(sigma.toFixed(1), x + 6, y + 18);
  });
}

// Where the photo is within its frame, if it has one.
function drawArea(outline, { left, top, width, height }) {
  outline.hidden = width === 1 && height === 1;
  for (const [side, share] of Object.entries({ left, top, width, height })) outline.style[side] = `${100 * share}%`;
}

const send = (path, file) => ask(path, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });

async function show(file) {
  const card = find("#result").content.cloneNode(true).firstElementChild;
  find("#results").prepend(card);
  const profile = chosenProfile() ?? { name: "default" };
  const image = find(".before", card);
  image.src = URL.createObjectURL(file);
  image.alt = `The photo ${file.name}`;
  find("h2", card).textContent = file.name;
  // Not the key itself: commands are copied into chats and scripts.
  const key = find("#key input").value ? '-H "Authorization: Bearer $KEY" ' : "";
  const command = `curl ${key}--data-binary @'${file.name.replaceAll("'", "'\\''")}' '${location.origin}/score?profile=${profile.name}'`;
  find("code", card).textContent = command;
  find(".copy", card).onclick = async ({ target }) => {
    await navigator.clipboard.writeText(command);
    target.textContent = "Copied";
  };
  let answer;
  try {
    answer = await (await send(`/score?detail=tiles&profile=${profile.name}`, file)).json();
  } catch (error) {
    find(".verdict", card).className = "verdict problem";
    find(".verdict", card).textContent = error.message;
    find(".tools", card).hidden = true;
    return `${file.name}: ${error.message}`;
  }
  const verdict = find(".verdict", card);
  verdict.classList.add(answer.verdict);
  verdict.textContent = `${VERDICTS[answer.verdict]} (${answer.verdict}, quality ${answer.quality} of 100)`;
  find(".reasons", card).append(
    ...answer.reasons.map((reason) => {
      const item = document.createElement("li");
      item.textContent = `${inWords(reason.code)} (${Math.round(100 * reason.probability)} %): ${reason.advice}`;
      return item;
    }),
  );
  find(".gauges", card).append(...(await gauges(answer.scores, profile)));
  const found = facts(answer);
  find(".facts", card).hidden = found.length === 0;
  find(".facts", card).append(...found.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  find(".usable", card).textContent = `Looks sharp up to ${answer.max_usable_width} of its ${answer.image.width} pixels of width.`;
  find(".json", card).textContent = JSON.stringify(answer, null, 1);
  drawArea(find(".area", card), answer.image.area);
  const map = find(".map", card);
  find(".show-map", card).onchange = ({ target }) => {
    map.hidden = !target.checked;
    if (target.checked) drawMap(map, answer.tiles, answer.image.area);
  };
  find(".correct", card).onclick = () => correct(card, file, profile);
  scored.push({ card, name: file.name, profile, answer });
  tryFailAt();
  return `${file.name}: ${verdict.textContent}`;
}

async function correct(card, file, profile) {
  const said = find(".receipt", card);
  said.textContent = "Correcting…";
  try {
    const response = await send(`/correct?frame=keep&profile=${profile.name}`, file);
    const receipt = JSON.parse(response.headers.get("Clearshot-Receipt"));
    const address = URL.createObjectURL(await response.blob());
    const after = find(".after", card);
    after.src = address;
    after.alt = `The corrected photo ${file.name}`;
    after.hidden = false;
    const slider = find(".slider", card);
    slider.hidden = false;
    const reveal = () => (after.style.clipPath = `inset(0 0 0 ${100 - find("input", slider).value}%)`);
    find("input", slider).oninput = reveal;
    reveal();
    const download = find(".download", card);
    download.hidden = false;
    download.href = address;
    download.download = `corrected-${file.name}`;
    const done = [];
    if (receipt.rotation) done.push(`turned by ${receipt.rotation.toFixed(1)}°, ${Math.round(100 * receipt.kept)} % of the frame kept`);
    if (receipt.v_shift) done.push(`V shifted by ${receipt.v_shift.toFixed(2)}`);
    said.textContent = `${done.join("; ")}. Tilt ${receipt.before.rotation.toFixed(1)}° → ${receipt.after.rotation.toFixed(1)}°, ` +
      `brightness ${receipt.before.brightness.toFixed(2)} → ${receipt.after.brightness.toFixed(2)} V.`;
  } catch (error) {
    said.textContent = error.message;
  }
}

async function showAll(files) {
  const status = find("#status");
  for (const [index, file] of [...files].entries()) {
    status.textContent = `Scoring ${index + 1} of ${files.length}…`;
    status.textContent = await show(file);
  }
}

const drop = find("#drop");
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  showAll(event.dataTransfer.files);
});
find("#files").addEventListener("change", ({ target }) => showAll(target.files));
find("#profile").addEventListener("change", describeProfile);
find("#trial input").addEventListener("input", tryFailAt);
find("#key input").addEventListener("change", load);
load();

// The editor of a profile: a form of all that a profile says, a draft that follows it, and a file for `clearshot serve --profiles`.

import { download, element, find, inWords, withUnit } from "./dom.js";

const VERSION = 1;
const root = find("#editor");
const form = find("#profile-form");

let served = [];
let original;
let draft;
// The draft before anything is changed.
let unchanged;
let onChange = () => {};
// Of each input: what is wrong with what stands in it, and how it goes into a draft.
let fields = [];

const within = (low, high) => (value) => (value >= low && value <= high ? "" : `from ${low} to ${high}`);
const inside = (low, high) => (value) => (value > low && value < high ? "" : `above ${low} and below ${high}`);
const counted = (value) => (Number.isInteger(value) && value > 0 ? "" : "a whole number from 1 on");
const anyNumber = () => "";

// One input with its label and, below it, what is wrong with it. `set` takes a number or text, or undefined where it is left empty.
function field({ label, value, rule = anyNumber, set, required = false, step = "any", kind = "number" }) {
  const input = element("input", { type: kind, value: value ?? "", "aria-label": label, required });
  if (kind === "number") Object.assign(input, { step, inputMode: "decimal" });
  const wrong = element("small", { className: "wrong", id: `wrong-${fields.length}`, hidden: true });
  input.setAttribute("aria-describedby", wrong.id);
  const read = (into) => {
    const text = input.value.trim();
    const given = text === "" && !input.validity.badInput ? undefined : kind === "number" ? input.valueAsNumber : text;
    const problem = given === undefined ? (required ? "needed" : "") : Number.isNaN(given) ? "a number" : rule(given, into);
    wrong.hidden = problem === "";
    wrong.textContent = problem;
    input.setAttribute("aria-invalid", String(problem !== ""));
    if (!problem) set(into, given);
    return problem === "";
  };
  fields.push(read);
  return { input, wrong };
}

const labelled = (text, { input, wrong }) => element("label", {}, element("span", {}, text), input, wrong);

const put = (name) => (into, value) => {
  if (value === undefined) delete into[name];
  else into[name] = value;
};

// A probability: a number, and a slider for the same.
function probability(name, text, rule) {
  const { input, wrong } = field({ label: name, value: original[name], rule, required: true, step: 0.01, set: put(name) });
  const slider = element("input", { type: "range", min: 0.01, max: 0.99, step: 0.01, value: original[name], "aria-label": `${name}, as a slider` });
  slider.addEventListener("input", () => (input.value = slider.value));
  input.addEventListener("input", () => (slider.value = input.value));
  return element("div", { className: "probability" }, labelled(text, { input, wrong }), slider);
}

// A metric's band. Without `high` it is not judged.
function band({ name, title, unit, range: [min, max], low }) {
  const own = original[name] ?? {};
  const set = (part) => (into, value) => {
    if (value === undefined) return;
    into[name] = { ...into[name], [part]: value };
  };
  const step = max > 10 ? 0.5 : max > 1 ? 0.1 : 0.01;
  const of = (part, rule, more) => field({ label: `${title}: ${part.replace("_", " ")}`, value: own[part], rule, step, set: set(part), ...more });
  const inputs = [
    low && labelled("from", of("low", (value) => (value < 0 && value >= min ? "" : `below 0, at least ${min}`))),
    labelled("to", of("high", (value) => (value > 0 && value <= max ? "" : `above 0, at most ${max}`))),
    labelled("expected share", of("expected_share", inside(0, 1), { step: 0.01 })),
    labelled("weight", of("weight", within(0, 1), { step: 0.1 })),
  ];
  // What belongs together: a band is whole, or not there.
  const wrong = element("small", { className: "wrong", hidden: true, role: "alert" });
  fields.push((into) => {
    const found = into[name];
    const whole = !found || (found.high !== undefined && (!low || found.low !== undefined));
    const empty = found && found.high === undefined && found.low === undefined;
    if (empty) delete into[name];
    else if (found) into[name] = { weight: 1, expected_share: 0.05, ...found };
    wrong.hidden = whole || empty;
    wrong.textContent = low ? "give both ends, or neither" : "";
    return wrong.hidden;
  });
  return element("fieldset", {}, element("legend", {}, `${title} in ${unit === "deg" ? "degrees" : unit}`), ...inputs, wrong);
}

function bound({ name, title, unit, low, high }) {
  const own = original.checks?.[name] ?? {};
  const set = (part) => (into, value) => {
    if (value !== undefined) into.checks = { ...into.checks, [name]: { ...into.checks?.[name], [part]: value } };
  };
  // Of the two ends the lower one is read first.
  const inOrder = (value, into) => (into.checks?.[name]?.low > value ? "at least the lower end" : "");
  const rule = (value, into) => (Number.isFinite(Math.fround(value)) ? inOrder(value, into) : "too large a number");
  const of = (part, text) => labelled(text, field({ label: `${title}: ${part}`, value: own[part], rule, set: set(part) }));
  const named = unit ? `${title} (${unit})` : title;
  if (!low || !high) return of(low ? "low" : "high", `${named} ${low ? "from" : "to"}`);
  return element("fieldset", {}, element("legend", {}, named), of("low", "from"), of("high", "to"));
}

function drawings() {
  const select = element("select", {}, ...["unsure", "fail", "ignore"].map((name) => element("option", { value: name }, name)));
  select.value = original.not_a_photo ?? "unsure";
  fields.push((into) => {
    if (select.value === "unsure") delete into.not_a_photo;
    else into.not_a_photo = select.value;
    return true;
  });
  return element("label", {}, element("span", {}, "plans and screenshots are"), select);
}

function build(metrics, checks) {
  fields = [];
  const whole = (name, text) => labelled(text, field({ label: text, value: original[name], rule: counted, step: 1, set: put(name) }));
  const isName = (value) => (/^[A-Za-z0-9._-]{1,64}$/.test(value) ? "" : "letters, digits, . _ - only");
  const atMostFail = (value) => inside(0, 1)(value) || (value <= Number(find("[aria-label=fail_at]", form)?.value) ? "" : "at most fail_at");
  form.replaceChildren(
    probability("review_at", "unsure from a probability of", atMostFail),
    probability("fail_at", "fail from a probability of", inside(0, 1)),
    ...metrics.map(band),
    element("details", {}, element("summary", {}, "Checks"), ...checks.filter(({ low, high }) => low || high).map(bound), drawings()),
    element(
      "details",
      {},
      element("summary", {}, "Name and set"),
      labelled("name", field({ label: "name", kind: "text", value: original.name, rule: isName, required: true, set: put("name") })),
      labelled("description", field({ label: "description", kind: "text", value: original.description, set: (into, value) => (into.description = value ?? "") })),
      whole("max_attempts", "attempts until somebody looks"),
      whole("min_photos", "photos that a listing needs"),
    ),
  );
}

// The draft as the form says it; what is no number of the form stays as it was (messages). Undefined where something is wrong.
function read() {
  const made = { name: original.name, description: original.description };
  if (original.messages) made.messages = original.messages;
  // Each is asked, so that all that is wrong is said.
  const sound = fields.map((readInto) => readInto(made)).every(Boolean);
  return sound ? made : undefined;
}

function changed() {
  const made = read();
  find("#save-profile", root).disabled = !made;
  find("#profile-wrong", root).hidden = Boolean(made);
  if (made) draft = made;
  find("#undo-profile", root).disabled = !isEdited() && Boolean(made);
  onChange();
}

const sorted = (value) =>
  value && typeof value === "object" ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : value;

// True where the draft decides otherwise than the profile that the service has.
export const isEdited = () => JSON.stringify(sorted(draft)) !== JSON.stringify(sorted(unchanged));

export const draftProfile = () => draft;

// Begins with a profile of the service's.
export function edit(profile, profiles, metrics, checks) {
  [original, served] = [profile, profiles];
  build(metrics, checks);
  draft = read() ?? profile;
  unchanged = draft;
  changed();
}

// All profiles of the service with the draft in the place of its name, or after them.
export function profilesFile() {
  const others = served.filter(({ name }) => name !== draft.name);
  const at = served.findIndex(({ name }) => name === draft.name);
  const profiles = at < 0 ? [...others, draft] : others.toSpliced(at, 0, draft);
  return `${JSON.stringify({ version: VERSION, profiles }, null, 2)}\n`;
}

// Says what the draft would decide otherwise than the service did.
export function showConsequences(photos) {
  const judged = photos.filter(({ judgement }) => judgement);
  const counts = { pass: 0, unsure: 0, fail: 0 };
  const changes = [];
  for (const { name, judgement, answer } of judged) {
    counts[judgement.verdict] += 1;
    if (judgement.verdict !== answer.verdict) changes.push(`${name} ${answer.verdict} → ${judgement.verdict}`);
  }
  const said = Object.entries(counts).map(([verdict, number]) => `${number} ${verdict}`).join(", ");
  const first = changes.slice(0, 5).join(", ") + (changes.length > 5 ? ` and ${changes.length - 5} more` : "");
  const text = judged.length ? `Of ${judged.length}: ${said}. ${changes.length ? `Decided otherwise: ${first}.` : "Nothing changes."}` : "";
  const place = find("#consequences", root);
  if (place.textContent !== text) place.textContent = text;
}

export function start(then) {
  onChange = then;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  find("#save-profile", root).addEventListener("click", () => download("profiles.json", "application/json", profilesFile()));
}

// What every part of the page needs of the document. Text from photos and answers goes in by `textContent` only.

export const find = (selector, within = document) => within.querySelector(selector);

// An element with properties, attributes (`aria-label`, `data-…`) and children; texts become text nodes.
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

export const inWords = (name) => name.replaceAll("_", " ");
export const percent = (share) => `${Math.round(100 * share)} %`;
export const withUnit = (value, unit) => (unit === "deg" ? `${value}°` : `${value} ${unit}`.trim());
export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

// What is said while a busy service is waited for; nothing where it is not.
export const waitInWords = (seconds) => (seconds > 0 ? ` The service is busy: it is asked again in ${count(Math.ceil(seconds), "second")}.` : "");

// Verdicts, and what else may be said of a photo: a sign, a word, what to do. Never a colour alone.
const VERDICTS = {
  fail: ["✕", "fail", "Do not publish it"],
  unsure: ["?", "unsure", "Have a look: not certain"],
  pass: ["✓", "pass", "Publish it"],
  problem: ["!", "problem", "Not scored"],
  waiting: ["…", "waiting", "Not scored yet"],
};

export const whatToDo = (verdict) => VERDICTS[verdict][2];

export function badge(verdict, text = VERDICTS[verdict][1]) {
  return element("span", { className: `badge ${verdict}` }, element("span", { "aria-hidden": "true" }, `${VERDICTS[verdict][0]} `), text);
}

// A file that the browser offers to keep.
export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// The corrected photo over the one that was dropped, parted by a slider.

import { find, percent, waitInWords } from "./dom.js";
import { send } from "./service.js";

// Without the minus of what is rounded to zero.
const fixed = (value, digits) => value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1");

function inSentences({ rotation, kept, v_shift: shift, before, after }) {
  const done = [];
  if (rotation) done.push(`Turned by ${fixed(rotation, 1)}°: ${percent(kept)} of the frame kept.`);
  if (shift) done.push(`V shifted by ${fixed(shift, 2)}.`);
  const change = (metric, digits, unit) => `${fixed(before[metric], digits)}${unit} → ${fixed(after[metric], digits)}${unit}`;
  return [...done, `Tilt ${change("rotation", 1, "°")}, brightness ${change("brightness", 2, " V")}.`].join(" ");
}

// Names of files by what they hold; the first is given to those that have another.
const ENDINGS = { "image/jpeg": ["jpg", "jpeg", "jfif"], "image/png": ["png"], "image/webp": ["webp"] };

// What a corrected photo is called: a HEIC comes back as a JPEG, which no program opens by the old name.
function nameOf(name, type) {
  const endings = ENDINGS[type] ?? [];
  const isRight = endings.length === 0 || endings.some((ending) => name.toLowerCase().endsWith(`.${ending}`));
  return `corrected-${isRight ? name : `${name.replace(/\.[A-Za-z0-9]{1,5}$/, "")}.${endings[0]}`}`;
}

async function corrected({ file }, profile, options) {
  const response = await send(`/correct?frame=keep&profile=${encodeURIComponent(profile)}`, file, options);
  const receipt = JSON.parse(response.headers.get("Clearshot-Receipt"));
  const blob = await response.blob();
  return { receipt, type: blob.type, address: URL.createObjectURL(blob) };
}

// Puts the controls of a card to work; gives what closes them.
export function offerCorrection(card, photo, profile) {
  const [button, said, after, slider, keep] = [".correct", ".receipt", ".after", ".slider", ".download"].map((name) => find(name, card));
  const [share, flip] = [find("input", slider), find(".flip", card)];
  const closed = new AbortController();
  let address;
  const reveal = () => {
    after.style.clipPath = `inset(0 0 0 ${100 - share.value}%)`;
    share.setAttribute("aria-valuetext", `${share.value} % of the corrected photo`);
    flip.setAttribute("aria-pressed", String(share.value === "100"));
  };
  share.addEventListener("input", reveal);
  flip.addEventListener("click", () => {
    share.value = share.value === "100" ? 0 : 100;
    reveal();
  });
  button.addEventListener("click", async () => {
    button.disabled = true;
    const onWait = (seconds) => (said.textContent = `Correcting…${waitInWords(seconds)}`);
    onWait(0);
    try {
      const found = await corrected(photo, profile, { signal: closed.signal, onWait });
      address = found.address;
      if (closed.signal.aborted) return URL.revokeObjectURL(address);
      Object.assign(after, { src: address, alt: `The corrected photo ${photo.name}`, hidden: false });
      // A photo that this browser cannot show leaves nothing to lay it over; one that lay on its side has another shape.
      const [isAlone, isTurned] = [find(".before", card).hidden, Math.abs(found.receipt.rotation) >= 90];
      after.classList.toggle("alone", isAlone);
      after.classList.toggle("turned", isTurned);
      slider.hidden = flip.hidden = isAlone;
      if (isAlone || isTurned) share.value = 100;
      reveal();
      Object.assign(keep, { href: address, download: nameOf(photo.name, found.type), hidden: false });
      button.hidden = true;
      said.textContent = inSentences(found.receipt);
      (isAlone ? keep : share).focus();
    } catch (error) {
      if (closed.signal.aborted) return undefined;
      button.disabled = false;
      said.textContent = error.detail || error.message;
    }
    return undefined;
  });
  return () => {
    closed.abort();
    if (address) URL.revokeObjectURL(address);
  };
}

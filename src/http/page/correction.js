// The corrected photo over the one that was dropped, parted by a slider.

import { find, percent } from "./dom.js";
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

async function corrected({ file }, profile, signal) {
  const response = await send(`/correct?frame=keep&profile=${encodeURIComponent(profile)}`, file, { signal });
  const receipt = JSON.parse(response.headers.get("Clearshot-Receipt"));
  return { receipt, address: URL.createObjectURL(await response.blob()) };
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
    said.textContent = "Correcting…";
    try {
      const found = await corrected(photo, profile, closed.signal);
      address = found.address;
      if (closed.signal.aborted) return URL.revokeObjectURL(address);
      Object.assign(after, { src: address, alt: `The corrected photo ${photo.name}`, hidden: false });
      slider.hidden = flip.hidden = keep.hidden = false;
      reveal();
      Object.assign(keep, { href: address, download: `corrected-${photo.name}` });
      button.hidden = true;
      said.textContent = inSentences(found.receipt);
      share.focus();
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

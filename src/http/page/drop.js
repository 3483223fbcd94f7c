// Where photos come in: dropped, also as folders, or chosen.

import { find } from "./dom.js";

async function entriesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  // A folder is read in parts; an empty one ends it.
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return entries;
    entries.push(...part);
  }
}

// Hidden files (.DS_Store) of a folder were not meant.
async function filesOf(entry) {
  try {
    if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    const inside = (await entriesOf(entry)).filter(({ name }) => !name.startsWith("."));
    return (await Promise.all(inside.map(filesOf))).flat();
  } catch {
    // What cannot be read (a link that leads nowhere) is not to cost the others; without a byte it is shown as a problem.
    return [new File([], entry.name)];
  }
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.filter(Boolean).map(filesOf))).flat();
}

// Tells `then` of files that arrive, wherever on the page they are dropped.
export function listen(then) {
  const area = find("#drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) area.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    area.classList.remove("over");
    then(await dropped(event.dataTransfer));
  });
  find("#files").addEventListener("change", ({ target }) => {
    then([...target.files]);
    // The same files can be chosen again.
    target.value = "";
  });
}

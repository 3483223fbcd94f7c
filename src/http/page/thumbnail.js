// Small pictures for the gallery: a thousand photos at full size would not fit into memory.

import { atMost } from "./queue.js";

const WIDTH = 360;
const atATime = atMost(2);

// The address of a small copy, to be revoked by whoever asked; undefined for what this browser cannot show (HEIC, say), and for what
// was taken away (`signal`) while it waited.
export function thumbnail(file, signal) {
  return atATime(async () => {
    if (signal.aborted) return undefined;
    let bitmap;
    try {
      bitmap = await createImageBitmap(file, { resizeWidth: WIDTH, resizeQuality: "medium" });
    } catch {
      return undefined;
    }
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
    return blob ? URL.createObjectURL(blob) : undefined;
  });
}

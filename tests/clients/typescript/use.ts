// Uses the generated types: scores a photo and a text file, corrects a photo; the compiler checks every field.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const photo = new Blob([await readFile("../../fixtures/pavilion.jpg")]);
// The types say "string" for binary; the bytes go as they are.
const send = (bytes: Blob) => ({ body: bytes as unknown as string, bodySerializer: (body: unknown) => body as Blob });

const { data, error } = await client.POST("/score", {
  ...send(photo),
  params: { query: { profile: "real-estate", detail: "tiles" } },
});
assert(data, JSON.stringify(error));
const verdict: components["schemas"]["Verdict"] = data.verdict;
assert.equal(verdict, "pass");
const { value, low, high }: { value: number; low: number; high: number } = data.scores.rotation;
assert(low <= value && value <= high);
assert.equal(data.tiles?.tiles.length, data.tiles!.columns * data.tiles!.rows);
assert.equal(data.max_usable_width, 640);
// A further metric: the service runs a copy of the brightness model under this name.
const exposure: components["schemas"]["Score"] | undefined = data.scores["exposure"];
assert.equal(exposure?.value, data.scores.brightness.value);
const version: string | undefined = data.models["exposure"];
assert.equal(version, data.models["brightness"]);
const checks: { [name: string]: number } = data.checks;
assert.equal(typeof checks, "object");

const refused = await client.POST("/score", send(new Blob(["text"])));
const problem: components["schemas"]["Problem"] | undefined = refused.error;
assert.equal(problem?.code, "unsupported_format");

const form = new FormData();
form.append("image", photo, "a.jpg");
form.append("image", new Blob(["text"]), "b.txt");
const batch = await client.POST("/score/batch", {
  params: { query: { summary: true } },
  body: form as unknown as components["schemas"]["BatchForm"],
  bodySerializer: (body: unknown) => body as FormData,
});
assert.deepEqual(batch.data?.results.map((result) => result.status), [200, 415]);
assert.equal(batch.data?.summary?.lead, 0);

const corrected = await client.POST("/correct", { ...send(photo), parseAs: "blob" });
assert.equal(corrected.error?.code, "nothing_to_correct");
console.log("typescript: ok");

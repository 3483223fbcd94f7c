// Scores a photo and says what to do with it: compile with tsc, then node typescript.mjs PHOTO [URL]. Node 18 or newer.
import { readFile } from "node:fs/promises";

type Answer = { verdict: "pass" | "fail" | "unsure"; reasons: { code: string; advice: string }[] };

const [photo, url = "http://127.0.0.1:8080"] = process.argv.slice(2);
const response = await fetch(`${url}/score?profile=real-estate`, { method: "POST", body: await readFile(photo) });
if (!response.ok) throw new Error(`refused: ${((await response.json()) as { detail: string }).detail}`);
const { verdict, reasons } = (await response.json()) as Answer;
console.log([verdict, ...reasons.map(({ code, advice }) => `- ${code}: ${advice}`)].join("\n"));

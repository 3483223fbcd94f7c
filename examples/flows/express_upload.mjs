// An Express route that takes a listing's photo only if it can be published, and tells its owner what to do if not.
// A service with keys wants `headers: { Authorization: `Bearer ${key}` }`, too.
import express from "express";

const CLEARSHOT = process.env.CLEARSHOT ?? "http://127.0.0.1:8080";
const app = express();

app.post("/photos", express.raw({ type: "image/*", limit: "32mb" }), async (request, response) => {
  const answer = await fetch(`${CLEARSHOT}/score?profile=real-estate`, { method: "POST", body: request.body });
  if ([429, 503, 504].includes(answer.status)) {
    return response.status(503).set("Retry-After", answer.headers.get("retry-after") ?? "1").end();
  }
  // The rest is no fault of the photo, such as a key that is missing, and no business of its owner.
  if (!answer.ok && ![400, 408, 413, 415, 422].includes(answer.status)) return response.status(502).end();
  const score = await answer.json();
  if (!answer.ok) return response.status(422).json({ advice: [score.detail] });
  if (score.verdict === "fail") return response.status(422).json({ advice: score.reasons.map((reason) => reason.advice) });
  // Here the photo is kept; an `unsure` one goes to a person, too.
  return response.status(201).json({ verdict: score.verdict, quality: score.quality });
});

const server = app.listen(process.env.PORT ?? 3000, "127.0.0.1", () => console.log(server.address().port));

// Requests to the service that serves this page: its key, its problems, and patience where it is busy.

const BUSY = [429, 503];
// A request that was told to come again so often is given up.
const TRIES = 12;
const LONGEST_WAIT = 120;

let key = "";
let onKeyNeeded = () => {};

// The key is kept nowhere but here.
export function useKey(text) {
  key = text;
}

export const hasKey = () => key !== "";

export function whenKeyNeeded(then) {
  onKeyNeeded = then;
}

// Why there is no answer: a problem document (RFC 9457), or what can be said without one.
export class Problem extends Error {
  constructor({ title, detail = "", code, status }) {
    super(detail ? `${title}: ${detail}` : title);
    Object.assign(this, { title, detail, code, status });
  }

  static async of(response) {
    const { status, statusText } = response;
    const said = await response.json().catch(() => ({}));
    return new Problem({ title: `The service answered ${status} ${statusText}`.trim(), status, ...said });
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

// Seconds to wait, as `Retry-After` says it: a number, or a date.
function retryAfter(response) {
  const said = response.headers.get("Retry-After");
  const seconds = said === null ? 1 : Number.isNaN(Number(said)) ? (Date.parse(said) - Date.now()) / 1000 : Number(said);
  return Math.min(Math.max(seconds || 0, 0.1), LONGEST_WAIT);
}

// The answer; a service that is busy is asked again when it says. `onWait` is told for how many seconds, and 0 once it is asked again.
export async function ask(path, { onWait, ...options } = {}) {
  const headers = key ? { ...options.headers, Authorization: `Bearer ${key}` } : options.headers;
  for (let tried = 1; ; tried += 1) {
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Problem({ title: "The service cannot be reached", detail: "Check the connection, then try again." });
    }
    if (response.ok) return response;
    if (response.status === 401) onKeyNeeded();
    if (!BUSY.includes(response.status) || tried === TRIES) throw await Problem.of(response);
    const seconds = retryAfter(response);
    onWait?.(seconds);
    await pause(seconds, options.signal);
    onWait?.(0);
  }
}

export const send = (path, file, options) =>
  ask(path, { ...options, method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });

// Bounded concurrency: of a thousand photos few are read, sent or decoded at once, so that tab and service stay responsive.

// A function that runs asynchronous work, at most `limit` at once, first come, first served.
export function atMost(limit) {
  let running = 0;
  const waiting = [];
  const next = () => {
    if (running >= limit || waiting.length === 0) return;
    running += 1;
    const { work, resolve, reject } = waiting.shift();
    work().then(resolve, reject).finally(() => {
      running -= 1;
      next();
    });
  };
  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, resolve, reject });
      next();
    });
}

// A function that calls another at most every so many milliseconds, the last time after the last call.
export function nowAndThen(milliseconds, work) {
  let timer;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      work();
    }, milliseconds);
  };
}

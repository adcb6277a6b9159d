import { appendFileSync } from 'node:fs';

/**
 * Makes a collector's process stand still again and again, as on a machine that others keep busy: loaded before the
 * program by `bun --preload`. Busy loops of 30 to 500 ms, one at a time, with a pause of up to as long between them.
 * Every time in which the event loop stood still, for whatever reason, goes to the file in `STALLS` as `from to`, epoch
 * ms, a line each.
 */
const SHORTEST_MS = 30;
export const LONGEST_STALL_MS = 500;
const BEAT_MS = 20;

function stall(): void {
  const ms = SHORTEST_MS + Math.random() * (LONGEST_STALL_MS - SHORTEST_MS);
  const until = performance.now() + ms;
  while (performance.now() < until);
  setTimeout(stall, Math.random() * LONGEST_STALL_MS).unref();
}

function watch(file: string): void {
  let last = Date.now();
  setInterval(() => {
    const now = Date.now();
    if (now - last > 2 * BEAT_MS) appendFileSync(file, `${last} ${now}\n`);
    last = now;
  }, BEAT_MS).unref();
}

const { STALLS } = process.env;
if (STALLS) {
  watch(STALLS);
  setTimeout(stall, LONGEST_STALL_MS).unref();
}

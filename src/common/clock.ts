/** Undoes a timer; calling it twice, or after the timer ran, does nothing. */
export type Cancel = () => void;

/**
 * The only source of time and chance in the program, so that tests of back-off, watchdogs and windows run on a
 * clock of their own (see `test/unit/manual-clock.ts`).
 */
export interface Clock {
  /** Wall clock in epoch microseconds, an exact integer. */
  micros(): number;
  /** Monotonic clock in milliseconds, for intervals. */
  now(): number;
  /** Runs `fn` once, `ms` milliseconds from now. */
  after(ms: number, fn: () => void): Cancel;
  /** Uniform in [0, 1). */
  random(): number;
}

/** How far the monotonic reading may drift from the wall clock before it is set again, in milliseconds. */
const MAX_DRIFT_MS = 2;

let offset = Date.now() - performance.now();

/** The machine's clock. Sub-millisecond wall time comes from the monotonic clock, kept within 2 ms of NTP's. */
export const systemClock: Clock = {
  micros() {
    const wall = Date.now();
    const fine = performance.now() + offset;
    if (Math.abs(fine - wall) > MAX_DRIFT_MS) {
      offset = wall - performance.now();
      return wall * 1000;
    }
    return Math.round(fine * 1000);
  },
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** Resolves `ms` milliseconds from now. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

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
  /** Runs `fn` once, `ms` milliseconds from now, however many those are; see `soundWait`. */
  after(ms: number, fn: () => void): Cancel;
  /** Uniform in [0, 1). */
  random(): number;
}

/** The longest wait that a timer of the runtime holds; it runs at once where asked for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** A wait that no number says: not at once, which would be a hot loop, and not never. */
const UNKNOWN_WAIT_MS = 1000;

/** What a clock waits where `ms` is asked for: what is below 0 is 0, and what is no number a second. Infinity is never. */
export function soundWait(ms: number): number {
  return Number.isNaN(ms) ? UNKNOWN_WAIT_MS : Math.max(0, ms);
}

/** How far the monotonic reading may drift from the wall clock before it is set again, in milliseconds. */
const MAX_DRIFT_MS = 2;

/** How old a look at the wall clock may be: each frame of a flood asks for the time. */
const LOOK_MS = 1;

let offset = Date.now() - performance.now();
/** When the next look at the wall clock is due, by the monotonic one. */
let nextLook = 0;

/** The machine's clock. Sub-millisecond wall time comes from the monotonic clock, kept within 2 ms of NTP's. */
export const systemClock: Clock = {
  micros() {
    const now = performance.now();
    if (now >= nextLook) {
      nextLook = now + LOOK_MS;
      const wall = Date.now();
      if (Math.abs(now + offset - wall) > MAX_DRIFT_MS) offset = wall - now;
    }
    return Math.round((now + offset) * 1000);
  },
  now: () => performance.now(),
  after(ms, fn) {
    const wait = soundWait(ms);
    if (wait > LONGEST_TIMER_MS) return afterLong(performance.now() + wait, fn);
    const timer = setTimeout(fn, wait);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** As many timers one after the other as it takes. @param due monotonic ms */
function afterLong(due: number, fn: () => void): Cancel {
  let timer: ReturnType<typeof setTimeout>;
  const next = (): void => {
    const left = due - performance.now();
    timer = left > LONGEST_TIMER_MS ? setTimeout(next, LONGEST_TIMER_MS) : setTimeout(fn, Math.max(0, left));
  };
  next();
  return () => clearTimeout(timer);
}

/** Resolves `ms` milliseconds from now. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

/** A signal that aborts `ms` milliseconds from now, and how to let go of its timer. */
export function abortAfter(
  clock: Clock,
  ms: number,
  reason: () => Error,
): { signal: AbortSignal; cancel: Cancel } {
  const controller = new AbortController();
  const cancel = clock.after(ms, () => controller.abort(reason()));
  return { signal: controller.signal, cancel };
}

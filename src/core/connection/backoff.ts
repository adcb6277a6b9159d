import type { Clock } from '../../common/clock.ts';

const FIRST_MS = 1000;
const CAP_MS = 30_000;
/** After this many failures in a row the outage is a long one, and the cap rises. */
const LONG_AFTER = 10;
const LONG_CAP_MS = 300_000;
/** Chance that a wait of a long outage is halved, so that a recovery is noticed early now and then. */
const EARLY_LOOK = 0.05;

/**
 * Waits between attempts: decorrelated jitter. The first wait is 1 s; each later one is uniform between 1 s and three
 * times the one before, at most 30 s, and at most 300 s from the 11th failure in a row on.
 */
export class Backoff {
  #failures = 0;
  #previousMs = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure; returns the wait before the next attempt in milliseconds. */
  fail(): number {
    this.#failures++;
    this.#previousMs = this.#failures === 1 ? FIRST_MS : this.#wait();
    return this.#previousMs;
  }

  /** To be called after a period of good data, not when a socket opens: a server may accept and close for ever. */
  reset(): void {
    this.#failures = 0;
    this.#previousMs = 0;
  }

  #wait(): number {
    const long = this.#failures > LONG_AFTER;
    const uniform = FIRST_MS + this.#clock.random() * (3 * this.#previousMs - FIRST_MS);
    const capped = Math.min(uniform, long ? LONG_CAP_MS : CAP_MS);
    return long && this.#clock.random() < EARLY_LOOK ? Math.max(FIRST_MS, capped / 2) : capped;
  }
}

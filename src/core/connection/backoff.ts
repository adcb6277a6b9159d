import type { Clock } from '../../common/clock.ts';

const FIRST_MS = 1000;
/** After this many failures in a row the outage is a long one, and has a cap of its own. */
const LONG_AFTER = 10;
/** Chance that a wait of a long outage is halved, so that a recovery is noticed early now and then. */
const EARLY_LOOK = 0.05;

/** The longest waits in ms: of the first ten failures in a row, and of those after them. */
export interface Caps {
  readonly capMs: number;
  readonly longCapMs: number;
}

/** For what runs meanwhile and is to be replaced: nothing is lost by waiting. */
export const PATIENT: Caps = { capMs: 30_000, longCapMs: 300_000 };
/**
 * For an exchange that cannot be reached, however long: with an attempt that is just under way at the end of its outage,
 * and the breaker's own time, data flows again within half a minute. That many do not knock is the breaker's business.
 */
export const EAGER: Caps = { capMs: 15_000, longCapMs: 15_000 };

/**
 * Waits between attempts: decorrelated jitter. The first wait is 1 s; each later one is uniform between 1 s and three
 * times the one before, up to the cap.
 */
export class Backoff {
  #failures = 0;
  #previousMs = 0;
  readonly #clock: Clock;
  readonly #caps: Caps;

  constructor(clock: Clock, caps: Caps) {
    this.#clock = clock;
    this.#caps = caps;
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
    const capped = Math.min(uniform, long ? this.#caps.longCapMs : this.#caps.capMs);
    return long && this.#clock.random() < EARLY_LOOK ? Math.max(FIRST_MS, capped / 2) : capped;
  }
}

import type { Clock } from '../../common/clock.ts';
import type { Micros } from '../market/market.ts';

/** Codes of chunks in a window. */
const WINDOW = 32;
/** What lies below may be the way of the rows. */
const LEAST = 5_000_000;
/** No clock is this far out: the row is. */
const MOST = 86_400_000_000;
/** A row that took longer by far is an old one, and hints at nothing. */
const HINT = 60_000_000;

/**
 * How far our clock is from an exchange's, as far as rows can tell: the shortest way that any of the last ones seems to
 * have had. A row from the future shows at once that the exchange is ahead; that we are shows only when no row of many
 * is fresh.
 */
export class ClockOffset {
  #count = 0;
  #current = Number.POSITIVE_INFINITY;
  /** The shortest of the window before; NaN where there was none. */
  #before = Number.NaN;
  readonly #clock: Clock;
  /** The same by the monotonic clock, which nobody sets. */
  readonly #steady = { least: Number.POSITIVE_INFINITY, before: Number.POSITIVE_INFINITY };
  readonly #skewAtFirst: Micros;
  /** How far our clock was set forward since then, when it was last looked at. */
  #set: Micros = 0;

  /** @param skewAtFirst of the two clocks of this machine when the process began; left out: now */
  constructor(clock: Clock, skewAtFirst: Micros = skewOf(clock)) {
    this.#clock = clock;
    this.#skewAtFirst = skewAtFirst;
    this.look();
  }

  /** @param way a row's arrival by our clock, less its own time */
  take(way: Micros): void {
    if (way < -MOST || way > MOST) return;
    if (this.#count++ === WINDOW) {
      this.#before = this.#current;
      this.#current = Number.POSITIVE_INFINITY;
      this.#steady.before = this.#steady.least;
      this.#steady.least = Number.POSITIVE_INFINITY;
      this.#count = 1;
    }
    if (way < this.#current) this.#current = way;
    const steady = way - this.#set;
    if (steady < HINT) this.#steady.least = Math.min(this.#steady.least, steady);
  }

  /** Above 0 where our clock is ahead, below where the exchange's is; 0 where neither shows. */
  get value(): Micros {
    const both = !Number.isNaN(this.#before);
    const least = both ? Math.min(this.#current, this.#before) : this.#current;
    if (least < 0) return least;
    return both && least > LEAST ? least : 0;
  }

  /**
   * How far our clock may be ahead, as far as anything hints at it: few rows that were all late, or a clock that was set
   * and no row since. 0 and more.
   */
  get doubt(): Micros {
    const least = Math.min(this.#steady.least, this.#steady.before);
    this.look();
    return Math.max(0, this.value, this.#set + (Number.isFinite(least) ? least : 0));
  }

  /** How far the exchange's clock is ahead of ours. */
  get ahead(): Micros {
    return Math.max(0, -this.value);
  }

  /** To be called about once a second: notices that our clock was set. */
  look(): void {
    this.#set = skewOf(this.#clock) - this.#skewAtFirst;
  }
}

/** The wall clock less the monotonic one: it changes when the wall clock is set, or the machine sleeps. */
export function skewOf(clock: Clock): Micros {
  return clock.micros() - Math.round(clock.now() * 1000);
}

import { type Random, weightedPick } from './random.ts';

const BEAT_MS = 4;
/** What is owed after a pause of the process is made up for this long, then forgotten. */
const CATCH_UP_MS = 1000;

/** What a pulse makes happen. */
export interface Beaten<T> {
  /** All that may be next, in the order of the market lists. */
  list(): readonly T[];
  /** Lets one happen. @returns above 0: how much of the rate it was, so that a beat always ends */
  step(one: T): number;
  /** Called once a beat while there is any. */
  beat?(nowMs: number): void;
}

/** Makes events happen at a steady rate over all that there is. */
export class Pulse<T> {
  readonly #what: Beaten<T>;
  readonly #random: Random;
  readonly #exponent: number;
  #all: readonly T[] = [];
  #pick: (random: Random) => number = () => 0;
  #stale = true;
  #owed = 0;
  #last = performance.now();
  readonly #timer: Timer;

  /**
   * @param perS events in one second over all; may be set anew at any time
   * @param exponent 0 spreads them evenly, 1 by Zipf's law
   */
  constructor(
    what: Beaten<T>,
    random: Random,
    public perS: number,
    exponent: number,
  ) {
    this.#what = what;
    this.#random = random;
    this.#exponent = exponent;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  /** The list is another now. */
  changed(): void {
    this.#stale = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    const passed = Math.min(CATCH_UP_MS, now - this.#last);
    this.#last = now;
    if (this.#stale) this.#rebuild();
    if (this.#all.length === 0) return;
    this.#owed += (passed * this.perS) / 1000;
    while (this.#owed >= 1 && !this.#stale) {
      const one = this.#all[this.#pick(this.#random)];
      if (one === undefined) return;
      this.#owed -= this.#what.step(one);
    }
    this.#what.beat?.(now);
  }

  #rebuild(): void {
    this.#stale = false;
    this.#all = this.#what.list();
    this.#pick = weightedPick(this.#all.length, this.#exponent);
  }
}

import { type Random, weightedPick } from './random.ts';
import type { Feed, SimExchange } from './sim-exchange.ts';

const BEAT_MS = 4;
/** What is owed after a pause of the process is made up for this long, then forgotten. */
const CATCH_UP_MS = 1000;

/** Makes events happen at a steady rate over all codes that were ever subscribed. */
export class Pulse {
  #feeds: Feed[] = [];
  #pick: (random: Random) => number = () => 0;
  #stale = true;
  #owed = 0;
  #last = performance.now();
  readonly #timer: Timer;

  /**
   * @param rowsPerS rows in one second over all exchanges, codes and types, as one subscriber of each would get them
   * @param exponent 0 spreads them evenly, 1 by Zipf's law in the order of the market lists
   */
  constructor(
    readonly exchanges: readonly SimExchange[],
    readonly random: Random,
    public rowsPerS: number,
    readonly exponent: number,
  ) {
    for (const exchange of exchanges) {
      exchange.onFeeds = () => {
        this.#stale = true;
      };
    }
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    const passed = Math.min(CATCH_UP_MS, now - this.#last);
    this.#last = now;
    if (this.#stale) this.#rebuild();
    if (this.#feeds.length === 0) return;
    this.#owed += (passed * this.rowsPerS) / 1000;
    while (this.#owed >= 1 && !this.#stale) {
      const feed = this.#feeds[this.#pick(this.random)];
      if (!feed) return;
      this.#owed -= feed.exchange.happen(feed.type, feed.symbol);
    }
  }

  #rebuild(): void {
    this.#stale = false;
    this.#feeds = this.exchanges.flatMap(({ feeds }) => feeds).sort((a, b) => a.nth - b.nth);
    this.#pick = weightedPick(this.#feeds.length, this.exponent);
  }
}

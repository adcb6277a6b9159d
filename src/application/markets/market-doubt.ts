import type { Listing } from '../../core/exchange.ts';

/** A list that lacks more than this share of what was listed before, and more than one market, is doubted. */
const SHRINK_SHARE = 0.2;
/** Before it is believed, it has to be read so often, and over so long, in ms. */
const READS = 4;
const SPAN_MS = 30 * 60_000;

/** What to take for the market list, and what is doubtful about it. */
export interface Believed {
  readonly listings: readonly Listing[];
  /** Why the list that was read is not taken as it is; null where it is. */
  readonly doubt: string | null;
}

/**
 * Holds a market list against the one before. An exchange does not drop a fifth of its markets from one list to the
 * next: such a list is half an answer. It adds what it has and takes nothing away until reads over half an hour agree.
 */
export class MarketDoubt {
  #believed: readonly Listing[] = [];
  #doubted: { readonly sinceMs: number; reads: number } | null = null;

  /** What an earlier life, or another collector, believed. */
  remember(listings: readonly Listing[]): void {
    if (this.#believed.length === 0) this.#believed = listings;
  }

  /** @param nowMs monotonic */
  judge(fresh: readonly Listing[], nowMs: number): Believed {
    const listed = new Set(fresh.map(({ symbol }) => symbol));
    const missing = this.#believed.filter(({ symbol }) => !listed.has(symbol));
    if (missing.length > 1 && missing.length > this.#believed.length * SHRINK_SHARE) {
      this.#doubted ??= { sinceMs: nowMs, reads: 0 };
      this.#doubted.reads++;
      const { reads, sinceMs } = this.#doubted;
      if (reads < READS || nowMs - sinceMs < SPAN_MS) {
        const doubt = `${missing.length} of ${this.#believed.length} markets are missing from the list: they are kept until it has said so for half an hour`;
        return { listings: [...fresh, ...missing], doubt };
      }
    }
    this.#doubted = null;
    this.#believed = fresh;
    return { listings: fresh, doubt: null };
  }
}

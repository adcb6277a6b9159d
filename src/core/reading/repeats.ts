import { Seen } from './seen.ts';

/** Repeats come close to a restart: this many trades of a market are remembered. */
export const REMEMBERED = 4096;

/** The reader's rule about repeats: a trade whose exchange, symbol and id came before is passed over. */
export class Repeats {
  readonly #markets = new Map<string, Seen>();

  /** @param market exchange and symbol @returns whether the trade comes for the first time */
  isNew(market: string, tradeId: string): boolean {
    let seen = this.#markets.get(market);
    if (!seen) {
      seen = new Seen(REMEMBERED);
      this.#markets.set(market, seen);
    }
    return seen.add(tradeId);
  }
}

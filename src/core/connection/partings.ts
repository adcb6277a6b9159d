import type { Market, Micros } from '../market/market.ts';

/** A code that is not wanted any more, since when, and whether it was ever received for certain. */
export interface Parting {
  readonly market: Market;
  readonly at: Micros;
  readonly certain: boolean;
  /**
   * Ids of the sockets that had it where we had taken leave of all of them: what was sent from then on, until it was not
   * wanted any more, came over none.
   */
  readonly left: ReadonlySet<number>;
}

/** Codes that were wanted until a moment ago, as long as something of them may be on its way. */
export class Partings {
  readonly #all = new Map<string, Parting>();

  add(parting: Parting): void {
    this.#all.set(parting.market.symbol, parting);
  }

  /** The code is wanted again. @returns what is known of its parting; null where that is over */
  take(symbol: string): Parting | null {
    const parting = this.#all.get(symbol) ?? null;
    this.#all.delete(symbol);
    return parting;
  }

  /** Everything that was sent until then has been read. */
  over(until: Micros): void {
    for (const [symbol, { at }] of this.#all) if (at <= until) this.#all.delete(symbol);
  }

  /** Those of which something was lost that was sent after `from`. Each is given once. */
  since(from: Micros): Parting[] {
    const lost = [...this.#all.values()].filter(({ at }) => at > from);
    for (const { market } of lost) this.#all.delete(market.symbol);
    return lost;
  }

  /** Those of which this socket, which has ended, brought nothing that was sent between our leave and theirs. */
  leftBy(socket: number, until: Micros): Parting[] {
    return [...this.#all.values()].filter(({ at, left }) => at > until && left.has(socket));
  }
}

import type { Exchange } from '../exchange.ts';
import type { Market, RequestType } from '../market/market.ts';
import { Lane } from './lane.ts';

/** The lanes of one stream, made as codes appear. */
export class Lanes {
  readonly #lanes = new Map<Market, Lane>();
  readonly #dedupes: boolean;
  readonly #watches: boolean;

  constructor(type: RequestType, tradeIds: Exchange['tradeIds']) {
    this.#dedupes = type === 'trade';
    this.#watches = type === 'trade' && tradeIds === 'consecutive';
  }

  of(market: Market): Lane {
    const known = this.#lanes.get(market);
    if (known) return known;
    const lane = new Lane(market, this.#dedupes, this.#watches);
    this.#lanes.set(market, lane);
    return lane;
  }

  all(): IterableIterator<Lane> {
    return this.#lanes.values();
  }

  /** Forgets codes that are no longer wanted and have nothing left to write. */
  retain(wanted: (market: Market) => boolean): void {
    for (const [market, lane] of this.#lanes) {
      if (lane.waiting.length === 0 && !wanted(market)) this.#lanes.delete(market);
    }
  }
}

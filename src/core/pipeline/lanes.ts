import type { Exchange } from '../exchange.ts';
import type { Market, RequestType } from '../market/market.ts';
import { Lane } from './lane.ts';
import type { RememberedIds } from './remembered-ids.ts';
import { SeenIds } from './seen-ids.ts';

/** The lanes of one stream, made as codes appear. */
export class Lanes {
  readonly #lanes = new Map<Market, Lane>();
  readonly #named = new Map<string, Lane>();
  readonly #remembered: RememberedIds;
  readonly #dedupes: boolean;
  readonly #watches: boolean;
  #wanted: (market: Market) => boolean = () => true;
  /** There may be lanes of codes that are not wanted. */
  #leaving = false;

  constructor(type: RequestType, tradeIds: Exchange['tradeIds'], remembered: RememberedIds) {
    this.#dedupes = type === 'trade';
    this.#watches = type === 'trade' && tradeIds === 'consecutive';
    this.#remembered = remembered;
  }

  of(market: Market): Lane {
    const there = this.#lanes.get(market);
    if (there) return there;
    const known = this.#dedupes ? this.#remembered.recall(market.symbol) : undefined;
    const seen = this.#dedupes ? (known?.seen ?? new SeenIds()) : null;
    const lane = new Lane(market, seen, this.#watches, known?.fetched);
    this.#lanes.set(market, lane);
    this.#named.set(market.symbol, lane);
    if (!this.#wanted(market)) this.#leaving = true;
    return lane;
  }

  /** The lane of a symbol, where there is one. */
  named(symbol: string): Lane | undefined {
    return this.#named.get(symbol);
  }

  all(): IterableIterator<Lane> {
    return this.#lanes.values();
  }

  /** Forgets codes that are no longer wanted, each as soon as it has no rows on their way; their ids are remembered. */
  retain(wanted: (market: Market) => boolean, nowMs: number): void {
    this.#wanted = wanted;
    this.#leaving = true;
    this.look(nowMs);
  }

  /** To be called again and again: forgets what could not be forgotten at first. */
  look(nowMs: number): void {
    if (!this.#leaving) return;
    this.#leaving = false;
    for (const lane of this.#lanes.values()) {
      if (this.#wanted(lane.market)) continue;
      if (lane.busy) this.#leaving = true;
      else this.#forget(lane, nowMs);
    }
  }

  /** The stream has ended. */
  end(nowMs: number): void {
    for (const lane of this.#lanes.values()) this.#forget(lane, nowMs);
  }

  #forget(lane: Lane, nowMs: number): void {
    const { market, seen, fetched } = lane;
    this.#lanes.delete(market);
    if (this.#named.get(market.symbol) === lane) this.#named.delete(market.symbol);
    if (seen) this.#remembered.keep(market.symbol, { seen, fetched }, nowMs);
  }
}

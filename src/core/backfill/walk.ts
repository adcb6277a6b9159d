import type { Micros } from '../market/market.ts';
import type { Trade } from '../market/rows.ts';
import type { PastTrades, TradeRows } from '../past-trades.ts';
import { byIds } from './by-ids.ts';
import { byTime, byValue } from './by-time.ts';
import type { Found, KnownHole } from './known-hole.ts';

/**
 * The way through the pages of a REST interface that hold a hole. It may be walked again, by the same hole with more
 * known of it: what was found stays found, since an exchange forgets, and a replica of it lags.
 */
export class Walk {
  readonly #past: PastTrades;
  #hole: KnownHole;
  readonly #byId = new Map<string, Trade>();
  /** Ids of the pages since the first, and of earlier walks that share a trade with them: nothing lies between. */
  #chain = new Set<string>();
  #broken: Set<string>[] = [];
  #asked = new Set<string>();
  #url: string | null;
  #found: Found | null = null;

  constructor(past: PastTrades, hole: KnownHole, now: Micros) {
    this.#past = past;
    this.#hole = hole;
    this.#url = past.first(hole, now);
  }

  /** Address to be asked next; null where the way has ended. */
  get url(): string | null {
    return this.#url;
  }

  get hole(): KnownHole {
    return this.#hole;
  }

  /** Trades that were read, those beside the hole included. */
  get size(): number {
    return this.#byId.size;
  }

  /** Begins anew with the first page. */
  again(hole: KnownHole, now: Micros): void {
    this.#hole = hole;
    this.#found = null;
    this.#broken.push(this.#chain);
    this.#chain = new Set();
    this.#asked = new Set();
    this.#url = this.#past.first(hole, now);
  }

  /** The page behind `url` was read. */
  take(page: TradeRows, now: Micros): void {
    const url = this.#url;
    if (url === null) return;
    this.#asked.add(url);
    for (const trade of page.trades) {
      this.#byId.set(trade.trade_id, trade);
      this.#chain.add(trade.trade_id);
    }
    this.#join(page);
    this.#found = null;
    const { complete, reachesBefore, reachesAfter } = this.found();
    const over = complete || (reachesBefore && reachesAfter && this.#past.proof === 'time');
    const next = over ? null : this.#past.next(this.#hole, page, url, now);
    // The way must lead on: an address that was asked before would be asked for ever.
    this.#url = next !== null && this.#asked.has(next) ? null : next;
  }

  /** What all pages together hold. */
  found(): Found {
    this.#found ??= this.#look();
    return this.#found;
  }

  #join({ trades }: TradeRows): void {
    this.#broken = this.#broken.filter((chain) => {
      if (!trades.some(({ trade_id }) => chain.has(trade_id))) return true;
      for (const id of chain) this.#chain.add(id);
      return false;
    });
  }

  #look(): Found {
    const { proof, otherIds } = this.#past;
    if (proof === 'time') return (otherIds ? byValue : byTime)(this.#hole, this.#byId.values(), this.#chain);
    const numbered = new Map<number, Trade>();
    for (const trade of this.#byId.values()) {
      const id = Number(trade.trade_id);
      if (Number.isSafeInteger(id)) numbered.set(id, trade);
    }
    return byIds(this.#hole, numbered);
  }
}

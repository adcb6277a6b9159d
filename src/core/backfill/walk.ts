import type { Micros } from '../market/market.ts';
import type { Trade } from '../market/rows.ts';
import type { PastTrades, TradeRows } from '../past-trades.ts';
import { byIds } from './by-ids.ts';
import { byTime, byValue } from './by-time.ts';
import { type Found, inOrder, type KnownHole } from './known-hole.ts';

/** Trades of one market that were read without a seam: none lies between them that is not among them. */
export type Chain = readonly Trade[];

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
  /** 1 where pages begin with the newest trade, −1 where they end with it. */
  #newestFirst = 1;
  /** Trades that were read before it began. */
  readonly #earlier: number;

  /** @param earlier what was read on other ways through holes of this market, long enough after it happened */
  constructor(past: PastTrades, hole: KnownHole, now: Micros, earlier: readonly Chain[] = []) {
    this.#past = past;
    this.#hole = hole;
    this.#url = past.first(hole, now);
    for (const trades of earlier) {
      this.#order(trades);
      for (const trade of trades) this.#byId.set(trade.trade_id, trade);
      this.#broken.push(new Set(trades.map(({ trade_id }) => trade_id)));
    }
    this.#earlier = this.#byId.size;
    this.#beginIn([...this.#broken], now);
  }

  /** Address to be asked next; null where the way has ended. */
  get url(): string | null {
    return this.#url;
  }

  get hole(): KnownHole {
    return this.#hole;
  }

  /** Trades that were read on this way, those beside the hole included. */
  get size(): number {
    return this.#byId.size - this.#earlier;
  }

  /** What was read without a seam from the last page on, until then; in the order of the pages. */
  chained(until: Micros): Chain {
    return this.#chained().filter(({ timestamp }) => timestamp <= until);
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
    this.#order(page.trades);
    this.#goOn(this.#join(page.trades) ? { ...page, trades: this.#chained() } : page, url, now);
  }

  /** What all pages together hold. */
  found(): Found {
    this.#found ??= this.#look();
    return this.#found;
  }

  /** A way that begins where another one has been needs no page of it. */
  #beginIn(chains: readonly Set<string>[], now: Micros): void {
    const first = this.#url;
    for (const chain of first === null ? [] : chains) {
      this.#chain = new Set(chain);
      this.#found = null;
      if (!this.found().complete && !this.#spansTheBeginning()) continue;
      this.#broken = this.#broken.filter((one) => one !== chain);
      this.#join(this.#chained());
      this.#goOn({ trades: this.#chained(), rejected: [], cursor: null }, first as string, now);
      if (this.#url !== null || this.found().complete) return;
      this.#broken.push(this.#chain);
      this.#url = first;
    }
    this.#chain = new Set();
    this.#found = null;
  }

  /** Whether the chain goes across the side of the hole on which pages begin. */
  #spansTheBeginning(): boolean {
    const { before, after } = this.#hole;
    const at = (this.#newestFirst > 0 ? after : before)?.timestamp ?? Number.NaN;
    const times = this.#chained().map(({ timestamp }) => timestamp);
    return times.some((time) => time < at) && times.some((time) => time > at);
  }

  #goOn(page: TradeRows, url: string, now: Micros): void {
    this.#found = null;
    const { complete, reachesBefore, reachesAfter } = this.found();
    const over = complete || (reachesBefore && reachesAfter && this.#past.proof === 'time');
    const next = over ? null : this.#past.next(this.#hole, page, url, now);
    // The way must lead on: an address that was asked before would be asked for ever.
    this.#url = next !== null && this.#asked.has(next) ? null : next;
  }

  #chained(): Trade[] {
    const trades = Array.from(this.#chain, (id) => this.#byId.get(id) as Trade);
    return trades.sort((one, other) => this.#newestFirst * inOrder(other, one));
  }

  #order(trades: readonly Trade[]): void {
    const [first] = trades;
    const last = trades.at(-1);
    if (first && last && first !== last) this.#newestFirst = Math.sign(inOrder(first, last));
  }

  /** @returns whether these lead into what was read on another way */
  #join(trades: readonly Trade[]): boolean {
    const { length } = this.#broken;
    this.#broken = this.#broken.filter((chain) => {
      if (!trades.some(({ trade_id }) => chain.has(trade_id))) return true;
      for (const id of chain) this.#chain.add(id);
      return false;
    });
    return this.#broken.length < length;
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

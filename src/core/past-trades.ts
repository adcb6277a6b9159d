import type { Market, Micros } from './market/market.ts';
import type { Trade } from './market/rows.ts';

/** A trade that is known, beside a hole. */
export interface Neighbour {
  /** Every digit as the socket sent it. */
  readonly trade_id: string;
  /** Exchange event time. */
  readonly timestamp: Micros;
  /** Trades that it merges; 0: nobody has said how many. */
  readonly fills: number;
  readonly price: number;
  readonly volume: number;
  readonly side: Trade['side'];
}

/** Trades of one market that were not received: what lies between two that were. */
export interface TradeHole {
  readonly market: Market;
  /** The last one before it; null where none is known, and `from` is all that there is. */
  readonly before: Neighbour | null;
  /** The first one after it; null where none is known yet, and `to` is all that there is. */
  readonly after: Neighbour | null;
  /** Exchange time from which trades may be missing, and until which. */
  readonly from: Micros;
  readonly to: Micros;
}

/** Trades that a REST interface answered with. */
export interface TradeRows {
  /** Rows with stream_type BACKFILL, in the order of the answer. */
  readonly trades: readonly Trade[];
  /** Elements that are no trade, each with its reason. */
  readonly rejected: readonly { readonly reason: string; readonly row: number }[];
  /** Where the next page begins, as the answer says it; null where it says nothing of its own. */
  readonly cursor: string | null;
}

/** The exchange did not answer the question, whatever the HTTP status was. */
export interface TradeRefusal {
  readonly refused: string;
  /** `later`: too fast, or not now; `never`: no such market, or a question that it does not understand. */
  readonly again: 'later' | 'never';
}

/** One answer of a REST interface to a question for trades. */
export type TradePage = TradeRows | TradeRefusal;

/** How the trades of the past are fetched from an exchange. Data and pure functions. */
export interface PastTrades {
  /**
   * What shows that nothing is missing: `ids`, consecutive ones that all are there; `time`, pages without a seam between
   * them from a trade that is known to another.
   */
  readonly proof: 'ids' | 'time';
  /** How far back the exchange goes: newest rows, or ms; null: all the way. */
  readonly reach: { readonly rows: number } | { readonly ms: number } | null;
  /** What a request weighs in `limits.rest`. */
  readonly weight: number;
  /** The ids are not those of the socket: trades are the same where time, price, volume and side are. */
  readonly otherIds?: true;
  /**
   * Address of the first page.
   * @param now for exchanges that count days back from today
   */
  first(hole: TradeHole, now: Micros): string;
  /** Reads an answer. Never throws for what it holds. */
  read(text: string, market: Market, receivedAt: Micros): TradePage;
  /**
   * Address of the page behind one that was read, on the way through the hole; null where the exchange has none, the hole
   * lies behind, or the way leads no further. It may hold rows of the page before, and may be empty without being the last.
   * @param asked the address of that page
   */
  next(hole: TradeHole, page: TradeRows, asked: string, now: Micros): string | null;
}

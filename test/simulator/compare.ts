import type { Ledger, Row } from './ledger.ts';

/** A trade as it was read from Kafka, or from anywhere behind the collector; times are epoch microseconds. */
export interface ReadTrade {
  readonly symbol: string;
  readonly trade_id: string;
  readonly timestamp: number;
  readonly price: number;
  readonly volume: number;
  readonly side: string;
}

export interface Differences {
  /** Sent on an open subscription and not read. */
  readonly missing: Row[];
  /** Read and never sent. */
  readonly foreign: ReadTrade[];
  /** Read again. */
  readonly repeated: ReadTrade[];
  /** Read behind a later trade of the same code. */
  readonly disordered: ReadTrade[];
  /** Read with another price, volume, side or time than sent. */
  readonly altered: ReadTrade[];
}

/** What was read, in its order, against what the exchange sent on open subscriptions, as a set and per code in order. */
export function compareTrades(ledger: Ledger, exchange: string, read: Iterable<ReadTrade>): Differences {
  const sent = new Map(ledger.trades(exchange).map((row) => [`${row.symbol} ${row.id}`, row]));
  const seen = new Set<string>();
  const last = new Map<string, string>();
  const foreign: ReadTrade[] = [];
  const repeated: ReadTrade[] = [];
  const disordered: ReadTrade[] = [];
  const altered: ReadTrade[] = [];
  for (const trade of read) {
    const { symbol, trade_id } = trade;
    const key = `${symbol} ${trade_id}`;
    const row = sent.get(key);
    if (!row) foreign.push(trade);
    else if (seen.has(key)) repeated.push(trade);
    else if (!same(row, trade)) altered.push(trade);
    if (isBehind(trade_id, last.get(symbol))) disordered.push(trade);
    else last.set(symbol, trade_id);
    seen.add(key);
  }
  const missing = [...sent].flatMap(([key, row]) => (seen.has(key) ? [] : [row]));
  return { missing, foreign, repeated, disordered, altered };
}

function same(row: Row, trade: ReadTrade): boolean {
  return (
    row.price === trade.price &&
    row.size === trade.volume &&
    row.side === trade.side &&
    row.timeMs === Math.floor(trade.timestamp / 1000)
  );
}

/** Ids of all exchanges rise per code here, as digit strings. */
function isBehind(id: string, before: string | undefined): boolean {
  return before !== undefined && (id.length < before.length || (id.length === before.length && id < before));
}

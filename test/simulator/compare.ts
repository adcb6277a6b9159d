import type { Ledger, Row } from './ledger.ts';
import type { PastTrade } from './rest/service.ts';

/** A trade as it was read from Kafka, or from anywhere behind the collector; times are epoch microseconds. */
export interface ReadTrade {
  readonly symbol: string;
  readonly trade_id: string;
  readonly timestamp: number;
  readonly price: number;
  readonly volume: number;
  readonly side: string;
  readonly stream_type?: string;
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

/**
 * What was read, in its order, against what the exchange sent on open subscriptions, as a set and per code in order.
 * Trades that were fetched afterwards are not of them.
 */
export function compareTrades(ledger: Ledger, exchange: string, read: Iterable<ReadTrade>): Differences {
  const sent = new Map(ledger.trades(exchange).map((row) => [`${row.symbol} ${row.id}`, row]));
  const seen = new Set<string>();
  const last = new Map<string, string>();
  const foreign: ReadTrade[] = [];
  const repeated: ReadTrade[] = [];
  const disordered: ReadTrade[] = [];
  const altered: ReadTrade[] = [];
  for (const trade of read) {
    const { symbol, trade_id, stream_type } = trade;
    if (stream_type === 'BACKFILL') continue;
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

export interface PastDifferences {
  /** Happened, and no row that was read holds it. */
  readonly missing: PastTrade[];
  /** Read, and it never happened. */
  readonly foreign: ReadTrade[];
  /** Read, and something that it holds was read before, live or filled. */
  readonly repeated: ReadTrade[];
  /** Read with another price, volume, side or time than it happened with. */
  readonly altered: ReadTrade[];
}

/**
 * What was read of one code, live rows and rows from REST alike, against what happened on it, as a set.
 * @param truth of `Ledger.past`: with all of a merged row, or none of it
 */
export function comparePast(truth: readonly PastTrade[], read: Iterable<ReadTrade>): PastDifferences {
  const live = Map.groupBy(truth, ({ socketId }) => socketId);
  const single = new Map(truth.map((row) => [row.id, [row]]));
  const held = new Set<PastTrade>();
  const foreign: ReadTrade[] = [];
  const repeated: ReadTrade[] = [];
  const altered: ReadTrade[] = [];
  for (const trade of read) {
    const group = live.get(trade.trade_id);
    // A merged row has the id of its last fill.
    const merged = group?.[0]?.socketSize === trade.volume;
    const rows = merged ? group : (single.get(trade.trade_id) ?? group);
    const [first] = rows ?? [];
    if (!rows || !first) foreign.push(trade);
    else if (rows.some((row) => held.has(row))) repeated.push(trade);
    else if (!happened(first, merged ? first.socketSize : first.size, trade)) altered.push(trade);
    for (const row of rows ?? []) held.add(row);
  }
  return { missing: truth.filter((row) => !held.has(row)), foreign, repeated, altered };
}

function happened({ price, takerBuys, timeUs }: PastTrade, size: number, trade: ReadTrade): boolean {
  return (
    price === trade.price &&
    size === trade.volume &&
    (takerBuys ? 'BUY' : 'SELL') === trade.side &&
    timeUs === trade.timestamp
  );
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

import { ownCopy } from '../market/read-values.ts';
import type { Trade } from '../market/rows.ts';
import type { Neighbour, TradeHole } from '../past-trades.ts';
import type { IdRange } from './id-ranges.ts';

/** A hole in the trades of a market, with what is known inside it. */
export interface KnownHole extends TradeHole {
  /** Trades between its ends that were received all the same. */
  readonly known: readonly Neighbour[];
  /** Whether a trade was received before the hole began, as far as that is remembered; left out: nothing is. */
  readonly seen?: ((id: string) => boolean) | undefined;
}

/** What is left of a hole: between two trades, or in consecutive ids. */
export interface Rest {
  readonly hole: TradeHole;
  readonly ids: IdRange | null;
}

/** What the pages that were read so far hold of a hole. */
export interface Found {
  /** Trades of the hole that were not received, in order. */
  readonly rows: readonly Trade[];
  /** Nothing of the hole is missing, and this shows it. */
  readonly complete: boolean;
  /** The pages reach the trade before the hole, or an older one. */
  readonly reachesBefore: boolean;
  /** They reach the trade after the hole, or a newer one. */
  readonly reachesAfter: boolean;
  /** What is still missing, as far as is known; empty where it is complete. */
  readonly rest: readonly Rest[];
}

/** What is kept of a trade that stands beside a hole. */
export function neighbourOf({ trade_id, timestamp, fills, price, volume, side }: Trade): Neighbour {
  return { trade_id: ownCopy(trade_id), timestamp, fills, price, volume, side };
}

/** A trade that is known by its id alone. */
export function idNeighbour(id: number, timestamp: number): Neighbour {
  return { trade_id: String(id), timestamp, fills: 1, price: 0, volume: 0, side: 'UNKNOWN' };
}

/** −1, 0 or 1: which of two ids comes first, where both are numbers; their texts' order where one is not. */
export function compareIds(one: string, other: string): number {
  const { length } = one;
  if (length !== other.length && DIGITS.test(one) && DIGITS.test(other))
    return length < other.length ? -1 : 1;
  // Of one length, numbers have the order of their texts: nearly all do, and of a burst every trade is asked, twice.
  if (length === other.length) {
    for (let at = 0; at < length; at++) {
      const by = one.charCodeAt(at) - other.charCodeAt(at);
      if (by !== 0) return by < 0 ? -1 : 1;
    }
    return 0;
  }
  return one < other ? -1 : 1;
}

/** What a trade is known by where its ids differ between REST and socket: equal for the same trade, of either way. */
export function sameness({
  timestamp,
  price,
  volume,
  side,
}: Pick<Neighbour, 'timestamp' | 'price' | 'volume' | 'side'>): string {
  return `${Math.floor(timestamp / 1000)} ${price} ${volume} ${side}`;
}

/** By exchange time, those of one moment by their ids. */
export function inOrder(
  one: Pick<Trade, 'timestamp' | 'trade_id'>,
  other: Pick<Trade, 'timestamp' | 'trade_id'>,
): number {
  return one.timestamp - other.timestamp || compareIds(one.trade_id, other.trade_id);
}

const DIGITS = /^[1-9]\d*$/;

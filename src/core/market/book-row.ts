import type { Levels } from './levels.ts';
import type { Market, Micros } from './market.ts';
import type { Orderbook, StreamType } from './rows.ts';

/** What an exchange says of a book; what it does not have is null. */
export interface BookFacts {
  readonly market: Market;
  readonly timestamp: Micros;
  readonly received_at: Micros;
  /** `REALTIME` unless given. */
  readonly stream_type?: StreamType;
  readonly type: 'SNAPSHOT' | 'DELTA';
  readonly bids: Levels;
  readonly asks: Levels;
  readonly sequence?: number | null;
  readonly prev_sequence?: number | null;
  readonly depth?: number | null;
  readonly checksum?: number | null;
}

/** A row of an order book. */
export function bookRow(facts: BookFacts): Orderbook {
  return {
    kind: 'orderbook',
    market: facts.market,
    timestamp: facts.timestamp,
    received_at: facts.received_at,
    stream_type: facts.stream_type ?? 'REALTIME',
    type: facts.type,
    bids: facts.bids,
    asks: facts.asks,
    sequence: facts.sequence ?? null,
    prev_sequence: facts.prev_sequence ?? null,
    depth: facts.depth ?? null,
    checksum: facts.checksum ?? null,
    checksum_ok: null,
  };
}

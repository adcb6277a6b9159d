import type { Levels } from './levels.ts';
import type { Market, Micros, RequestType } from './market.ts';

/**
 * `SNAPSHOT` is what the exchange sends as the state at subscription, `KEYFRAME` an order book out of our own hand,
 * `BACKFILL` a trade that was fetched afterwards; everything else is `REALTIME`.
 */
export type StreamType = 'SNAPSHOT' | 'REALTIME' | 'BACKFILL' | 'KEYFRAME';

/** The taker's side. */
export type Side = 'BUY' | 'SELL' | 'UNKNOWN';

/** Fields that every row has. Field names from here on are those of the Avro records and of NDJSON output. */
interface RowBase {
  readonly market: Market;
  /** Exchange event time; the receive time only where the exchange sends none. */
  readonly timestamp: Micros;
  /** Our clock when the frame arrived. */
  readonly received_at: Micros;
  readonly stream_type: StreamType;
}

/** Rolling summary of a market. What is not sent and cannot be derived exactly is null. */
export interface Ticker extends RowBase {
  readonly kind: 'ticker';
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  /** Last traded price. */
  readonly close: number;
  /** Base units, rolling 24 h where the exchange has it. */
  readonly volume: number | null;
  /** Quote units, rolling 24 h where the exchange has it. */
  readonly quote_volume: number | null;
  /** Only where the exchange sends a previous close. */
  readonly prev_close: number | null;
  readonly change_price: number | null;
  /** A fraction: 0.0123 is +1.23 %. */
  readonly change_rate: number | null;
  readonly bid: number | null;
  readonly bid_size: number | null;
  readonly ask: number | null;
  readonly ask_size: number | null;
}

/** One execution. */
export interface Trade extends RowBase {
  readonly kind: 'trade';
  /** Every digit as the exchange sent it. */
  readonly trade_id: string;
  /** How many of the exchange's consecutive ids this row stands for, `trade_id` being the last; 1 but for merged fills. */
  readonly fills: number;
  readonly price: number;
  /** Base units, above 0. */
  readonly volume: number;
  /** price × volume. */
  readonly amount: number;
  readonly side: Side;
}

/** An order book, or what has changed of one. */
export interface Orderbook extends RowBase {
  readonly kind: 'orderbook';
  /** `SNAPSHOT`: the whole book as far as the exchange shows it. `DELTA`: the levels that have changed. */
  readonly type: 'SNAPSHOT' | 'DELTA';
  readonly bids: Levels;
  readonly asks: Levels;
  /** The exchange's number of the state that this row leads to. */
  readonly sequence: number | null;
  /** The sequence that this row follows, where the exchange links its rows; null on snapshots. */
  readonly prev_sequence: number | null;
  /** Levels a side that the exchange keeps without sending removals of what falls out; else null. */
  readonly depth: number | null;
  /** Over the book after this row, where it comes in the row's own frame. */
  readonly checksum: number | null;
  /** Whether it fits; null where it is not checked. */
  readonly checksum_ok: boolean | null;
}

export type Row = Ticker | Trade | Orderbook;

export const TICKER_FIELDS = [
  'timestamp',
  'received_at',
  'stream_type',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'quote_volume',
  'prev_close',
  'change_price',
  'change_rate',
  'bid',
  'bid_size',
  'ask',
  'ask_size',
] as const satisfies readonly (keyof Ticker)[];

export const TRADE_FIELDS = [
  'timestamp',
  'received_at',
  'stream_type',
  'trade_id',
  'price',
  'volume',
  'amount',
  'side',
] as const satisfies readonly (keyof Trade)[];

export const ORDERBOOK_FIELDS = [
  'timestamp',
  'received_at',
  'stream_type',
  'type',
  'bids',
  'asks',
  'sequence',
  'prev_sequence',
  'depth',
  'checksum',
  'checksum_ok',
] as const satisfies readonly (keyof Orderbook)[];

/** The fields of each type's rows, in the order in which they are written. */
export const FIELDS: Readonly<Record<RequestType, readonly string[]>> = {
  ticker: TICKER_FIELDS,
  trade: TRADE_FIELDS,
  orderbook: ORDERBOOK_FIELDS,
};

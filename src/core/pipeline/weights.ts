import type { RequestType } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { PackedRows } from '../ports.ts';

/** What a row of one type weighs, in bytes; of order books its levels count too. */
interface Weight {
  /** Until it is packed, or Kafka acknowledged it: the object with its strings, and its encoded form; as measured, with room for JSON. */
  readonly row: number;
  /** In a message, at most about. */
  readonly wire: number;
  /** Either, of each level. */
  readonly level: number;
  /** Share of the byte budget above which streams of the type stop reading. */
  readonly stopAt: number;
}

/**
 * Load is shed in this order: a book heals by its next snapshot, a ticker by the next one, a lost trade is lost.
 */
export const WEIGHTS: Readonly<Record<RequestType, Weight>> = {
  orderbook: { row: 700, wire: 100, level: 48, stopAt: 0.75 },
  ticker: { row: 700, wire: 320, level: 0, stopAt: 0.85 },
  trade: { row: 500, wire: 200, level: 0, stopAt: 1 },
};

/** The least of the marks: from there on load is shed. */
export const FIRST_STOP_AT = Math.min(...Object.values(WEIGHTS).map(({ stopAt }) => stopAt));

/** What a message weighs beside its rows: itself, its key and headers, its promise, its place in the queues. */
export const MESSAGE_COST = 1500;

/** What a row weighs in the budget. */
export function rowCost(row: Row): number {
  const { row: own, level } = WEIGHTS[row.kind];
  return own + level * levelsOf(row);
}

/** Of packed rows: their bytes where they wait and in librdkafka's hands, and their times. */
const PACKED_COPIES = 2;
const PACKED_TIMES = 64;

/** What packed rows weigh in the budget. */
export function packedCost({ length, byteLength }: Pick<PackedRows, 'length' | 'byteLength'>): number {
  return PACKED_COPIES * byteLength + PACKED_TIMES * length;
}

/** What rows of one type weigh. */
export function costOf(rows: readonly Row[]): number {
  const [first] = rows;
  if (!first) return 0;
  if (first.kind !== 'orderbook') return rows.length * WEIGHTS[first.kind].row;
  return rows.reduce((sum, row) => sum + rowCost(row), 0);
}

/** What a row takes in a message, at most about. */
export function wireBytes(row: Row): number {
  const { wire, level } = WEIGHTS[row.kind];
  return wire + level * levelsOf(row);
}

function levelsOf(row: Row): number {
  return row.kind === 'orderbook' ? (row.bids.length + row.asks.length) / 2 : 0;
}

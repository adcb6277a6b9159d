import { plainRow } from '../../core/market/plain-row.ts';
import type { Row } from '../../core/market/rows.ts';
import type { Batch } from '../../core/ports.ts';

/** Milliseconds since the epoch out of microseconds. */
const MICROS_PER_MS = 1000;

/**
 * The value of a data message: identity once, then the rows. The rows are the core's own objects; the Avro codec
 * takes the schema's fields out of them.
 * @param nowMicros when the message is built
 */
export function batchValue(batch: Batch, rows: readonly Row[], nowMicros: number): object {
  return messageOf(batch, rows.length, rows, nowMicros);
}

/** The same without its rows, for who has their bytes. */
export function emptyBatchValue(batch: Batch, count: number, nowMicros: number): object {
  return messageOf(batch, count, NO_ROWS, nowMicros);
}

/** The same with rows of exactly the schema's fields, for JSON. */
export function plainBatchValue(batch: Batch, rows: readonly Row[], nowMicros: number): object {
  return messageOf(
    batch,
    rows.length,
    rows.map((row) => plainRow(row)),
    nowMicros,
  );
}

const NO_ROWS: readonly Row[] = [];

function messageOf(batch: Batch, count: number, data: readonly object[], nowMicros: number): object {
  const { market } = batch;
  return {
    ticket_id: crypto.randomUUID(),
    exchange: batch.exchange,
    region: batch.region,
    request_type: batch.requestType,
    symbol: market.symbol,
    base: market.base,
    quote: market.quote,
    code: market.code,
    timestamp_ms: Math.floor(nowMicros / MICROS_PER_MS),
    batch_size: count,
    data,
  };
}

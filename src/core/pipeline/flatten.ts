import type { ExchangeId, Region } from '../market/market.ts';
import { type PlainRow, plainRow } from '../market/plain-row.ts';
import type { Row } from '../market/rows.ts';

/** A row as NDJSON has it: request type and identity first, then the row's own fields. */
export type FlatRow = PlainRow;

/** Keys are in a fixed order, every field is there, null included. */
export function flatten(row: Row, exchange: ExchangeId, region: Region): FlatRow {
  const { symbol, base, quote, code } = row.market;
  return plainRow(row, { request_type: row.kind, exchange, region, symbol, base, quote, code });
}

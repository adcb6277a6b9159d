import type { ExchangeId, Region } from '../market/market.ts';
import { type Row, TICKER_FIELDS, TRADE_FIELDS } from '../market/rows.ts';

/** A row as NDJSON has it: request type and identity first, then the row's own fields. */
export type FlatRow = Record<string, string | number | null>;

/** Keys are in a fixed order, every field is there, null included. */
export function flatten(row: Row, exchange: ExchangeId, region: Region): FlatRow {
  const { symbol, base, quote, code } = row.market;
  const flat: FlatRow = { request_type: row.kind, exchange, region, symbol, base, quote, code };
  if (row.kind === 'ticker') for (const field of TICKER_FIELDS) flat[field] = row[field];
  else for (const field of TRADE_FIELDS) flat[field] = row[field];
  return flat;
}

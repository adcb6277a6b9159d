import type { DataValue } from './audit.ts';
import type { EventValue } from './gap-records.ts';
import type { MinutesValue } from './minutes.ts';

/** Topics hold whatever anybody wrote there: what is looked at is looked at once, here. */

/** A batch of rows with an identity and times. */
export function isData(value: unknown): value is DataValue {
  const { exchange, region, request_type, symbol, code, ticket_id, data } = fieldsOf(value);
  const named = [exchange, region, request_type, symbol, code, ticket_id].every(
    (one) => typeof one === 'string',
  );
  return named && Array.isArray(data) && data.every(isRow);
}

function isRow(row: unknown): boolean {
  const { timestamp, received_at, stream_type, trade_id } = fieldsOf(row);
  const known = typeof stream_type === 'string' && (trade_id === undefined || typeof trade_id === 'string');
  return known && Number.isFinite(timestamp) && Number.isFinite(received_at);
}

/** Minutes of one stream. */
export function isMinutes(value: unknown): value is MinutesValue {
  const { exchange, region, request_type, batch } = fieldsOf(value);
  const named = [exchange, region, request_type].every((one) => typeof one === 'string');
  const { ticket_id, items } = fieldsOf(batch);
  return named && typeof ticket_id === 'string' && Array.isArray(items) && items.every(isMinute);
}

function isMinute(item: unknown): boolean {
  const { minute_start_ts_kst, total_processed, total_acknowledged } = fieldsOf(item);
  return [minute_start_ts_kst, total_processed, total_acknowledged].every((one) => Number.isFinite(one));
}

/** An event; a gap in it has times, a cause and codes. */
export function isEvent(value: unknown): value is EventValue {
  if (value === null || typeof value !== 'object') return false;
  const { gap } = fieldsOf(value);
  if (gap === null || gap === undefined) return true;
  const { from, to, cause, codes } = fieldsOf(gap);
  const times = Number.isFinite(from) && (to === null || Number.isFinite(to));
  return times && typeof cause === 'string' && Array.isArray(codes);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
}

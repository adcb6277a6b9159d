import type { Row } from '../../src/core/market/rows.ts';

const BASE = ['kind', 'market', 'timestamp', 'received_at', 'stream_type'];
const PRICES = ['open', 'high', 'low', 'volume', 'quote_volume', 'prev_close', 'change_price', 'change_rate'];
const BEST = ['bid', 'bid_size', 'ask', 'ask_size'];
const TICKER = [...BASE, ...PRICES, 'close', ...BEST].sort();
const TRADE = [...BASE, 'trade_id', 'fills', 'price', 'volume', 'amount', 'side'].sort();

/**
 * What of a row is not of its type, field by field: a second opinion beside the product's own validation.
 * @returns null where all is
 */
export function wrongType(row: Row, receivedAt: number): string | null {
  const record = row as unknown as Record<string, unknown>;
  const keys = Object.keys(row).sort().join();
  if (keys !== (row.kind === 'ticker' ? TICKER : TRADE).join()) return `fields are ${keys}`;
  const { symbol, base, quote, code } = row.market;
  for (const name of [symbol, base, quote, code])
    if (typeof name !== 'string' || name === '') return 'market';
  if (code !== `${quote}-${base}` || code !== code.toUpperCase()) return `code ${code}`;
  if (!Number.isSafeInteger(row.timestamp) || row.timestamp <= 0) return `timestamp ${row.timestamp}`;
  if (row.received_at !== receivedAt) return `received_at ${row.received_at}`;
  if (row.stream_type !== 'SNAPSHOT' && row.stream_type !== 'REALTIME')
    return `stream_type ${row.stream_type}`;
  const required = row.kind === 'ticker' ? ['close'] : ['price', 'volume', 'amount'];
  for (const field of required) if (!isNumber(record[field])) return `${field} ${record[field]}`;
  if (row.kind === 'ticker') {
    for (const field of [...PRICES, ...BEST]) {
      if (record[field] !== null && !isNumber(record[field])) return `${field} ${record[field]}`;
    }
    return null;
  }
  if (row.price <= 0 || row.volume <= 0 || row.amount !== row.price * row.volume)
    return 'price, volume, amount';
  if (typeof row.trade_id !== 'string' || row.trade_id === '') return `trade_id ${row.trade_id}`;
  if (!Number.isSafeInteger(row.fills) || row.fills < 1) return `fills ${row.fills}`;
  return row.side === 'BUY' || row.side === 'SELL' || row.side === 'UNKNOWN' ? null : `side ${row.side}`;
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

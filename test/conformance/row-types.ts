import type { Orderbook, Row } from '../../src/core/market/rows.ts';

const BASE = ['kind', 'market', 'timestamp', 'received_at', 'stream_type'];
const PRICES = ['open', 'high', 'low', 'volume', 'quote_volume', 'prev_close', 'change_price', 'change_rate'];
const BEST = ['bid', 'bid_size', 'ask', 'ask_size'];
const TICKER = [...BASE, ...PRICES, 'close', ...BEST].sort();
const BOOK_NUMBERS = ['sequence', 'prev_sequence', 'depth', 'checksum'];
const BOOK = [...BASE, 'type', 'bids', 'asks', ...BOOK_NUMBERS, 'checksum_ok'].sort();
/** Of what a session reads. */
const LIVE: readonly string[] = ['SNAPSHOT', 'REALTIME'];
const TRADE = [...BASE, 'trade_id', 'fills', 'price', 'volume', 'amount', 'side'].sort();

/**
 * What of a row is not of its type, field by field: a second opinion beside the product's own validation.
 * @returns null where all is
 */
export function wrongType(row: Row, receivedAt: number, streamTypes = LIVE): string | null {
  const record = row as unknown as Record<string, unknown>;
  const keys = Object.keys(row).sort().join();
  const wanted = { ticker: TICKER, trade: TRADE, orderbook: BOOK }[row.kind];
  if (keys !== wanted.join()) return `fields are ${keys}`;
  const { symbol, base, quote, code } = row.market;
  for (const name of [symbol, base, quote, code])
    if (typeof name !== 'string' || name === '') return 'market';
  if (code !== `${quote}-${base}` || code !== code.toUpperCase()) return `code ${code}`;
  if (!Number.isSafeInteger(row.timestamp) || row.timestamp <= 0) return `timestamp ${row.timestamp}`;
  if (row.received_at !== receivedAt) return `received_at ${row.received_at}`;
  if (!streamTypes.includes(row.stream_type)) return `stream_type ${row.stream_type}`;
  if (row.kind === 'orderbook') return wrongBook(row);
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

function wrongBook(row: Orderbook): string | null {
  const record = row as unknown as Record<string, unknown>;
  if (row.type !== 'SNAPSHOT' && row.type !== 'DELTA') return `type ${row.type}`;
  for (const field of BOOK_NUMBERS)
    if (record[field] !== null && !Number.isSafeInteger(record[field])) return `${field} ${record[field]}`;
  if (row.type === 'SNAPSHOT' && row.prev_sequence !== null) return `prev_sequence ${row.prev_sequence}`;
  if (row.depth !== null && row.depth < 1) return `depth ${row.depth}`;
  if (row.checksum_ok !== null && (typeof row.checksum_ok !== 'boolean' || row.checksum === null))
    return `checksum_ok ${row.checksum_ok}`;
  for (const [side, sign] of [
    [row.bids, -1],
    [row.asks, 1],
  ] as const) {
    if (!(side instanceof Float64Array) || side.length % 2 !== 0) return 'a side is no list of levels';
    for (let at = 0; at < side.length; at += 2) {
      const [price = Number.NaN, size = Number.NaN] = [side[at], side[at + 1]];
      if (!(isNumber(price) && price > 0 && isNumber(size) && size >= 0)) return `level ${price} ${size}`;
      if (at > 0 && sign * (price - (side[at - 2] as number)) < 0)
        return `level ${price} before a better one`;
    }
  }
  return null;
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

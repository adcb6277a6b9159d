import { type Levels, levelsFlaw } from './levels.ts';
import type { Orderbook, Row, Ticker, Trade } from './rows.ts';

/** Optional numbers of a ticker: null, or finite. */
const OPTIONAL = [
  'open',
  'high',
  'low',
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

/**
 * The one gate between plug-ins and data topics: a plug-in hands on NaN for whatever it could not read, and the row
 * stops here.
 * @returns null for a sound row, else what is wrong with it, naming the field.
 */
export function flaw(row: Row): string | null {
  if (!validTime(row.timestamp)) return `timestamp is not a time: ${row.timestamp}`;
  if (!validTime(row.received_at)) return `received_at is not a time: ${row.received_at}`;
  if (row.kind === 'ticker') return tickerFlaw(row);
  return row.kind === 'trade' ? tradeFlaw(row) : orderbookFlaw(row);
}

/** Sides that were looked at last and have no flaw. Nobody changes them: a book asks right before the gate does. */
let soundBids: Levels | null = null;
let soundAsks: Levels | null = null;

function tickerFlaw(row: Ticker): string | null {
  if (!(row.close >= 0) || row.close === Number.POSITIVE_INFINITY)
    return `close is not a price: ${row.close}`;
  const sound =
    isOptional(row.open) &&
    isOptional(row.high) &&
    isOptional(row.low) &&
    isOptional(row.volume) &&
    isOptional(row.quote_volume) &&
    isOptional(row.prev_close) &&
    isOptional(row.change_price) &&
    isOptional(row.change_rate) &&
    isOptional(row.bid) &&
    isOptional(row.bid_size) &&
    isOptional(row.ask) &&
    isOptional(row.ask_size);
  return sound ? null : optionalFlaw(row);
}

function optionalFlaw(row: Ticker): string | null {
  const field = OPTIONAL.find((name) => !isOptional(row[name]));
  return field === undefined ? null : `${field} is not a number: ${row[field]}`;
}

function isOptional(value: number | null): boolean {
  return value === null || Number.isFinite(value);
}

function tradeFlaw(row: Trade): string | null {
  if (!(row.price > 0) || row.price === Number.POSITIVE_INFINITY) return `price is not a price: ${row.price}`;
  if (!(row.volume > 0) || row.volume === Number.POSITIVE_INFINITY)
    return `volume is not above 0: ${row.volume}`;
  if (!Number.isFinite(row.amount)) return `amount is not a number: ${row.amount}`;
  if (row.trade_id === '') return 'trade_id is missing';
  return null;
}

/** Whole numbers of an order book: null, or one that a double holds exactly. */
const WHOLE = [
  'sequence',
  'prev_sequence',
  'depth',
  'checksum',
] as const satisfies readonly (keyof Orderbook)[];

function orderbookFlaw(row: Orderbook): string | null {
  const { sequence, prev_sequence, depth, checksum } = row;
  if (!(isWhole(sequence) && isWhole(prev_sequence) && isWhole(depth) && isWhole(checksum)))
    return wholeFlaw(row);
  const { bids, asks } = row;
  if (bids === soundBids && asks === soundAsks) return null;
  const wrong = levelsFlaw(bids, 'bids') ?? levelsFlaw(asks, 'asks');
  soundBids = wrong === null ? bids : null;
  soundAsks = wrong === null ? asks : null;
  return wrong;
}

function isWhole(value: number | null): boolean {
  return value === null || Number.isSafeInteger(value);
}

function wholeFlaw(row: Orderbook): string | null {
  const field = WHOLE.find((name) => !isWhole(row[name]));
  return field === undefined ? null : `${field} is not a whole number: ${row[field]}`;
}

/** Times are whole microseconds that a double holds exactly. */
function validTime(micros: number): boolean {
  return Number.isSafeInteger(micros) && micros > 0;
}

import type { Emit, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { objectLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cut, type Markets } from '../src/core/market/markets.ts';
import {
  changeOf,
  exactDigits,
  inside,
  isObject,
  type JsonObject,
  number,
  optionalNumber,
  rateOf,
  saying,
  sideOf,
  timeOf,
} from '../src/core/market/read-values.ts';
import type { StreamType, Trade } from '../src/core/market/rows.ts';
import { DIGITS, NUMBER, rowsOf, type Scanner, scanner, UNREAD, WORD } from '../src/core/market/scan.ts';
import { tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { daysBack, isLess, lowest, onward, reachesBack } from '../src/core/market/trade-walks.ts';
import { restBook } from '../src/core/rest-state.ts';

/** How far back trades are had. */
const DAYS = 7;

/**
 * Upbit, spot, Korea. https://docs.upbit.com/kr/reference/websocket-guide
 * Frames are binary with plain JSON. A request replaces the whole subscription of its socket; there is no ack and no
 * unsubscribe; an unknown code is ignored in silence; an error frame is followed by a close.
 */
export const upbit: Exchange = {
  id: 'upbit',
  name: 'Upbit',
  region: 'korea',
  docs: 'https://docs.upbit.com/kr/reference/websocket-guide',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://api.upbit.com/websocket/v1',
  hosts: ['api.upbit.com'],
  encoding: 'text',

  // https://docs.upbit.com/kr/reference/rate-limits: 5 opens a second; 5 messages a second and 100 a minute per socket.
  limits: {
    codesPerFrame: 1000,
    frameChars: null,
    codesPerSocket: 1000,
    sends: [
      { count: 5, perMs: 1000 },
      { count: 100, perMs: 60_000 },
    ],
    opens: [{ count: 5, perMs: 1000 }],
    // Half of the 10 a second that an address has.
    rest: [{ count: 5, perMs: 1000 }],
    sockets: null,
    lifetimeMs: null,
  },

  // Idle sockets are cut after 60 s (documented: 120 s); a protocol ping is the certain sign of life.
  heartbeat: { send: 'ping', everyMs: 15_000, deadAfterMs: 45_000 },
  confirms: 'data',
  subscribing: 'replace',
  // Documented as unique, order not guaranteed.
  tradeIds: 'unordered',

  markets: {
    urls: ['https://api.upbit.com/v1/market/all'],
    parse(bodies) {
      const [list] = bodies;
      if (!Array.isArray(list)) throw new Error('market/all is not an array');
      return list.flatMap((row: unknown) => {
        const symbol = isObject(row) && typeof row.market === 'string' ? row.market : '';
        const pair = split(symbol);
        return pair ? [{ symbol, ...pair }] : [];
      });
    },
    split,
  },

  // Every frame is a whole book: nothing to check, and a lost one heals with the next.
  orderbooks: { choices: ['30', '15', '5', '1'], start: () => 'whole', crossedMs: null },

  // Pages go back within one day of UTC; behind its first trade comes one with nothing older.
  pastTrades: {
    proof: 'time',
    reach: { ms: DAYS * 86_400_000 },
    weight: 1,
    // The first page is to hold the trade behind the hole: an answer without it is too old.
    first({ market, after }, now) {
      const id = after && /^\d{1,30}$/.test(after.trade_id) ? String(BigInt(after.trade_id) + 1n) : null;
      return ticks(market, id, after ? daysBack(after.timestamp, now) : 0);
    },
    next(hole, { trades }, asked, now) {
      const { market, before, from } = hole;
      const oldest = lowest(trades);
      const { searchParams } = new URL(asked);
      const cursor = searchParams.get('cursor');
      if (!oldest || (cursor !== null && !isLess(oldest.trade_id, cursor))) {
        const days = Number(searchParams.get('days_ago')) + 1;
        return days > Math.min(DAYS, daysBack(before?.timestamp ?? from, now))
          ? null
          : ticks(market, cursor, days);
      }
      if (reachesBack(hole, trades) || (before && !isLess(before.trade_id, oldest.trade_id))) return null;
      return onward(asked, ticks(market, oldest.trade_id, daysBack(oldest.timestamp, now)));
    },
    read: tradePage({
      list: (body) =>
        Array.isArray(body) ? body : saying(inside(body, 'error', 'name'), inside(body, 'error', 'message')),
      never: /^40[04]\b/,
      id: 'sequential_id',
      trade: (row, { market, receivedAt, id }) =>
        isObject(row) && row.market === market.symbol
          ? deal(row, row.timestamp, id, market, receivedAt, 'BACKFILL')
          : null,
    }),
  },

  restState: {
    price: {
      url: ({ symbol }) => `https://api.upbit.com/v1/ticker?markets=${symbol}`,
      read: (body) => number(inside(body, 0, 'trade_price')),
    },
    book: {
      url: ({ symbol }) => `https://api.upbit.com/v1/orderbook?markets=${symbol}`,
      read(body) {
        const units = inside(body, 0, 'orderbook_units');
        const bids = objectLevels(units, 'bids', 'bid_price', 'bid_size', number, priced);
        const asks = objectLevels(units, 'asks', 'ask_price', 'ask_size', number, priced);
        return restBook(bids, asks, { timestamp: timeOf(inside(body, 0, 'timestamp')) });
      },
    },
  },

  session: (type, markets, { book } = {}) => session(type, markets, book),
};

/** `KRW-BTC`: quote first. Bases may hold digits (`1INCH`); lower case is no code: the exchange ignores it in silence. */
function split(symbol: string): Pair | null {
  const parts = symbol === symbol.toUpperCase() ? cut(symbol, '-') : null;
  return parts && { quote: parts[0], base: parts[1] };
}

/** Frames as nearly all of them are spelled. */
const SCANNERS: Partial<Record<RequestType, Scanner>> = {
  ticker: scanner({
    type: 'ticker',
    code: WORD,
    ...{ opening_price: NUMBER, high_price: NUMBER, low_price: NUMBER, trade_price: NUMBER },
    ...{ prev_closing_price: NUMBER, acc_trade_price: UNREAD },
    ...{ change: UNREAD, change_price: UNREAD, signed_change_price: NUMBER },
    ...{ change_rate: UNREAD, signed_change_rate: NUMBER },
    ...{ ask_bid: UNREAD, trade_volume: UNREAD, acc_trade_volume: UNREAD },
    ...{ trade_date: UNREAD, trade_time: UNREAD, trade_timestamp: UNREAD },
    ...{ acc_ask_volume: UNREAD, acc_bid_volume: UNREAD },
    ...{ highest_52_week_price: UNREAD, highest_52_week_date: UNREAD },
    ...{ lowest_52_week_price: UNREAD, lowest_52_week_date: UNREAD },
    ...{ market_state: UNREAD, is_trading_suspended: UNREAD, delisting_date: UNREAD, market_warning: UNREAD },
    ...{ timestamp: NUMBER, acc_trade_price_24h: NUMBER, acc_trade_volume_24h: NUMBER },
    stream_type: WORD,
  }),
  trade: scanner({
    type: 'trade',
    code: WORD,
    ...{ timestamp: UNREAD, trade_date: UNREAD, trade_time: UNREAD, trade_timestamp: NUMBER },
    ...{ trade_price: NUMBER, trade_volume: NUMBER, ask_bid: WORD },
    ...{ prev_closing_price: UNREAD, change: UNREAD, change_price: UNREAD },
    sequential_id: DIGITS,
    ...{ best_ask_price: UNREAD, best_ask_size: UNREAD, best_bid_price: UNREAD, best_bid_size: UNREAD },
    stream_type: WORD,
  }),
  orderbook: scanner({
    type: 'orderbook',
    code: WORD,
    timestamp: NUMBER,
    total_ask_size: NUMBER,
    total_bid_size: NUMBER,
    orderbook_units: rowsOf({ ask_price: NUMBER, bid_price: NUMBER, ask_size: NUMBER, bid_size: NUMBER }),
    stream_type: WORD,
    level: NUMBER,
  }),
};

/** @param depth levels a side of order books; 30 unless a code asks for fewer */
function session(type: RequestType, markets: Markets, depth = '30'): Session {
  const scan = SCANNERS[type];
  const suffix = type === 'orderbook' && depth !== '30' ? `.${depth}` : '';
  return {
    open: () => [],
    change: (want) => (want.length === 0 ? [] : [subscribe(type, want, suffix)]),
    read: (text, receivedAt, emit) => read(text, receivedAt, type, markets, emit),
    scanned: scan && {
      scan,
      read: (frame, receivedAt, emit) => data(frame, '', receivedAt, type, markets, emit),
    },
  };
}

function subscribe(type: RequestType, want: readonly Market[], suffix: string): string {
  const codes = want.map(({ symbol }) => symbol + suffix);
  return JSON.stringify([{ ticket: `kcs-${type}` }, { type, codes }, { format: 'DEFAULT' }]);
}

function read(text: string, receivedAt: Micros, type: RequestType, markets: Markets, emit: Emit): void {
  const frame = parseObject(text);
  if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
  if (frame.type === type) return data(frame, text, receivedAt, type, markets, emit);
  const { error } = frame;
  if (isObject(error)) {
    return emit({ kind: 'refused', symbols: [], reason: saying(error.name, error.message) });
  }
  if (frame.code !== undefined && typeof frame.type !== 'string') {
    return emit({ kind: 'reject', reason: 'type is not a word', row: null });
  }
  // {"status":"UP"} and whatever else is no market data.
  emit({ kind: 'alive' });
}

function data(
  frame: JsonObject,
  text: string,
  receivedAt: Micros,
  type: RequestType,
  markets: Markets,
  emit: Emit,
): void {
  const { code } = frame;
  const market = typeof code === 'string' ? markets.get(code) : undefined;
  if (!market) return emit({ kind: 'reject', reason: 'code is not a market', row: null });
  if (type === 'orderbook') return orderbook(frame, market, receivedAt, emit);
  return type === 'ticker'
    ? ticker(frame, market, receivedAt, emit)
    : trade(frame, text, market, receivedAt, emit);
}

function streamType(value: unknown): StreamType {
  return value === 'SNAPSHOT' ? 'SNAPSHOT' : 'REALTIME';
}

/**
 * https://docs.upbit.com/kr/reference/websocket-ticker
 * {"type":"ticker","code":"KRW-BTC","opening_price":31883000,"high_price":32310000,"low_price":31855000,
 *  "trade_price":32287000,"prev_closing_price":31883000.00000000,"acc_trade_price":78039261076.51241000,"change":"RISE",
 *  "change_price":404000.00000000,"signed_change_price":404000.00000000,"change_rate":0.0126713295,
 *  "signed_change_rate":0.0126713295,"ask_bid":"ASK","trade_volume":0.03103806,"acc_trade_volume":2429.58834336,
 *  "trade_timestamp":1676965262139,"timestamp":1676965262177,"acc_trade_price_24h":228827082483.70729000,
 *  "acc_trade_volume_24h":7158.80283560,"stream_type":"REALTIME"}
 * The acc_* figures without _24h count from 00:00 UTC; change_price and change_rate are unsigned.
 */
function ticker(frame: JsonObject, market: Market, receivedAt: Micros, emit: Emit): void {
  const close = number(frame.trade_price);
  const open = optionalNumber(frame.opening_price);
  const prevClose = optionalNumber(frame.prev_closing_price);
  const change = optionalNumber(frame.signed_change_price) ?? changeOf(close, prevClose, open);
  emit({
    kind: 'ticker',
    market,
    timestamp: timeOf(frame.timestamp),
    received_at: receivedAt,
    stream_type: streamType(frame.stream_type),
    open,
    high: optionalNumber(frame.high_price),
    low: optionalNumber(frame.low_price),
    close,
    volume: optionalNumber(frame.acc_trade_volume_24h),
    quote_volume: optionalNumber(frame.acc_trade_price_24h),
    prev_close: prevClose,
    change_price: change,
    change_rate: optionalNumber(frame.signed_change_rate) ?? rateOf(change, prevClose, open),
    bid: null,
    bid_size: null,
    ask: null,
    ask_size: null,
  });
}

/**
 * https://docs.upbit.com/kr/reference/websocket-trade
 * {"type":"trade","code":"KRW-BTC","timestamp":1788335180423,"trade_date":"2026-09-02","trade_time":"07:46:20",
 *  "trade_timestamp":1788335180377,"trade_price":106691000.00000000,"trade_volume":0.00009372,"ask_bid":"ASK",
 *  "prev_closing_price":107005000.00000000,"change":"FALL","change_price":314000.00000000,
 *  "sequential_id":17883351803770004,"stream_type":"SNAPSHOT"}
 * `timestamp` is when the frame was made; ask_bid is the taker's side; sequential_id exceeds 2^53.
 */
function trade(frame: JsonObject, text: string, market: Market, receivedAt: Micros, emit: Emit): void {
  const id = exactDigits(text, 'sequential_id', frame.sequential_id);
  emit(deal(frame, frame.trade_timestamp, id, market, receivedAt, streamType(frame.stream_type)));
}

/**
 * https://docs.upbit.com/kr/reference/list-pair-trades
 * [{"market":"KRW-BTC","trade_date_utc":"2026-07-30","trade_time_utc":"07:04:03","timestamp":1785395043779,
 *   "trade_price":91361000.0,"trade_volume":0.01275549,"prev_closing_price":91424000.0,"change_price":-63000.0,
 *   "ask_bid":"ASK","sequential_id":17853950437790001}]
 * is how the same come over REST, newest first; `timestamp` is that of the trade there.
 */
function deal(
  row: JsonObject,
  time: unknown,
  trade_id: string,
  market: Market,
  received_at: Micros,
  stream_type: StreamType,
): Trade {
  return tradeRow({
    market,
    timestamp: timeOf(time),
    received_at,
    stream_type,
    trade_id,
    price: number(row.trade_price),
    volume: number(row.trade_volume),
    side: sideOf(row.ask_bid, 'BID', 'ASK'),
  });
}

/** @param cursor id of which older ones are asked for, on that day alone */
function ticks({ symbol }: Market, cursor: string | null, daysAgo: number): string {
  const query = new URLSearchParams({ market: symbol, count: '500' });
  if (cursor !== null) query.set('cursor', cursor);
  if (daysAgo > 0) query.set('days_ago', String(daysAgo));
  return `https://api.upbit.com/v1/trades/ticks?${query}`;
}

/**
 * https://docs.upbit.com/kr/reference/websocket-orderbook
 * {"type":"orderbook","code":"KRW-BTC","timestamp":1790134742106,"total_ask_size":2.51469375,"total_bid_size":1.63815297,
 *  "orderbook_units":[{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.02054761,"bid_size":0.08120946}],
 *  "stream_type":"SNAPSHOT","level":0}
 * A thin side is filled up with levels of price 0. The first frame of a quiet book bears the time of its last change.
 */
function orderbook(frame: JsonObject, market: Market, received_at: Micros, emit: Emit): void {
  const units = frame.orderbook_units;
  emit(
    bookRow({
      market,
      timestamp: timeOf(frame.timestamp),
      received_at,
      stream_type: streamType(frame.stream_type),
      type: 'SNAPSHOT',
      bids: objectLevels(units, 'bids', 'bid_price', 'bid_size', number, priced),
      asks: objectLevels(units, 'asks', 'ask_price', 'ask_size', number, priced),
    }),
  );
}

function priced(price: number): boolean {
  return price !== 0;
}

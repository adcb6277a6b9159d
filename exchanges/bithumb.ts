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
import { tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { daysBack, lowest, onward, reachesBack } from '../src/core/market/trade-walks.ts';
import { restBook } from '../src/core/rest-state.ts';

/**
 * Bithumb, spot, Korea; the socket of API 2, not the older pubwss.bithumb.com. https://apidocs.bithumb.com/
 * Frames are binary with plain JSON. A request replaces the whole subscription of its socket; there is no ack and no
 * unsubscribe; an unknown code is ignored in silence; an error frame is followed by a close. The wire format is Upbit's;
 * each of the two has its own mapping, since the days that figures count from, ids and limits differ and change apart.
 */
export const bithumb: Exchange = {
  id: 'bithumb',
  name: 'Bithumb',
  region: 'korea',
  docs: 'https://apidocs.bithumb.com/',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://ws-api.bithumb.com/websocket/v1',
  hosts: ['ws-api.bithumb.com'],
  encoding: 'text',

  // 10 opens a second and address, else 429 and then 10 minutes of block. Nothing is published about messages and codes:
  // messages as Upbit allows them on the same protocol; 493 codes in one request were all served.
  limits: {
    codesPerFrame: 500,
    frameChars: null,
    codesPerSocket: 500,
    sends: [
      { count: 5, perMs: 1000 },
      { count: 100, perMs: 60_000 },
    ],
    opens: [{ count: 10, perMs: 1000 }],
    // Half of the 150 a second that an address has.
    rest: [{ count: 75, perMs: 1000 }],
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
    urls: ['https://api.bithumb.com/v1/market/all?isDetails=true'],
    parse(bodies) {
      // An error comes as HTTP 200 with an object. Rows marked CAUTION are tradable.
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
  orderbooks: { choices: ['15'], start: () => 'whole', crossedMs: null },

  // The ids over REST are milliseconds and a counter, those of the socket are of another space.
  pastTrades: {
    proof: 'time',
    reach: { ms: 7 * 86_400_000 },
    weight: 1,
    otherIds: true,
    first: ({ market, after }, now) => ticks(market, null, after?.timestamp ?? null, now),
    next(hole, { trades }, asked, now) {
      const oldest = lowest(trades);
      if (!oldest || reachesBack(hole, trades)) return null;
      return onward(asked, ticks(hole.market, oldest.trade_id, oldest.timestamp, now));
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
      url: ({ symbol }) => `https://api.bithumb.com/v1/ticker?markets=${symbol}`,
      read: (body) => number(inside(body, 0, 'trade_price')),
    },
    // The time of its ticker is nine hours ahead; those of its books are milliseconds of the socket's microseconds.
    book: {
      url: ({ symbol }) => `https://api.bithumb.com/v1/orderbook?markets=${symbol}`,
      read(body) {
        const units = inside(body, 0, 'orderbook_units');
        const bids = objectLevels(units, 'bids', 'bid_price', 'bid_size', number, offered);
        const asks = objectLevels(units, 'asks', 'ask_price', 'ask_size', number, offered);
        return restBook(bids, asks, { timestamp: timeOf(inside(body, 0, 'timestamp')) });
      },
    },
  },

  session: (type, markets) => session(type, markets),
};

/** `KRW-BTC`: quote first. Bases may hold digits (`USD1`); lower case is no code: the exchange ignores it in silence. */
function split(symbol: string): Pair | null {
  const parts = symbol === symbol.toUpperCase() ? cut(symbol, '-') : null;
  return parts && { quote: parts[0], base: parts[1] };
}

function session(type: RequestType, markets: Markets): Session {
  return {
    open: () => [],
    change: (want) => (want.length === 0 ? [] : [subscribe(type, want)]),
    read: (text, receivedAt, emit) => read(text, receivedAt, type, markets, emit),
  };
}

function subscribe(type: RequestType, want: readonly Market[]): string {
  const codes = want.map(({ symbol }) => symbol);
  return JSON.stringify([{ ticket: `kcs-${type}` }, { type, codes }, { format: 'DEFAULT' }]);
}

function read(text: string, receivedAt: Micros, type: RequestType, markets: Markets, emit: Emit): void {
  const frame = parseObject(text);
  if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
  if (frame.type === type) {
    const { code } = frame;
    const market = typeof code === 'string' ? markets.get(code) : undefined;
    if (!market) return emit({ kind: 'reject', reason: 'code is not a market', row: null });
    if (type === 'orderbook') return orderbook(frame, market, receivedAt, emit);
    return type === 'ticker'
      ? ticker(frame, market, receivedAt, emit)
      : trade(frame, text, market, receivedAt, emit);
  }
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

function streamType(value: unknown): StreamType {
  return value === 'SNAPSHOT' ? 'SNAPSHOT' : 'REALTIME';
}

/**
 * https://apidocs.bithumb.com/v2.1.5/reference/현재가-ticker
 * {"type":"ticker","code":"KRW-BTC","opening_price":94223000,"high_price":95465000,"low_price":93601000,
 *  "trade_price":95299000,"prev_closing_price":94201000,"change":"RISE","change_price":1098000,
 *  "signed_change_price":1098000,"change_rate":0.01165593,"signed_change_rate":0.01165593,"trade_volume":0.0094,
 *  "acc_trade_volume":151.44914647,"acc_trade_volume_24h":310.44065227,"acc_trade_price":14330306973.41015,
 *  "acc_trade_price_24h":29226371799.56915,"trade_date":"20260710","trade_time":"124548",
 *  "trade_timestamp":1783655148303,"timestamp":1783655148485,"stream_type":"REALTIME"}
 * The acc_* figures without _24h and open, high, low count from 00:00 KST; change_price and change_rate are unsigned.
 * `timestamp` is true Unix time here; only the REST ticker is nine hours ahead.
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
 * https://apidocs.bithumb.com/v2.1.5/reference/체결-trade
 * {"type":"trade","code":"KRW-BTC","trade_price":95539000,"trade_volume":0.00022664,"ask_bid":"ASK",
 *  "prev_closing_price":94201000,"change":"RISE","change_price":1338000,"trade_date":"2026-07-10",
 *  "trade_time":"13:39:41","trade_timestamp":1783658381138,"sequential_id":862683813820523888,
 *  "timestamp":1783658381398,"stream_type":"REALTIME"}
 * `timestamp` is when the frame was made; ask_bid is the taker's side; sequential_id has 18 digits, of which a double
 * keeps 15. It is read quoted as well: only its digits count.
 */
function trade(frame: JsonObject, text: string, market: Market, receivedAt: Micros, emit: Emit): void {
  const id = exactDigits(text, 'sequential_id', frame.sequential_id);
  emit(deal(frame, frame.trade_timestamp, id, market, receivedAt, streamType(frame.stream_type)));
}

/**
 * https://apidocs.bithumb.com/reference/최근-체결-내역
 * [{"market":"KRW-ETC","trade_date_utc":"2026-07-30","trade_time_utc":"07:47:41","timestamp":1785397661964,
 *   "trade_price":9620,"trade_volume":10.07,"prev_closing_price":9590,"change_price":30,"ask_bid":"BID",
 *   "sequential_id":17853976619640000}]
 * is how the same come over REST, newest first; `timestamp` is that of the trade there, true Unix time.
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

/** Seoul's time, which has no summer. */
const KST_HOURS = 9;

/**
 * @param cursor REST id of which older ones are asked for
 * @param until the last second that is asked for: `to` is the time of day in Seoul behind it, and `daysAgo` its day
 */
function ticks({ symbol }: Market, cursor: string | null, until: Micros | null, now: Micros): string {
  const query = new URLSearchParams({ market: symbol, count: '500' });
  if (cursor !== null) query.set('cursor', cursor);
  const end = until === null ? now : (Math.floor(until / 1_000_000) + 1) * 1_000_000;
  if (end < now) {
    const clock = new Date(end / 1000 + KST_HOURS * 3_600_000).toISOString();
    query.set('to', clock.slice(11, 19).replaceAll(':', ''));
    const days = daysBack(end, now, KST_HOURS);
    if (days > 0) query.set('daysAgo', String(days));
  }
  return `https://api.bithumb.com/v1/trades/ticks?${query}`;
}

/**
 * https://apidocs.bithumb.com/v2.1.5/reference/호가-orderbook
 * {"type":"orderbook","code":"KRW-ETH","total_ask_size":369.9832,"total_bid_size":287.0216,"orderbook_units":[
 *  {"ask_price":3715000,"bid_price":3714000,"ask_size":8.4592,"bid_size":3.012}],"level":1,
 *  "timestamp":1790133505546514,"stream_type":"SNAPSHOT"}
 * Microseconds here, unlike tickers and trades. A thin side is filled up with levels of price 0, and sizes are cut to
 * four decimals: what reads 0 is dust.
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
      bids: objectLevels(units, 'bids', 'bid_price', 'bid_size', number, offered),
      asks: objectLevels(units, 'asks', 'ask_price', 'ask_size', number, offered),
    }),
  );
}

function offered(price: number, size: number): boolean {
  return price !== 0 && size !== 0;
}

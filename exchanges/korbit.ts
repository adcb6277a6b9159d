import type { Emit, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { objectLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import type { Markets } from '../src/core/market/markets.ts';
import {
  changeOf,
  decimal,
  exactDigits,
  inside,
  isObject,
  type JsonObject,
  optionalDecimal,
  rateOf,
  saying,
  sideOf,
  timeOf,
  words,
} from '../src/core/market/read-values.ts';
import type { Orderbook, StreamType, Trade } from '../src/core/market/rows.ts';
import { tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { newestOnly } from '../src/core/market/trade-walks.ts';
import { restBook } from '../src/core/rest-state.ts';

/**
 * Korbit (Digital X since 2026), spot, Korea, KRW markets. https://docs.korbit.co.kr/
 * Frames are text. A frame with `status` is an answer, any other is data. Success is answered only where the request has
 * an id; failure always. One trade frame may hold several trades.
 */
export const korbit: Exchange = {
  id: 'korbit',
  name: 'Korbit',
  region: 'korea',
  docs: 'https://docs.korbit.co.kr/',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://ws-api.korbit.co.kr/v2/public',
  // The renamed company's host speaks the same protocol.
  hosts: ['ws-api.korbit.co.kr', 'ws-api.digitalx.miraeasset.com'],
  encoding: 'text',

  // Nothing is published: 193 symbols in one request, 14 requests and 14 opens in a row were all served.
  limits: {
    codesPerFrame: 100,
    frameChars: null,
    codesPerSocket: 200,
    sends: [{ count: 5, perMs: 1000 }],
    opens: [{ count: 2, perMs: 1000 }],
    // Half of the 50 a second that an address has.
    rest: [{ count: 25, perMs: 1000 }],
    sockets: null,
    lifetimeMs: null,
  },

  // The server pings every 30 s.
  heartbeat: { deadAfterMs: 90_000 },
  confirms: 'ack',
  subscribing: 'add',
  repeatable: true,
  // Rising per pair, with holes.
  tradeIds: 'increasing',

  markets: {
    urls: ['https://api.korbit.co.kr/v2/currencyPairs'],
    parse(bodies) {
      const [body] = bodies;
      if (!isObject(body) || body.success !== true || !Array.isArray(body.data)) {
        throw new Error('currencyPairs has no data array');
      }
      return body.data.flatMap((row: unknown) => {
        if (!isObject(row) || row.status !== 'launched' || typeof row.symbol !== 'string') return [];
        const pair = split(row.symbol);
        return pair ? [{ symbol: row.symbol, ...pair }] : [];
      });
    },
    split,
  },

  // Every frame is a whole book: nothing to check, and a lost one heals with the next.
  orderbooks: { choices: ['30'], start: () => 'whole', crossedMs: null },

  pastTrades: {
    proof: 'time',
    reach: { rows: 500 },
    weight: 1,
    ...newestOnly(
      ({ symbol }) => `https://api.korbit.co.kr/v2/trades?symbol=${encodeURIComponent(symbol)}&limit=500`,
    ),
    read: tradePage({
      list(body) {
        const data = inside(body, 'data');
        if (inside(body, 'success') === true && Array.isArray(data)) return data;
        return saying(inside(body, 'error', 'code'), inside(body, 'error', 'message'));
      },
      never: /INVALID/,
      id: 'tradeId',
      trade: (row, { market, receivedAt, id }) =>
        isObject(row) ? trade(row, id, market, receivedAt, 'BACKFILL') : null,
    }),
  },

  restState: {
    clock: { url: 'https://api.korbit.co.kr/v2/time', read: (body) => timeOf(inside(body, 'data', 'time')) },
    price: {
      url: ({ symbol }) => `https://api.korbit.co.kr/v2/tickers?symbol=${symbol}`,
      read: (body) => decimal(inside(body, 'data', 0, 'close')),
    },
    book: {
      url: ({ symbol }) => `https://api.korbit.co.kr/v2/orderbook?symbol=${symbol}`,
      read(body) {
        const book = inside(body, 'data');
        const bids = objectLevels(inside(book, 'bids'), 'bids', 'price', 'qty', decimal);
        const asks = objectLevels(inside(book, 'asks'), 'asks', 'price', 'qty', decimal);
        return restBook(bids, asks, { timestamp: timeOf(inside(book, 'timestamp')) });
      },
    },
  },

  session: (type, markets) => session(type, markets),
};

/** `btc_krw`: cut at the last `_`; lower case only, the exchange refuses `BTC_KRW`. Bases may hold digits (`1inch`). */
function split(symbol: string): Pair | null {
  const at = symbol.lastIndexOf('_');
  if (at <= 0 || at === symbol.length - 1 || symbol !== symbol.toLowerCase()) return null;
  return { base: symbol.slice(0, at).toUpperCase(), quote: symbol.slice(at + 1).toUpperCase() };
}

function session(type: RequestType, markets: Markets): Session {
  /** Symbols of each subscribe request that waits for its answer. */
  const asked = new Map<number, readonly string[]>();
  let lastId = 0;

  function subscribe(add: readonly Market[]): string {
    const symbols = add.map(({ symbol }) => symbol);
    asked.set(++lastId, symbols);
    return JSON.stringify([{ requestId: lastId, method: 'subscribe', type, symbols }]);
  }

  return {
    open: () => [],
    change: (_want, add, drop) => [
      ...(drop.length === 0 ? [] : [unsubscribe(type, drop)]),
      ...(add.length === 0 ? [] : [subscribe(add)]),
    ],
    read(text, receivedAt, emit) {
      const frame = parseObject(text);
      if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
      if (frame.status !== undefined) return answer(frame, asked, emit);
      read(frame, text, receivedAt, type, markets, emit);
    },
  };
}

/** Without an id: its success needs no answer. */
function unsubscribe(type: RequestType, drop: readonly Market[]): string {
  return JSON.stringify([{ method: 'unsubscribe', type, symbols: drop.map(({ symbol }) => symbol) }]);
}

/**
 * {"status":"success","requestId":1}
 * {"status":"fail","code":"INVALID_SYMBOL","message":"The symbol does not exist (nope_krw)","requestId":2}
 * Whether one bad symbol spoils its whole request is unknown; subscribing twice does no harm, so the others are asked
 * for again. A failure that names no symbol is one of the whole request.
 */
function answer(frame: JsonObject, asked: Map<number, readonly string[]>, emit: Emit): void {
  const id = typeof frame.requestId === 'number' ? frame.requestId : 0;
  const symbols = asked.get(id) ?? [];
  asked.delete(id);
  if (frame.status === 'success')
    return emit(symbols.length > 0 ? { kind: 'ack', symbols } : { kind: 'alive' });
  const message = words(frame.message);
  const reason = saying(frame.code, message);
  const named = symbols.filter((symbol) => message.includes(`(${symbol})`));
  if (named.length === 0) return emit({ kind: 'refused', symbols, reason });
  emit({ kind: 'refused', symbols: named, reason });
  for (const symbol of symbols) if (!named.includes(symbol)) emit({ kind: 'resync', symbol });
}

function read(
  frame: JsonObject,
  text: string,
  receivedAt: Micros,
  type: RequestType,
  markets: Markets,
  emit: Emit,
): void {
  if (frame.type !== type) {
    return typeof frame.type === 'string'
      ? emit({ kind: 'alive' })
      : emit({ kind: 'reject', reason: 'neither an answer nor data', row: null });
  }
  const { symbol, data } = frame;
  const market = typeof symbol === 'string' ? markets.get(symbol) : undefined;
  if (!market) return emit({ kind: 'reject', reason: 'symbol is not a market', row: null });
  const streamType = frame.snapshot === true ? 'SNAPSHOT' : 'REALTIME';
  if (type !== 'trade') {
    if (!isObject(data)) return emit({ kind: 'reject', reason: 'data is not an object', row: null });
    return type === 'ticker'
      ? ticker(frame, data, market, receivedAt, streamType, emit)
      : emit(orderbook(data, market, receivedAt, streamType));
  }
  if (!Array.isArray(data)) return emit({ kind: 'reject', reason: 'data is not an array', row: null });
  if (data.length === 0) return emit({ kind: 'alive' });
  const cursor = { at: 0 };
  for (let row = 0; row < data.length; row++) {
    const element: unknown = data[row];
    emit(
      isObject(element)
        ? trade(
            element,
            exactDigits(text, 'tradeId', element.tradeId, cursor),
            market,
            receivedAt,
            streamType,
          )
        : { kind: 'reject', reason: 'not an object', row },
      row,
    );
  }
}

/**
 * https://docs.korbit.co.kr/ (WebSocket, ticker)
 * {"type":"ticker","timestamp":1700000027754,"symbol":"btc_krw","snapshot":true,"data":{"open":"94679000",
 *  "high":"111162000","low":"93861000","close":"99027000","prevClose":"94679000","priceChange":"4348000",
 *  "priceChangePercent":"4.59","volume":"147.94385655","quoteVolume":"14311735005.18033","bestAskPrice":"99027000",
 *  "bestBidPrice":"99026000","lastTradedAt":1700000010022}}
 * All figures are of the last 24 h, prevClose of the 24 h before. `snapshot` is absent after the first frame.
 */
function ticker(
  frame: JsonObject,
  data: JsonObject,
  market: Market,
  receivedAt: Micros,
  streamType: StreamType,
  emit: Emit,
): void {
  const close = decimal(data.close);
  const open = optionalDecimal(data.open);
  const prevClose = optionalDecimal(data.prevClose);
  const change = optionalDecimal(data.priceChange) ?? changeOf(close, prevClose, open);
  const percent = optionalDecimal(data.priceChangePercent);
  emit({
    kind: 'ticker',
    market,
    timestamp: timeOf(frame.timestamp),
    received_at: receivedAt,
    stream_type: streamType,
    open,
    high: optionalDecimal(data.high),
    low: optionalDecimal(data.low),
    close,
    volume: optionalDecimal(data.volume),
    quote_volume: optionalDecimal(data.quoteVolume),
    prev_close: prevClose,
    change_price: change,
    change_rate: percent === null ? rateOf(change, prevClose, open) : percent / 100,
    bid: optionalDecimal(data.bestBidPrice),
    bid_size: null,
    ask: optionalDecimal(data.bestAskPrice),
    ask_size: null,
  });
}

/**
 * https://docs.korbit.co.kr/ (WebSocket, trade)
 * {"symbol":"btc_krw","timestamp":1700000005498,"type":"trade","snapshot":true,"data":[{"timestamp":1700000001239,
 *  "price":"98909000","qty":"0.00146702","isBuyerTaker":true,"tradeId":123456}]}
 * The outer timestamp is when the frame was sent. The elements of `data` are the same over REST, newest first:
 * {"success":true,"data":[{"timestamp":1708057271149,"price":"70507000","qty":"0.00981535","isBuyerTaker":false,
 *  "tradeId":1004}]}
 */
function trade(
  data: JsonObject,
  trade_id: string,
  market: Market,
  receivedAt: Micros,
  streamType: StreamType,
): Trade {
  return tradeRow({
    market,
    timestamp: timeOf(data.timestamp),
    received_at: receivedAt,
    stream_type: streamType,
    trade_id,
    price: decimal(data.price),
    volume: decimal(data.qty),
    side: sideOf(data.isBuyerTaker, true, false),
  });
}

/**
 * https://docs.korbit.co.kr/ (WebSocket, orderbook)
 * {"type":"orderbook","timestamp":1700000006177,"symbol":"btc_krw","snapshot":true,"data":{"timestamp":1700000000234,
 *  "asks":[{"price":"99131000","qty":"0.00456677"}],"bids":[{"price":"99120000","qty":"0.00363422"}]}}
 * The inner timestamp is when the book changed last, the outer one when the frame was sent. A stopped pair has no levels.
 */
function orderbook(
  data: JsonObject,
  market: Market,
  received_at: Micros,
  stream_type: StreamType,
): Orderbook {
  return bookRow({
    market,
    timestamp: timeOf(data.timestamp),
    received_at,
    stream_type,
    type: 'SNAPSHOT',
    bids: objectLevels(data.bids, 'bids', 'price', 'qty', decimal),
    asks: objectLevels(data.asks, 'asks', 'price', 'qty', decimal),
  });
}

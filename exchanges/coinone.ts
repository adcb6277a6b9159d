import type { Emit, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { objectLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cut, type Markets } from '../src/core/market/markets.ts';
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
} from '../src/core/market/read-values.ts';
import type { StreamType, Trade } from '../src/core/market/rows.ts';
import { tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { newestOnly } from '../src/core/market/trade-walks.ts';

const PING = '{"request_type":"PING"}';
/** An error comes 0 to 10 ms after the ack it takes back, at the exchange; microseconds. */
const TAKEN_BACK_WITHIN = 25_000;
const INVALID_TOPIC = 160012;

import { restBook } from '../src/core/rest-state.ts';

/**
 * Coinone, spot, Korea, KRW markets. https://docs.coinone.co.kr/
 * Frames are text. The server speaks first; every request names one market and is acked with the market as it was sent.
 * An ack proves little: an unknown market is acked as well, and the error that follows names none.
 */
export const coinone: Exchange = {
  id: 'coinone',
  name: 'Coinone',
  region: 'korea',
  docs: 'https://docs.coinone.co.kr/reference/public-websocket-1',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://stream.coinone.co.kr',
  hosts: ['stream.coinone.co.kr'],
  encoding: 'text',

  // 20 sockets an address, the next is closed with 4290. Nothing is published about messages, opens and topics: 363
  // requests within 4 ms were all acked and served on one socket. Requests are spaced so that an error, which names no
  // market, has come before the next ack.
  limits: {
    codesPerFrame: 1,
    frameChars: null,
    codesPerSocket: 300,
    sends: [{ count: 1, perMs: 40 }],
    opens: [{ count: 2, perMs: 1000 }],
    // Half of the 1200 a minute that an address has.
    rest: [{ count: 600, perMs: 60_000 }],
    sockets: 20,
    lifetimeMs: null,
  },

  // Only this text counts against the idle rule, protocol pings do not.
  heartbeat: { send: { text: PING }, everyMs: 20_000, deadAfterMs: 60_000 },
  confirms: 'ack',
  subscribing: 'add',
  // It is acked again, and the stream is not doubled.
  repeatable: true,
  // Milliseconds and a counter: rising, with holes.
  tradeIds: 'increasing',

  markets: {
    urls: ['https://api.coinone.co.kr/public/v2/markets/KRW'],
    parse(bodies) {
      const [body] = bodies;
      // An error comes as HTTP 200 with result "error".
      if (!isObject(body) || !Array.isArray(body.markets)) throw new Error('markets is not an array');
      return body.markets.filter(tradable).map((row) => {
        const { quote_currency: quote, target_currency: base } = row;
        return { symbol: symbolOf(quote, base), base, quote };
      });
    },
    split,
  },

  // Every frame is a whole book: nothing to check, and a lost one heals with the next.
  orderbooks: { choices: ['16'], start: () => 'whole', crossedMs: null },

  pastTrades: {
    proof: 'time',
    reach: { rows: 200 },
    weight: 1,
    ...newestOnly(({ quote, base }) => {
      const [of, what] = [quote, base].map(encodeURIComponent);
      return `https://api.coinone.co.kr/public/v2/trades/${of}/${what}?size=200`;
    }),
    read: tradePage({
      list: pastIn,
      // A size, a currency that is none.
      never: /^10[78]\b/,
      id: 'id',
      trade: (row, { market, receivedAt, id }) =>
        isObject(row) ? deal(row, id, market, receivedAt, 'BACKFILL') : null,
    }),
  },

  restState: {
    clock: {
      url: 'https://api.coinone.co.kr/public/v2/ticker_new/KRW/BTC',
      read: (body) => timeOf(inside(body, 'server_time')),
    },
    price: {
      url: ({ quote, base }) => `https://api.coinone.co.kr/public/v2/ticker_new/${quote}/${base}`,
      read: (body) => decimal(inside(body, 'tickers', 0, 'last')),
    },
    book: {
      url: ({ quote, base }) => `https://api.coinone.co.kr/public/v2/orderbook/${quote}/${base}?size=16`,
      read(body) {
        const bids = objectLevels(inside(body, 'bids'), 'bids', 'price', 'qty', decimal);
        const asks = objectLevels(inside(body, 'asks'), 'asks', 'price', 'qty', decimal);
        return restBook(bids, asks, { sequence: decimal(inside(body, 'id')) });
      },
    },
  },

  ban: (closeCode) =>
    closeCode === 4290 ? { forMs: 60_000, reason: 'more than 20 sockets from this address' } : null,

  session: (type, markets) => session(type, markets),
};

interface Topic {
  readonly quote_currency: string;
  readonly target_currency: string;
}

function tradable(row: unknown): row is Topic {
  return isTopic(row) && row.trade_status === 1 && row.maintenance_status === 0;
}

function isTopic(value: unknown): value is Topic & JsonObject {
  return isObject(value) && isCode(value.quote_currency) && isCode(value.target_currency);
}

function isCode(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** The wire has two fields and no symbol; `KRW-BTC` stands for them. */
function symbolOf(quote: string, target: string): string {
  return `${quote}-${target}`.toUpperCase();
}

/** Bases may hold digits (`1INCH`). */
function split(symbol: string): Pair | null {
  const parts = symbol === symbol.toUpperCase() ? cut(symbol, '-') : null;
  return parts && { quote: parts[0], base: parts[1] };
}

function session(type: RequestType, markets: Markets): Session {
  const channel = type.toUpperCase();
  const acks = new Acks();
  return {
    open: () => [],
    change: (_want, add, drop) => [
      ...drop.map((market) => request('UNSUBSCRIBE', channel, market)),
      ...add.map((market) => request('SUBSCRIBE', channel, market)),
    ],
    read(text, receivedAt, emit) {
      const frame = parseObject(text);
      if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
      if (frame.response_type === 'DATA' && frame.channel === channel) {
        return read(frame.data, text, receivedAt, channel, markets, emit);
      }
      control(frame, receivedAt, channel, markets, acks, emit);
    },
  };
}

function request(
  request_type: 'SUBSCRIBE' | 'UNSUBSCRIBE',
  channel: string,
  { quote, base }: Market,
): string {
  const topic: Topic = { quote_currency: quote, target_currency: base };
  return JSON.stringify({ request_type, channel, topic });
}

/**
 * Acks that an error may still take back. One is certain when a PONG came after the time for that, or a second PONG: the
 * exchange may be so near that a PONG overtakes the error, but PINGs are further apart than the error is late.
 */
class Acks {
  /** Acked symbols, when, and how many PONGs came since. */
  readonly #open = new Map<string, { at: Micros; pongs: number }>();
  /** Those acked before the PING that is not answered yet. */
  #pinged: string[] = [];

  acked(symbol: string, at: Micros, emit: Emit): void {
    this.#open.set(symbol, { at, pongs: 0 });
    if (this.#pinged.length === 0) return this.#ping(emit);
    emit({ kind: 'alive' });
  }

  pong(at: Micros, emit: Emit): void {
    const symbols = this.#pinged.filter((symbol) => this.#isCertain(symbol, at));
    for (const symbol of symbols) this.#open.delete(symbol);
    this.#pinged = [];
    emit(symbols.length > 0 ? { kind: 'ack', symbols } : { kind: 'alive' });
    if (this.#open.size > 0) this.#ping(emit);
  }

  /** One suspect is the culprit; several are asked for again, which brings the error again for one of them. */
  takenBack(at: Micros, reason: string, emit: Emit): void {
    const suspects = [...this.#open].filter(([, ack]) => at - ack.at <= TAKEN_BACK_WITHIN);
    const symbols = suspects.map(([symbol]) => symbol);
    for (const symbol of symbols) this.#open.delete(symbol);
    emit({ kind: 'refused', symbols: symbols.length === 1 ? symbols : [], reason });
    if (symbols.length > 1) for (const symbol of symbols) emit({ kind: 'resync', symbol });
  }

  #isCertain(symbol: string, at: Micros): boolean {
    const ack = this.#open.get(symbol);
    return ack !== undefined && (++ack.pongs > 1 || at - ack.at > TAKEN_BACK_WITHIN);
  }

  #ping(emit: Emit): void {
    this.#pinged = [...this.#open.keys()];
    emit({ kind: 'send', text: PING, instead: 'ping' });
  }
}

/**
 * {"response_type":"SUBSCRIBED","channel":"TICKER","data":{"quote_currency":"KRW","target_currency":"BTC"}}
 * {"response_type":"ERROR","error_code":160012,"message":"Invalid Topic"}
 * CONNECTED, UNSUBSCRIBED and other channels are signs of life.
 */
function control(
  frame: JsonObject,
  receivedAt: Micros,
  channel: string,
  markets: Markets,
  acks: Acks,
  emit: Emit,
): void {
  const { response_type: kind, error_code: code } = frame;
  if (kind === 'PONG') return acks.pong(receivedAt, emit);
  if (kind === 'ERROR') {
    const reason = saying(code, frame.message, frame.field);
    return code === INVALID_TOPIC
      ? acks.takenBack(receivedAt, reason, emit)
      : emit({ kind: 'refused', symbols: [], reason });
  }
  if (typeof kind !== 'string' || (kind === 'DATA' && typeof frame.channel !== 'string')) {
    return emit({ kind: 'reject', reason: 'response_type and channel are not words', row: null });
  }
  const ours = kind === 'SUBSCRIBED' && frame.channel === channel;
  const market = ours ? marketOf(frame.data, markets) : undefined;
  if (market) return acks.acked(market.symbol, receivedAt, emit);
  emit({ kind: 'alive' });
}

function marketOf(topic: unknown, markets: Markets): Market | undefined {
  return isTopic(topic) ? markets.get(symbolOf(topic.quote_currency, topic.target_currency)) : undefined;
}

function read(
  data: unknown,
  text: string,
  receivedAt: Micros,
  channel: string,
  markets: Markets,
  emit: Emit,
): void {
  const market = marketOf(data, markets);
  if (!isObject(data) || !market) return emit({ kind: 'reject', reason: 'data names no market', row: null });
  if (channel === 'ORDERBOOK') return orderbook(data, text, market, receivedAt, emit);
  return channel === 'TICKER'
    ? ticker(data, market, receivedAt, emit)
    : trade(data, text, market, receivedAt, emit);
}

/**
 * https://docs.coinone.co.kr/reference/public-websocket-ticker
 * {"response_type":"DATA","channel":"TICKER","data":{"quote_currency":"KRW","target_currency":"BTC",
 *  "timestamp":1790133796484,"quote_volume":"30947007404.5912","target_volume":"267.27610034","high":"116470000",
 *  "low":"115570000","first":"115650000","last":"116380000","volume_power":"0","ask_best_price":"116400000",
 *  "ask_best_qty":"0.00562817","bid_best_price":"116370000","bid_best_qty":"8.60554308","id":"1790133796484001",
 *  "yesterday_high":"117140000","yesterday_low":"114430000","yesterday_first":"117130000",
 *  "yesterday_last":"115640000","yesterday_quote_volume":"57912858642.8004",
 *  "yesterday_target_volume":"504.17975762"}}
 * first, high and low count from 00:00 UTC, the volumes are rolling 24 h. A best price is null where the side is empty;
 * yesterday_last is 0 where the market did not trade yesterday. There is no snapshot mark.
 */
function ticker(data: JsonObject, market: Market, receivedAt: Micros, emit: Emit): void {
  const close = decimal(data.last);
  const open = optionalDecimal(data.first);
  const yesterday = optionalDecimal(data.yesterday_last);
  const prevClose = yesterday === 0 ? null : yesterday;
  const change = changeOf(close, prevClose, open);
  emit({
    kind: 'ticker',
    market,
    timestamp: timeOf(data.timestamp),
    received_at: receivedAt,
    stream_type: 'REALTIME',
    open,
    high: optionalDecimal(data.high),
    low: optionalDecimal(data.low),
    close,
    volume: optionalDecimal(data.target_volume),
    quote_volume: optionalDecimal(data.quote_volume),
    prev_close: prevClose,
    change_price: change,
    change_rate: rateOf(change, prevClose, open),
    bid: optionalDecimal(data.bid_best_price),
    bid_size: optionalDecimal(data.bid_best_qty),
    ask: optionalDecimal(data.ask_best_price),
    ask_size: optionalDecimal(data.ask_best_qty),
  });
}

/**
 * https://docs.coinone.co.kr/reference/public-websocket-trade
 * {"response_type":"DATA","channel":"TRADE","data":{"quote_currency":"KRW","target_currency":"BTC",
 *  "id":"1790134177835001","timestamp":1790134177835,"price":"116460000","qty":"0.00483595","is_seller_maker":true}}
 * A seller who is the maker means that the taker bought: this trade printed at the best ask. The REST page words it the
 * other way round; the socket's own page and recorded frames decide.
 */
function trade(data: JsonObject, text: string, market: Market, receivedAt: Micros, emit: Emit): void {
  emit(deal(data, exactDigits(text, 'id', data.id), market, receivedAt, 'REALTIME'));
}

function deal(
  row: JsonObject,
  trade_id: string,
  market: Market,
  received_at: Micros,
  stream_type: StreamType,
): Trade {
  return tradeRow({
    market,
    timestamp: timeOf(row.timestamp),
    received_at,
    stream_type,
    trade_id,
    price: decimal(row.price),
    volume: decimal(row.qty),
    side: sideOf(row.is_seller_maker, true, false),
  });
}

/**
 * https://docs.coinone.co.kr/reference/recent-completed-orders
 * {"result":"success","error_code":"0","server_time":1701075315771,"quote_currency":"KRW","target_currency":"BTC",
 *  "transactions":[{"id":"1701075265708001","timestamp":1701075265708,"price":"50020000","qty":"0.00155177",
 *   "is_seller_maker":false}]}
 * Newest first.
 */
function pastIn(body: unknown, { symbol }: Market): readonly unknown[] | string {
  if (!isObject(body)) return '';
  const { result, error_code, error_msg, transactions: list } = body;
  if (result !== 'success') return saying(error_code, error_msg);
  const own = isTopic(body) && symbolOf(body.quote_currency, body.target_currency) === symbol;
  return own && Array.isArray(list) ? list : '';
}

/**
 * https://docs.coinone.co.kr/reference/public-websocket-orderbook
 * {"response_type":"DATA","channel":"ORDERBOOK","data":{"quote_currency":"KRW","target_currency":"XRP",
 *  "timestamp":1693560155038,"id":"1693560155038001","asks":[{"price":"687.6","qty":"85887.7396"},
 *  {"price":"687.5","qty":"47022.8803"}],"bids":[{"price":"687.4","qty":"6704.0994"},{"price":"687.3","qty":"4542.9611"}]}}
 * The asks come worst first. `id` rises, with holes.
 */
function orderbook(data: JsonObject, text: string, market: Market, received_at: Micros, emit: Emit): void {
  emit(
    bookRow({
      market,
      timestamp: timeOf(data.timestamp),
      received_at,
      type: 'SNAPSHOT',
      bids: objectLevels(data.bids, 'bids', 'price', 'qty', decimal),
      asks: objectLevels(data.asks, 'asks', 'price', 'qty', decimal),
      sequence: Number(exactDigits(text, 'id', data.id) || Number.NaN),
    }),
  );
}

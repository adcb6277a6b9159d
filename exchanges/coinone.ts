import type { Emit, Event, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cut, type Markets } from '../src/core/market/markets.ts';
import {
  changeOf,
  decimal,
  idOf,
  isObject,
  type JsonObject,
  optionalDecimal,
  rateOf,
  sideOf,
  timeOf,
  words,
} from '../src/core/market/read-values.ts';

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
  types: ['ticker', 'trade'],

  endpoint: () => 'wss://stream.coinone.co.kr',
  hosts: ['stream.coinone.co.kr'],
  encoding: 'text',

  // 20 sockets an address, the next is closed with 4290. Nothing is published about messages, opens and topics: 363
  // requests within 4 ms were all acked and served on one socket.
  limits: {
    codesPerFrame: 1,
    frameChars: null,
    codesPerSocket: 300,
    sends: [{ count: 50, perMs: 1000 }],
    opens: [{ count: 2, perMs: 1000 }],
    sockets: 20,
    lifetimeMs: null,
  },

  // Only this text counts against the idle rule, protocol pings do not.
  heartbeat: { send: { text: '{"request_type":"PING"}' }, everyMs: 20_000, deadAfterMs: 60_000 },
  confirms: 'ack',
  subscribing: 'add',
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
  return (
    isObject(value) && typeof value.quote_currency === 'string' && typeof value.target_currency === 'string'
  );
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
  return {
    open: () => [],
    change: (_want, add, drop) => [
      ...drop.map((market) => request('UNSUBSCRIBE', channel, market)),
      ...add.map((market) => request('SUBSCRIBE', channel, market)),
    ],
    read: (text, receivedAt, emit) => read(text, receivedAt, channel, markets, emit),
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

function read(text: string, receivedAt: Micros, channel: string, markets: Markets, emit: Emit): void {
  const frame = parseObject(text);
  if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
  if (frame.response_type !== 'DATA' || frame.channel !== channel) return emit(control(frame, channel));
  const { data } = frame;
  const market = isTopic(data) ? markets.get(symbolOf(data.quote_currency, data.target_currency)) : undefined;
  if (!isObject(data) || !market) return emit({ kind: 'reject', reason: 'data names no market', row: null });
  return channel === 'TICKER'
    ? ticker(data, market, receivedAt, emit)
    : trade(data, market, receivedAt, emit);
}

/**
 * {"response_type":"SUBSCRIBED","channel":"TICKER","data":{"quote_currency":"KRW","target_currency":"BTC"}}
 * {"response_type":"ERROR","error_code":160012,"message":"Invalid Topic"}
 * An error names no market. CONNECTED, PONG, UNSUBSCRIBED and other channels are signs of life.
 */
function control(frame: JsonObject, channel: string): Event {
  const { response_type: kind, data } = frame;
  if (kind === 'SUBSCRIBED' && frame.channel === channel && isTopic(data)) {
    return { kind: 'ack', symbols: [symbolOf(data.quote_currency, data.target_currency)] };
  }
  if (kind === 'ERROR') {
    return { kind: 'refused', symbols: [], reason: `${words(frame.error_code)}: ${words(frame.message)}` };
  }
  if (typeof kind !== 'string' || (kind === 'DATA' && typeof frame.channel !== 'string')) {
    return { kind: 'reject', reason: 'response_type and channel are not words', row: null };
  }
  return { kind: 'alive' };
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
function trade(data: JsonObject, market: Market, receivedAt: Micros, emit: Emit): void {
  const price = decimal(data.price);
  const volume = decimal(data.qty);
  emit({
    kind: 'trade',
    market,
    timestamp: timeOf(data.timestamp),
    received_at: receivedAt,
    stream_type: 'REALTIME',
    trade_id: idOf(data.id),
    fills: 1,
    price,
    volume,
    amount: price * volume,
    side: sideOf(data.is_seller_maker, true, false),
  });
}

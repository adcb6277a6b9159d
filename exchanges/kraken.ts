import type { Emit, Event, Exchange, Listing, Session, SessionOptions } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { digitChecksum } from '../src/core/market/checksum.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cut, type Markets } from '../src/core/market/markets.ts';
import {
  type Cursor,
  decimal,
  exactDigits,
  idOf,
  inside,
  isObject,
  type JsonObject,
  number,
  optionalNumber,
  sideOf,
  timeOfIso,
  timeOfSeconds,
  words,
} from '../src/core/market/read-values.ts';
import type { Trade } from '../src/core/market/rows.ts';
import { markedRowsOf, type Scanner, scanner, TIME, WHOLE, WORD } from '../src/core/market/scan.ts';
import { type Spelling, spelledSides, spelling } from '../src/core/market/spelled-levels.ts';
import { type Answer, tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { upByNanos } from '../src/core/market/trade-walks.ts';
import { pairBook } from '../src/core/rest-state.ts';

/**
 * Kraken, spot, North America, WebSocket API v2. https://docs.kraken.com/api/docs/guides/spot-ws-intro
 * Subscriptions add up; every symbol of a request is answered on its own; a refused one leaves the socket as it was.
 * Frames of API v1 are arrays and no frames of this plug-in.
 */
export const kraken: Exchange = {
  id: 'kraken',
  name: 'Kraken',
  region: 'na',
  docs: 'https://docs.kraken.com/api/docs/websocket-v2/ticker',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://ws.kraken.com/v2',
  hosts: ['ws.kraken.com', 'beta-ws.kraken.com'],
  encoding: 'text',

  // About 150 opens in 10 minutes per address, else a ban. No figure is published for requests and symbols: 10 a second
  // is half of what is known to work, 200 symbols is the cap of Kraken's order-level feed.
  limits: {
    codesPerFrame: 50,
    frameChars: null,
    codesPerSocket: 200,
    sends: [{ count: 10, perMs: 1000 }],
    opens: [{ count: 150, perMs: 600_000 }],
    // Half of the request a second that an address has.
    rest: [{ count: 1, perMs: 2000 }],
    sockets: null,
    lifetimeMs: null,
  },

  // The server beats every second once something is subscribed, and Kraken's guide gives up on a socket after 5 s
  // without any frame. The ping is for sockets that subscribed nothing yet: those are closed after 60 s.
  heartbeat: { send: { text: '{"method":"ping"}' }, everyMs: 30_000, deadAfterMs: 5000 },
  confirms: 'ack',
  subscribing: 'add',
  // "Sequence number, unique per book": a jump is taken for a loss.
  tradeIds: 'consecutive',

  markets: { urls: ['https://api.kraken.com/0/public/AssetPairs'], parse, split },

  // The checksum covers ten levels, whatever the depth: 10 is the one that is checked as a whole.
  orderbooks: {
    choices: ['100', '10', '25', '500', '1000'],
    start: () => 'sent',
    crossedMs: null,
    checksum: { marks: true, of: digitChecksum },
  },

  pastTrades: {
    proof: 'ids',
    reach: null,
    weight: 1,
    ...upByNanos(
      (market, since) => `https://api.kraken.com/0/public/Trades?${pairOf(market)}&count=1000&since=${since}`,
    ),
    read: tradePage({
      // Seconds with seven decimals are more than a double holds.
      spelled: (text) => text.replace(/",(\d+\.\d+),"/g, '","$1","'),
      list: pastIn,
      never: /^EQuery|Invalid arguments/,
      trade: past,
      cursor: (body, list) => endOf(inside(body, 'result', 'last'), list.at(-1)),
    }),
  },

  restState: {
    clock: {
      url: 'https://api.kraken.com/0/public/Time',
      read: (body) => number(inside(body, 'result', 'unixtime')) * 1_000_000,
    },
    price: {
      url: (market) => `https://api.kraken.com/0/public/Ticker?${pairOf(market)}`,
      read: (body) => decimal(inside(only(body), 'c', 0)),
    },
    book: {
      url: (market) => `https://api.kraken.com/0/public/Depth?${pairOf(market)}&count=100`,
      read: (body) => pairBook(only(body)),
    },
  },

  session,
};

/** States in which orders are taken that can trade, now or at the opening; `cancel_only` takes none. */
const TRADING: ReadonlySet<unknown> = new Set(['online', 'limit_only', 'reduce_only', 'post_only']);

/**
 * {"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","status":"online",…}}}
 * Only wsname, in the spelling of API v1, has clean codes; keys that end in `.d` are dark pools.
 */
function parse(bodies: readonly unknown[]): Listing[] {
  const [body] = bodies;
  if (!isObject(body) || !Array.isArray(body.error)) throw new Error('AssetPairs has no error list');
  if (body.error.length > 0) throw new Error(`AssetPairs: ${words(body.error[0])}`);
  if (!isObject(body.result)) throw new Error('AssetPairs has no result');
  return Object.entries(body.result).flatMap(([key, row]) => {
    if (key.endsWith('.d') || !isObject(row) || !TRADING.has(row.status)) return [];
    const parts = typeof row.wsname === 'string' ? cut(row.wsname, '/') : null;
    if (!parts) return [];
    const base = renamed(parts[0]);
    const quote = renamed(parts[1]);
    return [{ symbol: `${base}/${quote}`, base, quote }];
  });
}

/** API v2 and everybody else say BTC and DOGE. */
function renamed(code: string): string {
  return code === 'XBT' ? 'BTC' : code === 'XDG' ? 'DOGE' : code;
}

/** `BTC/USD`; tokenised stocks are in mixed case (`AAPLx/USD`). `BTC/USD:BTNL` is another execution venue. */
function split(symbol: string): Pair | null {
  const parts = symbol.includes(':') ? null : cut(symbol, '/');
  return parts && !parts[1].includes('/') ? { base: renamed(parts[0]), quote: renamed(parts[1]) } : null;
}

const SCANNED = spelling('');
const LEVELS = markedRowsOf('price', 'qty');
/** Frames as nearly all of them are spelled. */
const SCANS: Partial<Record<RequestType, Scanner>> = {
  orderbook: scanner({
    channel: 'book',
    type: WORD,
    data: [{ symbol: WORD, bids: LEVELS, asks: LEVELS, checksum: WHOLE, timestamp: TIME }],
  }),
};

/** Requests without an answer for every symbol yet, by req_id. */
type Asked = Map<number, Set<string>>;

function session(
  type: RequestType,
  markets: Markets,
  { book = '100', recorded = false }: SessionOptions = {},
): Session {
  const asked: Asked = new Map();
  const name = type === 'orderbook' ? 'book' : type;
  let requests = 0;
  /** Of a recording without its acks it is the least that the exchange has. */
  let depth = recorded ? 10 : Number(book);
  /** What the exchange last said of itself: `online`, `cancel_only`, `maintenance`, `post_only`. */
  let system: unknown = 'online';
  function request(method: string, some: readonly Market[]): string[] {
    if (some.length === 0) return [];
    const symbol = some.map((market) => market.symbol);
    requests += 1;
    if (method === 'subscribe') asked.set(requests, new Set(symbol));
    const params = { channel: name, symbol, ...options(type, method, book) };
    return [JSON.stringify({ method, params, req_id: requests })];
  }
  return {
    open: () => [],
    change: (_want, add, drop) => [...request('unsubscribe', drop), ...request('subscribe', add)],
    read(text, receivedAt, emit) {
      const frame = parseObject(text);
      if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
      const { channel } = frame;
      if (channel === name) return rows(frame, spelling(text), type, markets, depth, receivedAt, emit);
      if (channel === undefined) {
        depth = depthIn(frame) ?? depth;
        return answer(frame, name, asked, emit);
      }
      if (channel === 'status') {
        const before = system;
        system = systemIn(frame) ?? before;
        return emit({ kind: system === 'online' && before !== 'online' ? 'reopened' : 'alive' });
      }
      // heartbeat and channels of others.
      if (typeof channel === 'string') return emit({ kind: 'alive' });
      emit({ kind: 'reject', reason: 'channel is not a word', row: null });
    },
    scanned: SCANS[type] && {
      scan: SCANS[type],
      read: (frame, receivedAt, emit) => rows(frame, SCANNED, type, markets, depth, receivedAt, emit),
    },
  };
}

/** {"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",…}]} */
function systemIn({ data }: JsonObject): unknown {
  const [state]: unknown[] = Array.isArray(data) ? data : [];
  return isObject(state) ? state.system : undefined;
}

/** The 50 latest trades come with a subscription, so that those missed while a socket was replaced are not lost. */
function options(type: RequestType, method: string, depth: string): object {
  if (type === 'orderbook')
    return method === 'unsubscribe' ? { depth: Number(depth) } : { depth: Number(depth), snapshot: true };
  if (method === 'unsubscribe') return {};
  return type === 'ticker' ? { event_trigger: 'trades', snapshot: true } : { snapshot: true };
}

/**
 * {"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true,…}
 * {"error":"Currency pair not supported XBT/USD","method":"subscribe","req_id":999,"success":false,"symbol":"XBT/USD",…}
 * {"Error":"Exceeded msg rate"}
 * A refusal without a symbol means every symbol of its request that has no answer yet.
 */
function answer(frame: JsonObject, name: string, asked: Asked, emit: Emit): void {
  const { method, result, success, req_id: id } = frame;
  const reason = words(frame.error) || words(frame.Error);
  if (success === false || reason !== '') return refusal(frame, reason, asked, emit);
  if (typeof method !== 'string') {
    return emit({ kind: 'reject', reason: 'neither a channel nor a method', row: null });
  }
  const symbol = isObject(result) && result.channel === name ? result.symbol : undefined;
  if (method !== 'subscribe' || success !== true || typeof symbol !== 'string')
    return emit({ kind: 'alive' });
  settle(asked, id, symbol);
  emit({ kind: 'ack', symbols: [symbol] });
}

/** Levels a side that the exchange keeps; undefined where it does not say. */
function depthIn({ result }: JsonObject): number | undefined {
  const depth = isObject(result) ? result.depth : undefined;
  return typeof depth === 'number' && Number.isInteger(depth) && depth > 0 ? depth : undefined;
}

function refusal(frame: JsonObject, reason: string, asked: Asked, emit: Emit): void {
  const { method, symbol, req_id: id } = frame;
  if (method !== undefined && method !== 'subscribe') {
    return emit({ kind: 'refused', symbols: [], reason: `${words(method)}: ${reason}` });
  }
  const request = typeof id === 'number' ? asked.get(id) : undefined;
  const symbols = typeof symbol === 'string' ? [symbol] : [...(request ?? [])];
  for (const each of symbols) settle(asked, id, each);
  // A stream that is there already is what was asked for.
  if (symbols.length > 0 && /already subscribed/i.test(reason)) return emit({ kind: 'ack', symbols });
  emit({ kind: 'refused', symbols, reason });
}

function settle(asked: Asked, id: unknown, symbol: string): void {
  if (typeof id !== 'number') return;
  const request = asked.get(id);
  request?.delete(symbol);
  if (request?.size === 0) asked.delete(id);
}

function rows(
  frame: JsonObject,
  spelled: Spelling,
  type: RequestType,
  markets: Markets,
  depth: number,
  receivedAt: Micros,
  emit: Emit,
): void {
  const { data } = frame;
  if (!Array.isArray(data)) return emit({ kind: 'reject', reason: 'data is not an array', row: null });
  const streamType = frame.type === 'snapshot' ? 'SNAPSHOT' : 'REALTIME';
  if (data.length === 0) emit({ kind: 'alive' });
  const cursor = { at: 0 };
  for (let i = 0; i < data.length; i++) {
    const row: unknown = data[i];
    const symbol = isObject(row) ? row.symbol : undefined;
    const market = typeof symbol === 'string' ? markets.get(symbol) : undefined;
    if (!isObject(row) || !market) {
      emit(stranger(symbol, i));
      continue;
    }
    const of = { market, stream_type: streamType, received_at: receivedAt } as const;
    if (type === 'ticker') emit(ticker(row, of), i);
    else if (type === 'orderbook') emit(orderbook(row, spelled, depth, of), i);
    else emit(trade(row, spelled.text, cursor, of), i);
  }
}

/** What a row has of its frame. */
type Of = Pick<Trade, 'market' | 'stream_type' | 'received_at'>;

/** Symbols of other execution venues are passed over. */
function stranger(symbol: unknown, row: number): Event {
  return typeof symbol === 'string' && symbol.includes(':')
    ? { kind: 'alive' }
    : { kind: 'reject', reason: 'symbol is not a market', row };
}

/** Pairs without quotes carry 0 where a best price or size would stand. */
function quoted(value: unknown): number | null {
  return value === 0 ? null : optionalNumber(value);
}

/** Absent in older frames, 1970 on pairs that never had a quote: then our clock stands in. */
function stampOf(value: unknown, receivedAt: Micros): Micros {
  if (value === undefined || value === null) return receivedAt;
  const time = timeOfIso(value);
  return time === 0 ? receivedAt : time;
}

/**
 * https://docs.kraken.com/api/docs/websocket-v2/ticker
 * {"channel":"ticker","type":"update","data":[{"symbol":"ETH/USD","bid":4172.52,"bid_qty":127.77399116,"ask":4172.53,
 *  "ask_qty":0.19047987,"last":4172.53,"volume":30841.35254853,"vwap":4158.72,"low":4075.0,"high":4234.65,
 *  "change":-38.45,"change_pct":-0.91,"timestamp":"2026-07-08T05:24:41.204829Z"}]}
 * vwap is rounded, so volume × vwap is no quote volume. change_pct is in percent. A pair without a last price has no row.
 */
function ticker(row: JsonObject, of: Of): Event {
  if (row.last === null) return { kind: 'alive' };
  const percent = optionalNumber(row.change_pct);
  return {
    kind: 'ticker',
    market: of.market,
    timestamp: stampOf(row.timestamp, of.received_at),
    received_at: of.received_at,
    stream_type: of.stream_type,
    open: null,
    high: optionalNumber(row.high),
    low: optionalNumber(row.low),
    close: number(row.last),
    volume: optionalNumber(row.volume),
    quote_volume: null,
    prev_close: null,
    change_price: optionalNumber(row.change),
    change_rate: percent === null ? null : percent / 100,
    bid: quoted(row.bid),
    bid_size: quoted(row.bid_qty),
    ask: quoted(row.ask),
    ask_size: quoted(row.ask_qty),
  };
}

/**
 * https://docs.kraken.com/api/docs/websocket-v2/trade
 * {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":4136.4,"qty":0.23374249,
 *  "ord_type":"market","trade_id":0,"timestamp":"2022-12-25T09:30:59.123456Z"}]}
 * One frame may hold trades of several takers and symbols. side is the taker's.
 */
function trade(row: JsonObject, text: string, cursor: Cursor, of: Of): Event {
  return tradeRow({
    market: of.market,
    timestamp: timeOfIso(row.timestamp),
    received_at: of.received_at,
    stream_type: of.stream_type,
    trade_id: exactDigits(text, 'trade_id', row.trade_id, cursor),
    price: number(row.price),
    volume: number(row.qty),
    side: sideOf(row.side, 'buy', 'sell'),
  });
}

/** `XBTUSD` as base and quote: the REST interface spells them as API v1 does. */
function codesOf({ symbol }: Market): string[] {
  return symbol.split('/').map((code) => (code === 'BTC' ? 'XBT' : code === 'DOGE' ? 'XDG' : code));
}

/** Tokenised stocks are a class of their own. */
function pairOf(market: Market): string {
  const pair = codesOf(market).join('');
  const asset = pair === pair.toUpperCase() ? '' : '&asset_class=tokenized_asset';
  return `pair=${encodeURIComponent(pair)}${asset}`;
}

/** `XXBTZUSD`: the key of the list is not what was asked for, but the base is in it. */
function pastIn(body: unknown, market: Market): readonly unknown[] | string {
  const error = inside(body, 'error', 0);
  if (error !== undefined) return words(error);
  const [base = ''] = codesOf(market);
  const result = inside(body, 'result');
  const lists = Object.entries(isObject(result) ? result : {}).filter(([key]) => key.includes(base));
  return lists.length === 1 && Array.isArray(lists[0]?.[1]) ? lists[0][1] : '';
}

/** The time of the last row in nanoseconds; where the answer does not tell it, as far as the row does. */
function endOf(last: unknown, row: unknown): string | null {
  const seconds = Array.isArray(row) ? words(row[2]) : '';
  const nanos = words(last) || seconds.replace('.', '').padEnd(19, '0');
  return /^\d{19}$/.test(nanos) ? nanos : null;
}

/**
 * https://docs.kraken.com/api/docs/rest-api/get-recent-trades
 * {"error":[],"result":{"XXBTZUSD":[["105433.60000","0.00027625",1762795433.9717445,"b","l","",10218208]],
 *  "last":"1762820035982277754"}}
 * Price, volume, seconds, the taker's side, order type, nothing, trade_id; oldest first. `last` is the time of the last
 * row in nanoseconds, and is sometimes missing.
 */
function past(row: unknown, { market, receivedAt }: Answer): Trade | null {
  if (!Array.isArray(row)) return null;
  const [price, volume, seconds, side, , , id]: unknown[] = row;
  return tradeRow({
    market,
    timestamp: timeOfSeconds(seconds),
    received_at: receivedAt,
    stream_type: 'BACKFILL',
    trade_id: typeof id === 'number' ? idOf(id) : '',
    price: decimal(price),
    volume: decimal(volume),
    side: sideOf(side, 'b', 's'),
  });
}

/**
 * https://docs.kraken.com/api/docs/websocket-v2/book
 * {"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[{"price":78503.1,"qty":1.15329850}],
 *  "checksum":400418376,"timestamp":"2026-08-26T11:55:56.960852Z"}]}
 * The levels of an update are in no order. Snapshots of 2024 bear no time. No removal is sent for what falls out of the
 * depth; the checksum counts zeros at the end of numbers.
 */
function orderbook(row: JsonObject, spelled: Spelling, depth: number, of: Of): Event {
  const { market, stream_type, received_at } = of;
  const { bids, asks, marks } = spelledSides(row, 'price', 'qty', spelled);
  const timestamp = stampOf(row.timestamp, received_at);
  const type = stream_type === 'SNAPSHOT' ? 'SNAPSHOT' : 'DELTA';
  const checksum = optionalNumber(row.checksum);
  const facts = { market, timestamp, received_at, stream_type, type, bids, asks, depth, checksum } as const;
  return { kind: 'checked', marks, row: bookRow(facts) };
}

/** What stands under the one key of a result, which is not what was asked for. */
function only(body: unknown): unknown {
  return Object.values(isObject(body) && isObject(body.result) ? body.result : {})[0];
}

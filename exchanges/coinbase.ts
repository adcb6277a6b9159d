import type { Emit, Exchange, Listing, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { pairLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cut, type Markets } from '../src/core/market/markets.ts';
import {
  changeOf,
  decimal,
  exactDigits,
  inside,
  isObject,
  type JsonObject,
  number,
  optionalDecimal,
  rateOf,
  saying,
  sideOf,
  timeOfIso,
  words,
} from '../src/core/market/read-values.ts';
import type { StreamType, Trade } from '../src/core/market/rows.ts';
import { tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { downByIds } from '../src/core/market/trade-walks.ts';
import { pairBook } from '../src/core/rest-state.ts';

/**
 * Coinbase Exchange, spot, North America. https://docs.cdp.coinbase.com/exchange/websocket-feed/overview
 * The Exchange feed, not Advanced Trade: its ticker has open, sizes and event time, and product ids are not rewritten.
 * Subscriptions add up; every ack lists all that the socket has; a socket whose subscription was refused stays open.
 */
export const coinbase: Exchange = {
  id: 'coinbase',
  name: 'Coinbase',
  region: 'na',
  docs: 'https://docs.cdp.coinbase.com/exchange/websocket-feed/overview',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://ws-feed.exchange.coinbase.com',
  hosts: ['ws-feed.exchange.coinbase.com', 'ws-feed-public.sandbox.exchange.coinbase.com'],
  encoding: 'text',

  // https://docs.cdp.coinbase.com/exchange/websocket-feed/rate-limits: 8 opens a second and 100 messages a second per
  // address. How many products a frame and a socket may carry is not published: 10 and 100 are known to work. The
  // rate per socket leaves room for ten sockets within the address's 100.
  limits: {
    codesPerFrame: 10,
    frameChars: null,
    codesPerSocket: 100,
    sends: [{ count: 10, perMs: 1000 }],
    opens: [{ count: 8, perMs: 1000 }],
    // https://docs.cdp.coinbase.com/exchange/rest-api/rate-limits: half of the 10 a second that an address has.
    rest: [{ count: 5, perMs: 1000 }],
    sockets: null,
    lifetimeMs: null,
  },

  // The heartbeat channel brings a frame a second for every product, traded or not.
  heartbeat: { deadAfterMs: 10_000 },
  confirms: 'ack',
  subscribing: 'add',
  repeatable: true,
  // Contiguous per product; the documentation says that match frames can be dropped.
  tradeIds: 'consecutive',

  markets: { urls: ['https://api.exchange.coinbase.com/products'], parse, split },

  // The whole depth, without numbers or checksum: a book that stays crossed is the only sign of a loss.
  orderbooks: { choices: ['level2_batch'], start: () => 'sent', crossedMs: 5000 },

  pastTrades: {
    proof: 'ids',
    reach: null,
    weight: 1,
    ...downByIds(1000, ({ symbol }, id, limit) => {
      const after = id === null ? '' : `&after=${id}`;
      return `https://api.exchange.coinbase.com/products/${encodeURIComponent(symbol)}/trades?limit=${limit}${after}`;
    }),
    read: tradePage({
      list: (body) => (Array.isArray(body) ? body : isObject(body) ? words(body.message) : ''),
      never: /^(NotFound|Invalid)/i,
      id: 'trade_id',
      trade: (row, { market, receivedAt, id }) =>
        isObject(row) ? deal(row, id, market, receivedAt, 'BACKFILL') : null,
    }),
  },

  restState: {
    clock: {
      url: 'https://api.exchange.coinbase.com/time',
      read: (body) => Math.round(number(inside(body, 'epoch')) * 1e6),
    },
    price: {
      url: ({ symbol }) => `https://api.exchange.coinbase.com/products/${symbol}/ticker`,
      read: (body) => decimal(inside(body, 'price')),
    },
    // Its sequence counts events of all channels.
    book: {
      url: ({ symbol }) => `https://api.exchange.coinbase.com/products/${symbol}/book?level=2`,
      read: (body) => pairBook(body, { timestamp: timeOfIso(inside(body, 'time')) }),
    },
  },

  session: (type, markets) => session(type, markets),
};

/** {"id":"SKL-EUR","base_currency":"SKL","quote_currency":"EUR","trading_disabled":false,"status":"online",…} */
function parse(bodies: readonly unknown[]): Listing[] {
  const [list] = bodies;
  if (!Array.isArray(list)) throw new Error('products is not an array');
  return list.flatMap((row: unknown) => {
    if (!isObject(row) || row.status !== 'online' || row.trading_disabled !== false) return [];
    const { id: symbol, base_currency: base, quote_currency: quote } = row;
    const named = typeof symbol === 'string' && typeof base === 'string' && typeof quote === 'string';
    return named && symbol && base && quote ? [{ symbol, base, quote }] : [];
  });
}

/** `BTC-USD`: upper case, exactly one `-`, base first; a code may begin with a digit (`1INCH-USD`). */
function split(symbol: string): Pair | null {
  const parts = symbol === symbol.toUpperCase() ? cut(symbol, '-') : null;
  return parts && !parts[1].includes('-') ? { base: parts[0], quote: parts[1] } : null;
}

const CHANNELS = { ticker: 'ticker', trade: 'matches', orderbook: 'level2_batch' } as const;
/** What an ack calls it. */
const ACKED_AS: Readonly<Record<string, string>> = { level2_50: 'level2_batch' };

function session(type: RequestType, markets: Markets): Session {
  const channel = CHANNELS[type];
  const asked = new Asked();
  return {
    open: () => [],
    change(_want, add, drop) {
      asked.drop(drop);
      asked.add(add);
      return [...request('unsubscribe', channel, drop), ...request('subscribe', channel, add)];
    },
    read(text, receivedAt, emit) {
      const frame = parseObject(text);
      if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
      switch (frame.type) {
        case 'ticker':
          return type === 'ticker' ? ticker(frame, markets, receivedAt, emit) : emit({ kind: 'alive' });
        case 'match':
        case 'last_match':
          return type === 'trade' ? trade(frame, text, markets, receivedAt, emit) : emit({ kind: 'alive' });
        case 'snapshot':
        case 'l2update':
          return type === 'orderbook' ? orderbook(frame, markets, receivedAt, emit) : emit({ kind: 'alive' });
        case 'subscriptions':
          return acknowledged(frame, channel, asked, emit);
        case 'error':
          return refusal(frame, asked, emit);
        default:
          return typeof frame.type === 'string'
            ? emit({ kind: 'alive' })
            : emit({ kind: 'reject', reason: 'type is not a word', row: null });
      }
    },
  };
}

function request(verb: string, channel: string, markets: readonly Market[]): string[] {
  if (markets.length === 0) return [];
  const ids = markets.map(({ symbol }) => symbol);
  return [JSON.stringify({ type: verb, product_ids: ids, channels: [channel, 'heartbeat'] })];
}

/**
 * {"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"],"account_ids":null},…]}
 * The whole state of the socket, in any order.
 */
function acknowledged(frame: JsonObject, channel: string, asked: Asked, emit: Emit): void {
  const channels: unknown[] = Array.isArray(frame.channels) ? frame.channels : [];
  const symbols = channels.flatMap((entry) => {
    if (!isObject(entry) || !Array.isArray(entry.product_ids)) return [];
    if ((ACKED_AS[words(entry.name)] ?? entry.name) !== channel) return [];
    return entry.product_ids.filter((id): id is string => typeof id === 'string');
  });
  asked.confirm(symbols);
  emit({ kind: 'ack', symbols });
}

/**
 * {"type":"error","message":"Failed to subscribe","reason":"level2, level3, and full channels now require …"}
 * One bad product makes its whole request void. It stands in the words, and the others are asked for again; where none
 * does, the oldest request without an answer is meant, as answers come in order. Three reasons announce that the server
 * will close the socket.
 */
function refusal(frame: JsonObject, asked: Asked, emit: Emit): void {
  const all = saying(frame.message, frame.reason);
  if (/ErrSlowConsume|ErrSlowRead|Message too big/i.test(all)) return emit({ kind: 'restart', reason: all });
  if (/unsubscribe/i.test(words(frame.message))) return emit({ kind: 'refused', symbols: [], reason: all });
  const { named, others } = asked.refuse(all.split(/[^A-Z0-9-]+/));
  emit({ kind: 'refused', symbols: named, reason: all });
  for (const symbol of others) emit({ kind: 'resync', symbol });
}

/** Subscribe requests whose symbols are not all confirmed; errors name no request. */
class Asked {
  #requests: Set<string>[] = [];

  add(markets: readonly Market[]): void {
    this.drop(markets);
    if (markets.length > 0) this.#requests.push(new Set(markets.map(({ symbol }) => symbol)));
  }

  drop(markets: readonly Market[]): void {
    this.confirm(markets.map(({ symbol }) => symbol));
  }

  confirm(symbols: readonly string[]): void {
    for (const request of this.#requests) for (const symbol of symbols) request.delete(symbol);
    this.#requests = this.#requests.filter(({ size }) => size > 0);
  }

  /** The symbols among `words`, and what else their requests asked for; of no request that the oldest. */
  refuse(words: readonly string[]): { named: string[]; others: string[] } {
    const hit = this.#requests.filter((request) => words.some((word) => request.has(word)));
    if (hit.length === 0) return { named: [...(this.#requests.shift() ?? [])], others: [] };
    this.#requests = this.#requests.filter((request) => !hit.includes(request));
    const symbols = [...new Set(hit.flatMap((request) => [...request]))];
    const isNamed = (symbol: string) => words.includes(symbol);
    return { named: symbols.filter(isNamed), others: symbols.filter((symbol) => !isNamed(symbol)) };
  }
}

/** Absent in some frames, and the zero time of the server's language where it knows none: then ours stands in. */
function timeAt(value: unknown, receivedAt: Micros): Micros {
  if (value === undefined || value === null) return receivedAt;
  const time = timeOfIso(value);
  return time < 0 && String(value).startsWith('0001-01-01T') ? receivedAt : time;
}

/**
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#ticker-channel
 * {"type":"ticker","sequence":87057558152,"product_id":"ETH-USD","price":"4101.5","open_24h":"4180.2",
 *  "volume_24h":"107761.41654298","low_24h":"4076","high_24h":"4233","volume_30d":"3641467.48387522",
 *  "best_bid":"4101.39","best_bid_size":"0.14262000","best_ask":"4101.50","best_ask_size":"0.44972860","side":"buy",
 *  "time":"2025-09-24T04:22:00.543709Z","trade_id":703124072,"last_size":"0.76995464"}
 * The first one after subscribing, the state of a possibly old trade, carries no mark.
 */
function ticker(frame: JsonObject, markets: Markets, receivedAt: Micros, emit: Emit): void {
  const market = typeof frame.product_id === 'string' ? markets.get(frame.product_id) : undefined;
  if (!market) return emit({ kind: 'reject', reason: 'product_id is not a market', row: null });
  const close = decimal(frame.price);
  const open = optionalDecimal(frame.open_24h);
  const change = changeOf(close, null, open);
  emit({
    kind: 'ticker',
    market,
    timestamp: timeAt(frame.time, receivedAt),
    received_at: receivedAt,
    stream_type: 'REALTIME',
    open,
    high: optionalDecimal(frame.high_24h),
    low: optionalDecimal(frame.low_24h),
    close,
    volume: optionalDecimal(frame.volume_24h),
    quote_volume: null,
    prev_close: null,
    change_price: change,
    change_rate: rateOf(change, null, open),
    bid: optionalDecimal(frame.best_bid),
    bid_size: optionalDecimal(frame.best_bid_size),
    ask: optionalDecimal(frame.best_ask),
    ask_size: optionalDecimal(frame.best_ask_size),
  });
}

/**
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#matches-channel
 * {"type":"match","trade_id":1568275,"maker_order_id":"4d7f8cc2-5993-41d8-b86b-f4a8161c5610",
 *  "taker_order_id":"bcf814bf-168b-44f9-b7aa-43425f854a2c","side":"buy","size":"430","price":"0.791",
 *  "product_id":"SKL-USD","sequence":201391279,"time":"2021-04-17T16:43:47.839396Z"}
 * side is the MAKER's, unlike the ticker's. `last_match` is the latest trade before the subscription.
 */
function trade(frame: JsonObject, text: string, markets: Markets, receivedAt: Micros, emit: Emit): void {
  const market = typeof frame.product_id === 'string' ? markets.get(frame.product_id) : undefined;
  if (!market) return emit({ kind: 'reject', reason: 'product_id is not a market', row: null });
  const id = exactDigits(text, 'trade_id', frame.trade_id);
  emit(deal(frame, id, market, receivedAt, frame.type === 'last_match' ? 'SNAPSHOT' : 'REALTIME'));
}

/**
 * https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-trades
 * [{"trade_id":15035219,"side":"sell","size":"0.27426731","price":"25820.42000000","time":"2023-09-10T13:47:41.447577Z"}]
 * is how the same come over REST: newest first, `side` the maker's too.
 */
function deal(
  row: JsonObject,
  trade_id: string,
  market: Market,
  received_at: Micros,
  stream_type: StreamType,
): Trade {
  return tradeRow({
    market,
    timestamp: timeOfIso(row.time),
    received_at,
    stream_type,
    trade_id,
    price: decimal(row.price),
    volume: decimal(row.size),
    side: sideOf(row.side, 'sell', 'buy'),
  });
}

/**
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#level2-channel
 * {"type":"snapshot","product_id":"BTC-USD","asks":[["80691.53","0.20084671"]],"bids":[["80688.08","0.59153273"]]}
 * {"type":"l2update","product_id":"BTC-USD","changes":[["buy","80688.08","0.59153273"],["sell","80745.16","0"]],
 *  "time":"2026-08-25T03:35:57.300000Z"}
 * A level of a snapshot that is none, as "0.-10000" was seen, is passed over; a change that is none voids its frame.
 */
function orderbook(frame: JsonObject, markets: Markets, received_at: Micros, emit: Emit): void {
  const market = typeof frame.product_id === 'string' ? markets.get(frame.product_id) : undefined;
  if (!market) return emit({ kind: 'reject', reason: 'product_id is not a market', row: null });
  const times = { timestamp: timeAt(frame.time, received_at), received_at };
  if (frame.type === 'snapshot') {
    const bids = pairLevels(frame.bids, 'bids', decimal, isLevel);
    const asks = pairLevels(frame.asks, 'asks', decimal, isLevel);
    return emit(bookRow({ market, ...times, stream_type: 'SNAPSHOT', type: 'SNAPSHOT', bids, asks }));
  }
  const changes: unknown[] = Array.isArray(frame.changes) ? frame.changes : [null];
  const sells = (change: unknown) => Array.isArray(change) && change[0] === 'sell';
  const bids = pairLevels(changes.filter((change) => !sells(change)).map(bought), 'bids');
  const asks = pairLevels(changes.filter(sells).map(levelOf), 'asks');
  emit(bookRow({ market, ...times, type: 'DELTA', bids, asks }));
}

function isLevel(price: number, size: number): boolean {
  return price > 0 && size >= 0;
}

function levelOf(change: unknown): unknown {
  return Array.isArray(change) ? change.slice(1) : change;
}

/** What is neither bought nor sold is no level, which stops the row. */
function bought(change: unknown): unknown {
  return Array.isArray(change) && change[0] === 'buy' ? levelOf(change) : null;
}

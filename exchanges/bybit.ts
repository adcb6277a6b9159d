import type { Emit, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { pairLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cutSuffix, listing, type Markets } from '../src/core/market/markets.ts';
import {
  changeOf,
  decimal,
  idOf,
  inside,
  isObject,
  type JsonObject,
  number,
  optionalDecimal,
  rateOf,
  saying,
  sideOf,
  timeOf,
  timeOfDigits,
  words,
} from '../src/core/market/read-values.ts';
import type { Trade } from '../src/core/market/rows.ts';
import { type Answer, tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { newestOnly } from '../src/core/market/trade-walks.ts';
import { pairBook } from '../src/core/rest-state.ts';

/**
 * Bybit v5, spot, Asia. https://bybit-exchange.github.io/docs/v5/ws/connect
 * Frames are text. Only the address says that it is spot. One answer per request, which names its req_id; a refused
 * request may name one topic, and what became of its other topics is not published.
 */
export const bybit: Exchange = {
  id: 'bybit',
  name: 'Bybit',
  region: 'asia',
  docs: 'https://bybit-exchange.github.io/docs/v5/ws/connect',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://stream.bybit.com/v5/public/spot',
  hosts: ['stream.bybit.com'],
  encoding: 'text',

  // https://bybit-exchange.github.io/docs/v5/ws/connect#public-channel---args-limits
  limits: {
    codesPerFrame: 10,
    frameChars: null,
    // All topics of a socket may have 21,000 characters: 42 each.
    codesPerSocket: 500,
    // Nothing is published.
    sends: [{ count: 1, perMs: 100 }],
    opens: [{ count: 500, perMs: 300_000 }],
    // Half of the 600 in 5 s that an address has.
    rest: [{ count: 300, perMs: 5000 }],
    sockets: 1000,
    lifetimeMs: null,
  },

  // Whether protocol pings keep a socket alive is not published.
  heartbeat: { send: { text: '{"op":"ping"}' }, everyMs: 20_000, deadAfterMs: 45_000 },
  confirms: 'ack',
  subscribing: 'add',
  tradeIds: 'unordered',

  markets: {
    urls: ['https://api.bybit.com/v5/market/instruments-info?category=spot'],
    parse([body]) {
      const result = isObject(body) && body.retCode === 0 ? body.result : undefined;
      const list = isObject(result) ? result.list : undefined;
      if (!Array.isArray(list)) throw new Error('instruments-info has no list');
      return list.flatMap((row: unknown) => {
        if (!isObject(row) || row.status !== 'Trading') return [];
        return listing(row.symbol, row.baseCoin, row.quoteCoin);
      });
    },
    split,
  },

  // One level comes whole every time; of more, changes follow a whole book.
  orderbooks: {
    choices: ['orderbook.200', 'orderbook.50', 'orderbook.1000', 'orderbook.1'],
    start: (choice) => (choice === 'orderbook.1' ? 'whole' : 'sent'),
    crossedMs: null,
  },

  pastTrades: {
    proof: 'time',
    reach: { rows: 60 },
    weight: 1,
    ...newestOnly(({ symbol }) => {
      const of = `category=spot&symbol=${encodeURIComponent(symbol)}&limit=60`;
      return `https://api.bybit.com/v5/market/recent-trade?${of}`;
    }),
    read: tradePage({
      list(body) {
        if (!isObject(body)) return '';
        const { retCode, retMsg, result } = body;
        if (retCode !== 0) return saying(retCode, retMsg);
        return isObject(result) && result.category === 'spot' && Array.isArray(result.list)
          ? result.list
          : '';
      },
      // A parameter that is none, a symbol that is none.
      never: /^(10001|170121)\b/,
      trade: past,
    }),
  },

  restState: {
    clock: { url: 'https://api.bybit.com/v5/market/time', read: (body) => timeOf(inside(body, 'time')) },
    price: {
      url: ({ symbol }) => `https://api.bybit.com/v5/market/tickers?category=spot&symbol=${symbol}`,
      read: (body) => decimal(inside(body, 'result', 'list', 0, 'lastPrice')),
    },
    // `u` counts the changes of the 1000 levels alone; `cts` is the time that rows have.
    book: {
      url: ({ symbol }) =>
        `https://api.bybit.com/v5/market/orderbook?category=spot&symbol=${symbol}&limit=200`,
      read(body) {
        const book = inside(body, 'result');
        return pairBook(book, { timestamp: timeOf(inside(book, 'cts')) }, decimal, ['b', 'a']);
      },
    },
  },

  session: (type, markets, { book = 'orderbook.200' } = {}) =>
    session(type, type === 'orderbook' ? book : TOPICS[type], markets),
};

/** Incomplete by nature: this serves only until the market list is there. Longest first. */
const QUOTES = [
  ...['USDT', 'USDC', 'USDE', 'USDQ', 'USDR', 'USD1'],
  ...['BRL', 'EUR', 'TRY', 'PLN', 'DAI', 'MNT', 'BTC', 'ETH', 'SOL'],
];

/** `BTCUSDT`: no separator. */
function split(symbol: string): Pair | null {
  return cutSuffix(symbol, QUOTES);
}

/** How the topics of each type begin. */
const TOPICS: Readonly<Record<RequestType, string>> = {
  ticker: 'tickers',
  trade: 'publicTrade',
  orderbook: 'orderbook',
};

/** What was asked on one socket and is not answered yet. */
interface Asked {
  /** What stands in front of the symbol in a topic. */
  readonly topic: string;
  /** The last req_id. */
  last: number;
  /** Symbols of subscribe requests by req_id. */
  readonly requests: Map<unknown, string[]>;
  /** Symbols of refused requests, to be asked for again one by one. */
  readonly again: Set<string>;
  /** The req_id of the one among them that was asked for; null where none is. */
  current: string | null;
}

function session(type: RequestType, name: string, markets: Markets): Session {
  const topic = `${name}.`;
  const asked: Asked = { topic, last: 0, requests: new Map(), again: new Set(), current: null };
  return {
    open: () => [],
    change(_want, add, drop) {
      const frames: string[] = [];
      for (const { symbol } of drop) asked.again.delete(symbol);
      if (drop.length > 0) frames.push(request('unsubscribe', topic, symbolsOf(drop), String(++asked.last)));
      if (add.length > 0) frames.push(subscribe(asked, symbolsOf(add)));
      return frames;
    },
    read: (text, receivedAt, emit) => read(text, receivedAt, type, markets, asked, emit),
  };
}

function symbolsOf(markets: readonly Market[]): string[] {
  return markets.map(({ symbol }) => symbol);
}

function subscribe(asked: Asked, symbols: string[]): string {
  const id = String(++asked.last);
  asked.requests.set(id, symbols);
  return request('subscribe', asked.topic, symbols, id);
}

function request(op: string, topic: string, symbols: readonly string[], id: string): string {
  return JSON.stringify({ op, req_id: id, args: symbols.map((symbol) => topic + symbol) });
}

function read(
  text: string,
  receivedAt: Micros,
  type: RequestType,
  markets: Markets,
  asked: Asked,
  emit: Emit,
): void {
  const frame = parseObject(text);
  if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
  const { topic } = frame;
  if (typeof topic !== 'string') {
    return topic === undefined
      ? control(frame, asked, emit)
      : emit({ kind: 'reject', reason: 'topic is not a word', row: null });
  }
  if (!topic.startsWith(`${TOPICS[type]}.`)) return emit({ kind: 'alive' });
  if (type === 'orderbook') return orderbook(frame, topic, markets, receivedAt, emit);
  if (type === 'ticker') return ticker(frame, markets, receivedAt, emit);
  const { data } = frame;
  if (!Array.isArray(data)) return emit({ kind: 'reject', reason: 'data is not an array', row: null });
  if (data.length === 0) emit({ kind: 'alive' });
  for (let row = 0; row < data.length; row++) trade(data[row], row, markets, receivedAt, emit);
}

/**
 * {"success":true,"ret_msg":"subscribe","conn_id":"d9avtmrvu99oj2ihe620-5ftv7","req_id":"1","op":"subscribe"}
 * {"success":true,"ret_msg":"pong","conn_id":"0970e817-426e-429a-a679-ff7f55e0b16a","op":"ping"}
 * {"success":false,"ret_msg":"error:handler not found,topic:orderbook.1000.NOPEUSDT","conn_id":"…","req_id":"x",
 *  "op":"subscribe"}
 */
function control(frame: JsonObject, asked: Asked, emit: Emit): void {
  const { success, op, req_id: id } = frame;
  if (typeof success !== 'boolean') return emit({ kind: 'alive' });
  if (op !== 'subscribe') {
    return emit(success ? { kind: 'alive' } : { kind: 'refused', symbols: [], reason: words(frame.ret_msg) });
  }
  const symbols = asked.requests.get(id) ?? [];
  asked.requests.delete(id);
  if (!success) refused(words(frame.ret_msg), symbols, asked, emit);
  else emit(symbols.length > 0 ? { kind: 'ack', symbols } : { kind: 'alive' });
  if (id === asked.current) asked.current = null;
  askAgain(asked, emit);
}

/** Settles the symbol that the words name, or the only one; the others of its request are asked for again. */
function refused(reason: string, symbols: readonly string[], asked: Asked, emit: Emit): void {
  const name = `,topic:${asked.topic}`;
  const at = reason.indexOf(name);
  const settled = at !== -1 ? [reason.slice(at + name.length)] : symbols.length === 1 ? symbols : [];
  if (settled.length > 0 && reason.includes('already subscribed')) emit({ kind: 'ack', symbols: settled });
  else if (settled.length > 0 || symbols.length === 0) emit({ kind: 'refused', symbols: settled, reason });
  for (const symbol of symbols) if (!settled.includes(symbol)) asked.again.add(symbol);
}

/** One at a time, each after the answer to the one before, so that the exchange sets the pace. */
function askAgain(asked: Asked, emit: Emit): void {
  const [symbol] = asked.again;
  if (asked.current !== null || symbol === undefined) return;
  asked.again.delete(symbol);
  const text = subscribe(asked, [symbol]);
  asked.current = String(asked.last);
  emit({ kind: 'send', text });
}

/**
 * https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
 * {"topic":"tickers.BTCUSDT","ts":1673853746003,"type":"snapshot","cs":2588407389,"data":{"symbol":"BTCUSDT",
 *  "lastPrice":"21109.77","highPrice24h":"21426.99","lowPrice24h":"20575","prevPrice24h":"20704.93",
 *  "volume24h":"6780.866843","turnover24h":"141946527.22907118","price24hPcnt":"0.0196","usdIndexPrice":"21120.2400136"}}
 * Every frame of spot is a full one and says `snapshot`, which therefore marks nothing. price24hPcnt is a fraction;
 * prevPrice24h, the price 24 h ago, is the open of a rolling window and no previous close.
 */
function ticker(frame: JsonObject, markets: Markets, receivedAt: Micros, emit: Emit): void {
  const { data } = frame;
  if (!isObject(data)) return emit({ kind: 'reject', reason: 'data is not a JSON object', row: null });
  // Changes of single figures exist on derivatives alone; without a price there is nothing to tell.
  if (frame.type === 'delta' && data.lastPrice === undefined) return emit({ kind: 'alive' });
  const market = typeof data.symbol === 'string' ? markets.get(data.symbol) : undefined;
  if (!market) return emit({ kind: 'reject', reason: 'symbol is not a market', row: null });
  const close = decimal(data.lastPrice);
  const open = optionalDecimal(data.prevPrice24h);
  const change = changeOf(close, null, open);
  emit({
    kind: 'ticker',
    market,
    timestamp: timeOf(frame.ts),
    received_at: receivedAt,
    stream_type: 'REALTIME',
    open,
    high: optionalDecimal(data.highPrice24h),
    low: optionalDecimal(data.lowPrice24h),
    close,
    volume: optionalDecimal(data.volume24h),
    quote_volume: optionalDecimal(data.turnover24h),
    prev_close: null,
    change_price: change,
    change_rate: optionalDecimal(data.price24hPcnt) ?? rateOf(change, null, open),
    bid: null,
    bid_size: null,
    ask: null,
    ask_size: null,
  });
}

/**
 * https://bybit-exchange.github.io/docs/v5/websocket/public/trade
 * {"topic":"publicTrade.BTCUSDT","ts":1791365009231,"type":"snapshot","data":[{"i":"2290000001225843671",
 *  "T":1791365009230,"p":"83805.1","v":"0.001466","S":"Buy","seq":115058640184,"s":"BTCUSDT","BT":false,"RPI":false}]}
 * 1 to 1024 trades, oldest first. `ts` is when the frame was made; `S` is the taker's side; `seq` repeats.
 */
function trade(value: unknown, row: number, markets: Markets, receivedAt: Micros, emit: Emit): void {
  const market = isObject(value) && typeof value.s === 'string' ? markets.get(value.s) : undefined;
  if (!isObject(value) || !market) return emit({ kind: 'reject', reason: 's is not a market', row });
  const trade_id = idOf(value.i);
  const figures = { price: decimal(value.p), volume: decimal(value.v), side: sideOf(value.S, 'Buy', 'Sell') };
  emit(tradeRow({ market, timestamp: timeOf(value.T), received_at: receivedAt, trade_id, ...figures }), row);
}

/**
 * https://bybit-exchange.github.io/docs/v5/market/recent-trade
 * {"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[{"execId":"2100000000007764263","symbol":"BTCUSDT",
 *  "price":"16618.49","size":"0.00012","side":"Buy","time":"1672052955758","isBlockTrade":false,"isRPITrade":true,
 *  "seq":"123456"}]},"retExtInfo":{},"time":1672053054358}
 * Newest first; execId is the `i` of the socket.
 */
function past(row: unknown, { market, receivedAt: received_at }: Answer): Trade | null {
  if (!isObject(row) || row.symbol !== market.symbol) return null;
  const times = { timestamp: timeOfDigits(row.time), received_at, stream_type: 'BACKFILL' } as const;
  const figures = {
    price: decimal(row.price),
    volume: decimal(row.size),
    side: sideOf(row.side, 'Buy', 'Sell'),
  };
  return tradeRow({ market, ...times, trade_id: idOf(row.execId), ...figures });
}

/**
 * https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
 * {"topic":"orderbook.200.BTCUSDT","ts":1687940967466,"type":"delta","data":{"s":"BTCUSDT","b":[["30247.20","30.028"],
 *  ["30240.00","0"]],"a":[["30248.70","0"],["30249.30","0.892"]],"u":177400507,"seq":66544703342},"cts":1687940967464}
 * `u` counts the frames of the topic; after a restart of the service a snapshot begins again with 1. `cts` is when it was
 * matched, which frames before December 2023 lack.
 */
function orderbook(
  { type, data, cts, ts }: JsonObject,
  topic: string,
  markets: Markets,
  received_at: Micros,
  emit: Emit,
): void {
  const market = isObject(data) && typeof data.s === 'string' ? markets.get(data.s) : undefined;
  if (!isObject(data) || !market) return emit({ kind: 'reject', reason: 's is not a market', row: null });
  if (type !== 'snapshot' && type !== 'delta')
    return emit({ kind: 'reject', reason: 'neither a snapshot nor a change', row: null });
  const whole = type === 'snapshot';
  const sequence = number(data.u);
  emit(
    bookRow({
      market,
      timestamp: timeOf(cts ?? ts),
      received_at,
      stream_type: whole && !topic.startsWith('orderbook.1.') ? 'SNAPSHOT' : 'REALTIME',
      type: whole ? 'SNAPSHOT' : 'DELTA',
      bids: pairLevels(data.b, 'bids'),
      asks: pairLevels(data.a, 'asks'),
      sequence,
      prev_sequence: whole ? null : sequence - 1,
    }),
  );
}

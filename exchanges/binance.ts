import type { Ban, Emit, Event, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { pairLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cutSuffix, listing, type Markets } from '../src/core/market/markets.ts';
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
  timeOf,
} from '../src/core/market/read-values.ts';
import type { Trade } from '../src/core/market/rows.ts';
import {
  DECIMAL,
  FLAG,
  NUMBER,
  rowsOf,
  type Scanner,
  scanner,
  WHOLE,
  WORD,
} from '../src/core/market/scan.ts';
import { type Answer, tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { upByIds } from '../src/core/market/trade-walks.ts';
import { pairBook } from '../src/core/rest-state.ts';

/**
 * Binance, spot, Asia. https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 * Frames are text. `/stream` wraps every payload as {"stream":…,"data":…}, `/ws` sends it bare; both are read. One ack
 * per request, which names the request alone. Keys of one frame differ only by case (e/E, p/P, b/B, q/Q, …).
 */
export const binance: Exchange = {
  id: 'binance',
  name: 'Binance',
  region: 'asia',
  docs: 'https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://stream.binance.com:9443/stream',
  hosts: ['stream.binance.com', 'data-stream.binance.vision'],
  encoding: 'text',

  limits: {
    // Nothing is published for one request.
    codesPerFrame: 200,
    frameChars: null,
    codesPerSocket: 1024,
    // Over 5 messages a second, pongs counted, the socket is ended; spread out, so that late ones do not bunch up.
    sends: [
      { count: 5, perMs: 1000 },
      { count: 1, perMs: 250 },
    ],
    opens: [{ count: 300, perMs: 300_000 }],
    // Half of the 6000 that an address has.
    rest: [{ count: 3000, perMs: 60_000 }],
    sockets: null,
    lifetimeMs: 86_400_000,
  },

  // The server pings every 20 s. Unsolicited pongs do not keep a socket alive, and own pings count as messages.
  heartbeat: { deadAfterMs: 45_000 },
  confirms: 'ack',
  subscribing: 'add',
  // Of `trade`: +1 per trade and symbol (observed, not documented).
  tradeIds: 'consecutive',

  markets: {
    urls: [
      'https://api.binance.com/api/v3/exchangeInfo?permissions=SPOT&symbolStatus=TRADING&showPermissionSets=false',
    ],
    weight: 20,
    parse([body]) {
      const list = isObject(body) ? body.symbols : undefined;
      if (!Array.isArray(list)) throw new Error('exchangeInfo has no list of symbols');
      return list.flatMap((row: unknown) => {
        if (!isObject(row) || row.status !== 'TRADING' || row.isSpotTradingAllowed !== true) return [];
        return listing(row.symbol, row.baseAsset, row.quoteAsset);
      });
    },
    split,
  },

  // Changes alone come over the socket; those of a few levels are whole. A book is made of them and of a thousand levels
  // over REST.
  orderbooks: {
    choices: ['depth@100ms', 'depth', 'depth20@100ms', 'depth10@100ms', 'depth5@100ms'],
    start: (choice) => (/^depth\d/.test(choice) ? 'whole' : 'fetched'),
    crossedMs: null,
    rest: {
      url: (symbol) => `https://api.binance.com/api/v3/depth?symbol=${encodeURIComponent(symbol)}&limit=1000`,
      weight: 50,
      frame: (symbol, body) => `{"rest":${JSON.stringify(symbol)},"data":${body}}`,
    },
  },

  // The oldest ids are gone. Answers come out of a database, which may lag.
  pastTrades: {
    proof: 'ids',
    reach: null,
    weight: 25,
    ...upByIds(1000, ({ symbol }, id, limit) => {
      const from = id === null ? '' : `&fromId=${id}`;
      const of = `symbol=${encodeURIComponent(symbol)}${from}&limit=${limit}`;
      return `https://api.binance.com/api/v3/historicalTrades?${of}`;
    }),
    read: tradePage({
      list: (body) => (Array.isArray(body) ? body : isObject(body) ? saying(body.code, body.msg) : ''),
      // Characters that no symbol has, and no such symbol.
      never: /^-11(00|21)\b/,
      id: 'id',
      trade: past,
    }),
  },

  restState: {
    clock: { url: 'https://api.binance.com/api/v3/time', read: (body) => timeOf(inside(body, 'serverTime')) },
    price: {
      url: ({ symbol }) => `https://api.binance.com/api/v3/ticker/24hr?symbol=${encodeURIComponent(symbol)}`,
      weight: 2,
      read: (body) => decimal(inside(body, 'lastPrice')),
    },
    book: {
      url: ({ symbol }) =>
        `https://api.binance.com/api/v3/depth?symbol=${encodeURIComponent(symbol)}&limit=1000`,
      weight: 50,
      read: (body) => pairBook(body, { sequence: number(inside(body, 'lastUpdateId')) }),
    },
  },

  ban,
  session: (type, markets, { book = 'depth@100ms' } = {}) =>
    session(type, type === 'orderbook' ? book : type, markets),
};

/** Quotes come and go: this serves only until the market list is there. */
const QUOTES = [
  'FDUSD BUSD TUSD USDT USDC USDP BIDR IDRT BVND USD1 EURI AEUR DOGE DAI PAX VAI UST EUR GBP TRY BRL AUD',
  'RUB UAH NGN ZAR PLN RON ARS MXN COP CZK JPY IDR BTC ETH BNB TRX XRP SOL DOT',
]
  .flatMap((some) => some.split(' '))
  .sort((a, b) => b.length - a.length);

/** `BTCFDUSD`: no separator. Bases may hold digits and letters beyond ASCII. */
function split(symbol: string): Pair | null {
  return cutSuffix(symbol, QUOTES);
}

/** 1008 also ends sockets for other causes. What follows if one goes on is an address ban of at least 2 minutes. */
function ban(closeCode: number, reason: string): Ban | null {
  return closeCode === 1008 && /too many/i.test(reason) ? { forMs: 120_000, reason } : null;
}

const PAIRS = rowsOf([DECIMAL, DECIMAL]);
/** Frames as nearly all of them are spelled. */
const SCANNERS: Partial<Record<RequestType, Scanner>> = {
  trade: scanner({
    stream: WORD,
    data: {
      ...{ e: 'trade', E: NUMBER, s: WORD, t: WHOLE, p: DECIMAL, q: DECIMAL, T: NUMBER },
      ...{ m: FLAG, M: FLAG },
    },
  }),
  orderbook: scanner({
    stream: WORD,
    data: { e: 'depthUpdate', E: NUMBER, s: WORD, U: NUMBER, u: NUMBER, b: PAIRS, a: PAIRS },
  }),
};

/** @param stream what a symbol's stream is called behind its @ */
function session(type: RequestType, stream: string, markets: Markets): Session {
  const scan = SCANNERS[type];
  /** Symbols of SUBSCRIBE requests that were not answered yet, by request id. */
  const asked = new Map<unknown, string[]>();
  let id = 0;
  /** A few levels without their wrapping name no symbol: they are of the only one. */
  let only: Market | undefined;
  return {
    open: () => [],
    change(want, add, drop) {
      only = want.length === 1 ? want[0] : undefined;
      const frames: string[] = [];
      if (drop.length > 0) frames.push(request('UNSUBSCRIBE', stream, drop, ++id));
      if (add.length > 0) {
        frames.push(request('SUBSCRIBE', stream, add, ++id));
        asked.set(
          id,
          add.map(({ symbol }) => symbol),
        );
      }
      return frames;
    },
    read: (text, receivedAt, emit) => read(text, receivedAt, type, stream, markets, only, asked, emit),
    scanned: scan && {
      scan,
      read: ({ data }, receivedAt, emit) =>
        event(data as JsonObject, '', number, receivedAt, type, markets, emit),
    },
  };
}

function request(method: string, stream: string, markets: readonly Market[], id: number): string {
  return JSON.stringify({
    method,
    params: markets.map(({ symbol }) => `${symbol.toLowerCase()}@${stream}`),
    id,
  });
}

function read(
  text: string,
  receivedAt: Micros,
  type: RequestType,
  own: string,
  markets: Markets,
  only: Market | undefined,
  asked: Map<unknown, string[]>,
  emit: Emit,
): void {
  const frame = parseObject(text);
  if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
  const { stream } = frame;
  const data = stream === undefined && frame.rest === undefined ? frame : frame.data;
  if (!isObject(data)) {
    // Streams over all markets ("!miniTicker@arr") are arrays and not ours.
    return typeof stream === 'string' && stream.startsWith('!')
      ? emit({ kind: 'alive' })
      : emit({ kind: 'reject', reason: 'data is not a JSON object', row: null });
  }
  if (type === 'orderbook' && 'lastUpdateId' in data) {
    return emit(whole(frame, data, markets, only, receivedAt));
  }
  if (!EVENTS[type].includes(data.e)) return control(frame, data, type, own, asked, emit);
  event(data, text, decimal, receivedAt, type, markets, emit);
}

/** Reads a price or a volume, which is a number where the frame was scanned. */
type Figure = (value: unknown) => number;

function event(
  data: JsonObject,
  text: string,
  figure: Figure,
  receivedAt: Micros,
  type: RequestType,
  markets: Markets,
  emit: Emit,
): void {
  const { s } = data;
  const market = typeof s === 'string' ? markets.get(s) : undefined;
  if (!market) return emit({ kind: 'reject', reason: 's is not a market', row: null });
  if (type === 'orderbook') return emit(orderbook(data, market, receivedAt));
  return type === 'ticker'
    ? ticker(data, market, receivedAt, emit)
    : emit(trade(data, text, figure, market, receivedAt));
}

/** What an event of each type is called. */
const EVENTS: Readonly<Record<RequestType, readonly unknown[]>> = {
  ticker: ['24hrTicker'],
  trade: ['trade', 'aggTrade'],
  orderbook: ['depthUpdate'],
};

/**
 * {"result":null,"id":1} | {"error":{"code":4,"msg":"Too many subscriptions"},"id":19} | {"code":3,"msg":"Invalid JSON: …"}
 * {"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}
 * Errors are documented bare and seen wrapped. How long before the restart serverShutdown comes is not published.
 */
function control(
  frame: JsonObject,
  data: JsonObject,
  type: RequestType,
  own: string,
  asked: Map<unknown, string[]>,
  emit: Emit,
): void {
  if (data.e === 'serverShutdown') return emit({ kind: 'restart', reason: 'serverShutdown' });
  const error = isObject(frame.error) ? frame.error : frame;
  if (typeof error.code === 'number') {
    const reason = saying(error.code, error.msg);
    // 4: too many subscriptions on this socket.
    const full = error.code === 4 ? { full: true } : {};
    return emit({ kind: 'refused', symbols: take(asked, frame.id), reason, ...full });
  }
  if (frame.result === null) {
    const symbols = take(asked, frame.id);
    return emit(symbols.length > 0 ? { kind: 'ack', symbols } : { kind: 'alive' });
  }
  const ours = typeof frame.stream === 'string' && frame.stream.endsWith(`@${own}`);
  if (ours || (data.e !== undefined && typeof data.e !== 'string')) {
    return emit({ kind: 'reject', reason: `e is not that of a ${type}`, row: null });
  }
  // Lists of subscriptions, other streams, and whatever else is no market data.
  emit({ kind: 'alive' });
}

function take(asked: Map<unknown, string[]>, id: unknown): string[] {
  const symbols = asked.get(id) ?? [];
  asked.delete(id);
  return symbols;
}

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#individual-symbol-ticker-streams
 * {"e":"24hrTicker","E":1758682059321,"s":"XRPUSDT","p":"0.00970000","P":"0.345","w":"2.85732575","x":"2.81550000",
 *  "c":"2.82510000","Q":"398.90000000","b":"2.82500000","B":"8662.90000000","a":"2.82510000","A":"40171.90000000",
 *  "o":"2.81540000","h":"2.89640000","l":"2.79910000","v":"97641316.90000000","q":"278993049.05423000",
 *  "O":1758595659274,"C":1758682059274,"F":1354044647,"L":1355183925,"n":1139279}
 * `x` is the last price before the window; `p` and `P` (percent) count from the open `o`, not from `x`.
 */
function ticker(data: JsonObject, market: Market, receivedAt: Micros, emit: Emit): void {
  const close = decimal(data.c);
  const open = optionalDecimal(data.o);
  const prevClose = optionalDecimal(data.x);
  const percent = optionalDecimal(data.P);
  const derived = changeOf(close, prevClose, open);
  emit({
    kind: 'ticker',
    market,
    timestamp: timeOf(data.E),
    received_at: receivedAt,
    stream_type: 'REALTIME',
    open,
    high: optionalDecimal(data.h),
    low: optionalDecimal(data.l),
    close,
    volume: optionalDecimal(data.v),
    quote_volume: optionalDecimal(data.q),
    prev_close: prevClose,
    change_price: optionalDecimal(data.p) ?? derived,
    change_rate: percent === null ? rateOf(derived, prevClose, open) : percent / 100,
    bid: optionalDecimal(data.b),
    bid_size: optionalDecimal(data.B),
    ask: optionalDecimal(data.a),
    ask_size: optionalDecimal(data.A),
  });
}

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#trade-streams
 * {"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}
 * {"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.001","q":"100","f":100,"l":105,"T":1672515782136,
 *  "m":true,"M":true}
 * `m`: the buyer is the maker. Until 2024 a trade's `a` and `b` were order ids; in an aggTrade `a` is the trade id.
 */
function trade(data: JsonObject, text: string, figure: Figure, market: Market, received_at: Micros): Trade {
  return tradeRow({
    market,
    timestamp: timeOf(data.T ?? data.E),
    received_at,
    trade_id: data.e === 'trade' ? exactDigits(text, 't', data.t) : exactDigits(text, 'a', data.a),
    price: figure(data.p),
    volume: figure(data.q),
    side: sideOf(data.m, false, true),
  });
}

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#old-trade-lookup
 * [{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,
 *   "isBuyerMaker":true,"isBestMatch":true}]
 * Oldest first; the ids are those of the socket.
 */
function past(row: unknown, { market, receivedAt, id }: Answer): Trade | null {
  if (!isObject(row)) return null;
  return tradeRow({
    market,
    timestamp: timeOf(row.time),
    received_at: receivedAt,
    stream_type: 'BACKFILL',
    trade_id: id,
    price: decimal(row.price),
    volume: decimal(row.qty),
    side: sideOf(row.isBuyerMaker, false, true),
  });
}

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#diff-depth-stream
 * {"e":"depthUpdate","E":1633998513369,"s":"NKNUSDT","U":499869765,"u":499869767,
 *  "b":[["0.35120000","6567.00000000"],["0.35080000","8246.00000000"]],"a":[["0.35340000","0.00000000"]]}
 * `U` and `u` number the first and the last change of the frame; `U` follows the last one of the frame before.
 */
function orderbook(data: JsonObject, market: Market, received_at: Micros): Event {
  const sides = { bids: pairLevels(data.b, 'bids'), asks: pairLevels(data.a, 'asks') };
  const numbers = { sequence: number(data.u), prev_sequence: number(data.U) - 1 };
  return bookRow({ market, timestamp: timeOf(data.E), received_at, type: 'DELTA', ...sides, ...numbers });
}

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#partial-book-depth-streams
 * {"stream":"bnbbtc@depth5@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}}
 * The same with the symbol as `rest` is what the REST interface answered. Neither bears a time.
 */
function whole(
  { rest, stream }: JsonObject,
  data: JsonObject,
  markets: Markets,
  only: Market | undefined,
  received_at: Micros,
): Event {
  const [name = ''] = typeof stream === 'string' ? stream.split('@') : [];
  const symbol = typeof rest === 'string' ? rest : name.toUpperCase();
  const market = symbol === '' ? only : markets.get(symbol);
  if (!market) return { kind: 'reject', reason: 'the stream is of no market', row: null };
  const stream_type = rest === undefined ? 'REALTIME' : 'SNAPSHOT';
  const sides = { bids: pairLevels(data.bids, 'bids'), asks: pairLevels(data.asks, 'asks') };
  const times = { timestamp: received_at, received_at, stream_type } as const;
  return bookRow({ market, ...times, type: 'SNAPSHOT', ...sides, sequence: number(data.lastUpdateId) });
}

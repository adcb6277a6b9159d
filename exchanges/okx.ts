import type { Emit, Event, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { pairLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cut, listing, type Markets } from '../src/core/market/markets.ts';
import {
  changeOf,
  decimal,
  inside,
  isObject,
  type JsonObject,
  number,
  optionalDecimal,
  optionalNumber,
  rateOf,
  saying,
  sideOf,
  timeOfDigits,
} from '../src/core/market/read-values.ts';
import type { StreamType, Trade } from '../src/core/market/rows.ts';
import { tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { downByIds } from '../src/core/market/trade-walks.ts';
import { pairBook } from '../src/core/rest-state.ts';

/**
 * OKX v5, spot, Asia. https://www.okx.com/docs-v5/en/#overview-websocket
 * Frames are text: JSON, but for the answer `pong` to the text `ping`. One ack per channel and instrument, one error per
 * bad one. Numbers and times are strings, and "" stands for no value.
 */
export const okx: Exchange = {
  id: 'okx',
  name: 'OKX',
  region: 'asia',
  docs: 'https://www.okx.com/docs-v5/en/#overview-websocket',
  types: ['ticker', 'trade', 'orderbook'],

  // Port 443: 8443 was reported to be switched off on 2026-10-31.
  endpoint: () => 'wss://ws.okx.com/ws/v5/public',
  hosts: ['ws.okx.com'],
  encoding: 'text',

  // https://www.okx.com/docs-v5/en/#overview-websocket-connect: 3 opens a second, 480 requests an hour, 64 KB a request.
  limits: {
    codesPerFrame: 200,
    frameChars: 64_000,
    // Nothing is published for channels this light.
    codesPerSocket: 300,
    // Of channels with many levels the documents advise fewer than 30.
    booksPerSocket: 29,
    sends: [
      { count: 3, perMs: 1000 },
      { count: 480, perMs: 3_600_000 },
    ],
    opens: [{ count: 3, perMs: 1000 }],
    // Half of the 20 in 2 s that an address has for trades of the past.
    rest: [{ count: 10, perMs: 2000 }],
    sockets: null,
    lifetimeMs: null,
  },

  // 30 s without a push end the socket. Whether protocol pings prevent that is not published.
  heartbeat: { send: { text: 'ping' }, everyMs: 20_000, deadAfterMs: 30_000 },
  confirms: 'ack',
  subscribing: 'add',
  // Merged fills take as many ids as they are.
  tradeIds: 'consecutive',
  mergesFills: true,

  markets: {
    urls: ['https://www.okx.com/api/v5/public/instruments?instType=SPOT'],
    parse([body]) {
      const list = isObject(body) && body.code === '0' ? body.data : undefined;
      if (!Array.isArray(list)) throw new Error('instruments has no data');
      return list.flatMap((row: unknown) => {
        if (!isObject(row) || row.state !== 'live') return [];
        return listing(row.instId, row.baseCcy, row.quoteCcy);
      });
    },
    split,
  },

  // Of 400 levels changes follow a whole book; fewer come whole every time. Auctions cross a book.
  orderbooks: {
    choices: ['books', 'books5', 'bbo-tbt'],
    start: (choice) => (choice === 'books' ? 'sent' : 'whole'),
    crossedMs: null,
  },

  pastTrades: {
    proof: 'ids',
    // Three months.
    reach: { ms: 7_776_000_000 },
    weight: 1,
    ...downByIds(100, ({ symbol }, id, limit) => {
      const after = id === null ? '' : `&after=${id}`;
      const of = `instId=${encodeURIComponent(symbol)}&type=1${after}&limit=${limit}`;
      return `https://www.okx.com/api/v5/market/history-trades?${of}`;
    }),
    read: tradePage({
      list(body) {
        if (!isObject(body)) return '';
        return body.code === '0' && Array.isArray(body.data) ? body.data : saying(body.code, body.msg);
      },
      // A parameter that is none, an instrument that is none.
      never: /^5100[01]\b/,
      trade: (row, { market, receivedAt }) =>
        isObject(row) && row.instId === market.symbol ? trade(row, market, receivedAt, 'BACKFILL') : null,
    }),
  },

  restState: {
    clock: {
      url: 'https://www.okx.com/api/v5/public/time',
      read: (body) => timeOfDigits(inside(body, 'data', 0, 'ts')),
    },
    price: {
      url: ({ symbol }) => `https://www.okx.com/api/v5/market/ticker?instId=${symbol}`,
      read: (body) => decimal(inside(body, 'data', 0, 'last')),
    },
    book: {
      url: ({ symbol }) => `https://www.okx.com/api/v5/market/books?instId=${symbol}&sz=400`,
      read(body) {
        const book = inside(body, 'data', 0);
        const sequence = number(inside(book, 'seqId'));
        return pairBook(book, { sequence, timestamp: timeOfDigits(inside(book, 'ts')) });
      },
    },
  },

  session: (type, markets, { book = 'books' } = {}) =>
    session(type, type === 'orderbook' ? book : CHANNELS[type][0], markets),
};

/** `BTC-USDT`: base first. More parts (`BTC-USD-SWAP`) are derivatives. */
function split(symbol: string): Pair | null {
  const parts = cut(symbol, '-');
  return parts && !parts[1].includes('-') ? { base: parts[0], quote: parts[1] } : null;
}

/** Symbols of subscribe requests that were not answered yet, by request id. */
type Asked = Map<unknown, Set<string>>;

/** The channels that bring rows of each type. */
const CHANNELS = {
  ticker: ['tickers'],
  trade: ['trades', 'trades-all'],
  orderbook: ['books', 'books5', 'bbo-tbt', 'books-l2-tbt', 'books50-l2-tbt'],
} as const;

function session(type: RequestType, channel: string, markets: Markets): Session {
  const asked: Asked = new Map();
  let last = 0;
  return {
    open: () => [],
    change(_want, add, drop) {
      const frames: string[] = [];
      if (drop.length > 0) frames.push(request('unsubscribe', channel, drop, String(++last)));
      if (add.length > 0) {
        const id = String(++last);
        asked.set(id, new Set(add.map(({ symbol }) => symbol)));
        frames.push(request('subscribe', channel, add, id));
      }
      return frames;
    },
    read: (text, receivedAt, emit) => read(text, receivedAt, type, markets, asked, emit),
  };
}

/** @param id letters and digits alone, at most 32 */
function request(op: string, channel: string, markets: readonly Market[], id: string): string {
  return JSON.stringify({ id, op, args: markets.map(({ symbol }) => ({ channel, instId: symbol })) });
}

function read(
  text: string,
  receivedAt: Micros,
  type: RequestType,
  markets: Markets,
  asked: Asked,
  emit: Emit,
): void {
  if (text === 'pong') return emit({ kind: 'alive' });
  const frame = parseObject(text);
  if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
  const { arg } = frame;
  if (frame.event !== undefined) return control(frame, type, asked, emit);
  if (!isObject(arg) || typeof arg.channel !== 'string') {
    return emit({ kind: 'reject', reason: 'arg names no channel', row: null });
  }
  if (!isChannelOf(type, arg.channel)) return emit({ kind: 'alive' });
  const { data } = frame;
  if (!Array.isArray(data)) return emit({ kind: 'reject', reason: 'data is not an array', row: null });
  if (data.length === 0) emit({ kind: 'alive' });
  for (let row = 0; row < data.length; row++) {
    const value: unknown = data[row];
    // Of books the instrument stands beside the channel alone.
    const { instId } = type === 'orderbook' ? arg : isObject(value) ? value : {};
    const market = typeof instId === 'string' ? markets.get(instId) : undefined;
    if (!isObject(value) || !market) emit({ kind: 'reject', reason: 'instId is not a market', row });
    else if (type === 'orderbook') emit(orderbook(value, frame.action, row, market, receivedAt), row);
    else emit(type === 'ticker' ? ticker(value, market, receivedAt) : trade(value, market, receivedAt), row);
  }
}

function isChannelOf(type: RequestType, channel: unknown): boolean {
  return CHANNELS[type].some((name) => name === channel);
}

/**
 * {"id":"1512","event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"bfcb4b8e"}
 * {"event":"error","msg":"Subscribe failed, wrong URL or channel:books,instId:NOPE-USDT doesn't exist.","code":"60018",
 *  "connId":"5e1f2fe5","id":"ob1"}
 * {"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.",
 *  "connId":"a4d3ae55"}
 */
function control(frame: JsonObject, type: RequestType, asked: Asked, emit: Emit): void {
  const { event, arg, id, code } = frame;
  const reason = saying(code ?? event, frame.msg ?? frame.channel);
  if (event === 'notice' && code === '64008') return emit({ kind: 'restart', reason });
  if (event === 'error' || event === 'channel-conn-count-error') {
    const named = symbolIn(reason);
    const symbols = named === null ? [...(asked.get(id) ?? [])] : [named];
    settle(asked, id, symbols);
    return emit({ kind: 'refused', symbols, reason });
  }
  if (
    event === 'subscribe' &&
    isObject(arg) &&
    isChannelOf(type, arg.channel) &&
    typeof arg.instId === 'string'
  ) {
    const symbols = [arg.instId];
    settle(asked, id, symbols);
    return emit({ kind: 'ack', symbols });
  }
  emit({ kind: 'alive' });
}

function symbolIn(reason: string): string | null {
  return /\binstId:([^\s,]+)/.exec(reason)?.[1] ?? null;
}

function settle(asked: Asked, id: unknown, symbols: readonly string[]): void {
  const rest = asked.get(id);
  for (const symbol of symbols) rest?.delete(symbol);
  if (rest?.size === 0) asked.delete(id);
}

/** Of a ticker only the last price is required: any other figure that is no decimal is none. */
function figure(value: unknown): number | null {
  const read = optionalDecimal(value);
  return read === null || Number.isFinite(read) ? read : null;
}

/**
 * https://www.okx.com/docs-v5/en/#public-data-websocket-tickers-channel
 * {"arg":{"channel":"tickers","instId":"ETH-USDT"},"data":[{"instType":"SPOT","instId":"ETH-USDT","last":"4169.19",
 *  "lastSz":"0.002183","askPx":"4169.2","askSz":"1.608","bidPx":"4169.06","bidSz":"15.472268","open24h":"4156.09",
 *  "high24h":"4229","low24h":"4114.28","sodUtc0":"4164.29","sodUtc8":"4180.57","volCcy24h":"475867375.49587197",
 *  "vol24h":"113886.022388","ts":"1758682068249"}]}
 * On spot vol24h counts base units and volCcy24h quote units; on derivatives it is the other way round.
 */
function ticker(value: JsonObject, market: Market, receivedAt: Micros): Event {
  const close = decimal(value.last);
  const open = figure(value.open24h);
  const change = changeOf(close, null, open);
  return {
    kind: 'ticker',
    market,
    timestamp: timeOfDigits(value.ts),
    received_at: receivedAt,
    stream_type: 'REALTIME',
    open,
    high: figure(value.high24h),
    low: figure(value.low24h),
    close,
    volume: figure(value.vol24h),
    quote_volume: figure(value.volCcy24h),
    prev_close: null,
    change_price: change,
    change_rate: rateOf(change, null, open),
    bid: figure(value.bidPx),
    bid_size: figure(value.bidSz),
    ask: figure(value.askPx),
    ask_size: figure(value.askSz),
  };
}

/**
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-trades-channel
 * {"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"1067468269","px":"83753",
 *  "sz":"0.000011","side":"sell","ts":"1791369376364","count":"1","source":"0","seqId":82083114838}]}
 * The fills of one taker order at one price are one trade of `count` ids, of which tradeId is the last. Over REST every
 * fill is a trade, newest first: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades-history
 * {"code":"0","msg":"","data":[{"instId":"BTC-USDT","side":"sell","sz":"0.00013669","px":"102537.9","source":"0",
 *  "tradeId":"734864333","ts":"1747087163557"}]}
 */
function trade(value: JsonObject, market: Market, received_at: Micros, stream_type?: StreamType): Trade {
  return tradeRow({
    market,
    timestamp: timeOfDigits(value.ts),
    received_at,
    ...(stream_type && { stream_type }),
    trade_id: digits(value.tradeId),
    fills: fillsOf(value.count),
    price: decimal(value.px),
    volume: decimal(value.sz),
    side: sideOf(value.side, 'buy', 'sell'),
  });
}

const DIGITS = /^\d+$/;

/** Ids are counted with, so they must be digits alone. */
function digits(value: unknown): string {
  return typeof value === 'string' && DIGITS.test(value) ? value : '';
}

/** Absent in old frames, over REST and on `trades-all`, where every fill is a trade. */
function fillsOf(count: unknown): number {
  const fills = decimal(count);
  return Number.isSafeInteger(fills) && fills > 0 ? fills : 1;
}

/**
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
 * {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["8476.98","415","0","13"]],
 *  "bids":[["8476.97","0","0","0"]],"ts":"1597026383085","prevSeqId":123456,"seqId":123457}]}
 * Price, size, a zero, the number of orders. Fewer levels than 400 come without an action. A sign of life is a change of
 * nothing, whose two numbers are the same; seqId may fall after maintenance. The checksum is 0, or gone, since June 2026.
 */
function orderbook(
  value: JsonObject,
  action: unknown,
  row: number,
  market: Market,
  received_at: Micros,
): Event {
  if (action !== undefined && action !== 'snapshot' && action !== 'update')
    return { kind: 'reject', reason: 'neither a snapshot nor an update', row };
  const bids = pairLevels(value.bids, 'bids');
  const asks = pairLevels(value.asks, 'asks');
  const sequence = optionalNumber(value.seqId);
  const change = action === 'update';
  // Before 2023 there were no numbers.
  if (change && sequence === null && bids.length + asks.length === 0) return { kind: 'alive' };
  return bookRow({
    market,
    timestamp: timeOfDigits(value.ts),
    received_at,
    stream_type: action === 'snapshot' ? 'SNAPSHOT' : 'REALTIME',
    type: change ? 'DELTA' : 'SNAPSHOT',
    bids,
    asks,
    sequence,
    prev_sequence: change && value.prevSeqId !== -1 ? optionalNumber(value.prevSeqId) : null,
    checksum: value.checksum === 0 ? null : optionalNumber(value.checksum),
  });
}

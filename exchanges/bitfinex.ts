import type { Emit, Exchange, Listing, Session, SessionOptions } from '../src/core/exchange.ts';
import { parseFrame } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { ChannelIds } from '../src/core/market/channel-ids.ts';
import { spelledLevels, turnChecksum } from '../src/core/market/checksum.ts';
import { FrameMarks, type Marks } from '../src/core/market/frame-marks.ts';
import { signedLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import type { Markets } from '../src/core/market/markets.ts';
import {
  idOf,
  inside,
  isObject,
  type JsonObject,
  number,
  optionalNumber,
  timeOf,
  words,
} from '../src/core/market/read-values.ts';
import { RecentIds } from '../src/core/market/recent-ids.ts';
import type { StreamType, Trade } from '../src/core/market/rows.ts';
import { tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { onward } from '../src/core/market/trade-walks.ts';
import { restBook } from '../src/core/rest-state.ts';

/**
 * Bitfinex, spot, Europe, public WebSocket API v2. https://docs.bitfinex.com/docs/ws-public
 * Events are objects, data are arrays that name a channel id and no symbol: only the ack ties the two, for this socket.
 * Arrays may grow at their end. One channel and symbol per request; a refused one leaves the socket as it was.
 */
export const bitfinex: Exchange = {
  id: 'bitfinex',
  name: 'Bitfinex',
  region: 'eu',
  docs: 'https://docs.bitfinex.com/docs/ws-public',
  types: ['ticker', 'trade', 'orderbook'],

  endpoint: () => 'wss://api-pub.bitfinex.com/ws/2',
  hosts: ['api-pub.bitfinex.com'],
  encoding: 'text',

  // https://docs.bitfinex.com/docs/requirements-and-limitations: 20 opens a minute, else 60 s without. Documents say 25
  // or 30 channels per socket; 25 is the safe one. The rate of messages is not published: 10 a second is ours.
  limits: {
    codesPerFrame: 1,
    frameChars: null,
    codesPerSocket: 25,
    sends: [{ count: 10, perMs: 1000 }],
    opens: [{ count: 20, perMs: 60_000 }],
    // Half of the 15 a minute that an address has for trades; over them it is shut out for 60 s.
    rest: [{ count: 7, perMs: 60_000 }],
    shutOutMs: 60_000,
    sockets: null,
    lifetimeMs: null,
  },

  // The server beats every 15 s on every channel, busy or quiet.
  heartbeat: { deadAfterMs: 35_000 },
  confirms: 'ack',
  subscribing: 'add',
  // Nothing is said about their order, and a snapshot is newest first.
  tradeIds: 'unordered',

  markets: {
    urls: ['https://api-pub.bitfinex.com/v2/conf/pub:list:pair:exchange'],
    // It has a limit of its own, of 90 a minute.
    weight: 0,
    parse,
    split,
  },

  // Levels that leave the depth are removed one by one. The checksum covers 25 of a side, in frames of its own.
  orderbooks: {
    choices: ['100', '25', '250', '1'],
    start: () => 'sent',
    crossedMs: null,
    checksum: {
      marks: false,
      of: ({ bids, asks }) => turnChecksum(spelledLevels(bids, 1), spelledLevels(asks, -1)),
    },
  },

  // Of equal addresses the answer is kept for some seconds: the end makes one of every second's.
  pastTrades: {
    proof: 'time',
    reach: null,
    weight: 1,
    first: ({ market, before, after, from, to }, now) => {
      const end = Math.ceil((after?.timestamp ?? to) / 1000) + 1 + (Math.floor(now / 1_000_000) % 60);
      return past(market, before?.timestamp ?? from, end);
    },
    next({ market }, { trades, rejected }, asked) {
      if (trades.length + rejected.length < PAST_PAGE || trades.length === 0) return null;
      const newest = Math.max(...trades.map(({ timestamp }) => timestamp));
      return onward(asked, past(market, newest, Number(new URL(asked).searchParams.get('end'))));
    },
    read: tradePage({
      list(body) {
        if (isObject(body)) return words(body.error);
        if (!Array.isArray(body)) return '';
        return body[0] === 'error' ? `${words(body[1])} ${words(body[2])}`.trim() : body;
      },
      never: /invalid/,
      trade: (row, { market, receivedAt }) =>
        Array.isArray(row) ? trade(row, market, 'BACKFILL', receivedAt) : null,
    }),
  },

  restState: {
    price: {
      url: ({ symbol }) => `https://api-pub.bitfinex.com/v2/ticker/${symbol}`,
      read: (body) => number(inside(body, 6)),
    },
    book: {
      url: ({ symbol }) => `https://api-pub.bitfinex.com/v2/book/${symbol}/P0?len=100`,
      read(body) {
        const entries: unknown[] = Array.isArray(body) ? body : [];
        return restBook(signedLevels(entries, 'bids'), signedLevels(entries, 'asks'));
      },
    },
  },

  session,
};

/** Rows of a page. */
const PAST_PAGE = 10_000;

/** Both ends are included. */
function past({ symbol }: Market, from: Micros, endMs: number): string {
  const times = `start=${Math.floor(from / 1000)}&end=${endMs}`;
  const name = encodeURIComponent(symbol);
  return `https://api-pub.bitfinex.com/v2/trades/${name}/hist?limit=${PAST_PAGE}&${times}&sort=1`;
}

/** [["ADABTC","AAVE:USD","BTCUST",…]]: pairs without `t`, all tradable but for the exchange's own test pairs. */
function parse(bodies: readonly unknown[]): Listing[] {
  const [body] = bodies;
  const list: unknown = Array.isArray(body) ? body[0] : undefined;
  if (!Array.isArray(list)) throw new Error('pub:list:pair:exchange is not an array in an array');
  return list.flatMap((name: unknown) => {
    const symbol = `t${words(name)}`;
    const pair = split(symbol);
    const test = !pair || name === 'AAABBB' || pair.base.startsWith('TEST') || pair.quote.startsWith('TEST');
    return test ? [] : [{ symbol, ...pair }];
  });
}

const SYMBOL = /^t(?:([A-Z0-9]{3})([A-Z0-9]{3})|([A-Z0-9]+):([A-Z0-9]+))$/;

/**
 * `tBTCUSD`, `tDUSK:USD`; UST is USDT as a whole code only (`tTERRAUST` is none). `f…` is funding, `…F0` a derivative.
 * https://docs.bitfinex.com/docs/ws-general: the exchange's map of currencies renames more; they stay as sent.
 */
function split(symbol: string): Pair | null {
  const parts = SYMBOL.exec(symbol);
  const base = parts?.[1] ?? parts?.[3];
  const quote = parts?.[2] ?? parts?.[4];
  if (!base || !quote || base.endsWith('F0') || quote.endsWith('F0')) return null;
  return { base: base === 'UST' ? 'USDT' : base, quote: quote === 'UST' ? 'USDT' : quote };
}

const TIMESTAMP = 32_768;
const SEQ_ALL = 65_536;
const OB_CHECKSUM = 131_072;

const CHANNELS = { ticker: 'ticker', trade: 'trades', orderbook: 'book' } as const;

type Values = readonly unknown[];

interface Socket {
  readonly type: RequestType;
  readonly channel: string;
  /** What a subscription says beside channel and symbol. */
  readonly asking: JsonObject;
  readonly markets: Markets;
  readonly channels: ChannelIds;
  /** Trades whose `tu` brings nothing new; it follows its `te` within a second. */
  readonly told: RecentIds;
  /** Number and time behind the payload of a frame. */
  readonly marks: FrameMarks;
  /** No event beyond the conf ack was read of a recording: it may lack them all, acks too. */
  bare: boolean;
}

function session(
  type: RequestType,
  markets: Markets,
  { book = '100', recorded = false }: SessionOptions = {},
): Session {
  const state = {
    channels: new ChannelIds(),
    told: new RecentIds(2000),
    marks: new FrameMarks(),
    bare: recorded,
  };
  const asking = type === 'orderbook' ? { prec: 'P0', freq: 'F0', len: book } : {};
  const socket: Socket = { type, channel: CHANNELS[type], asking, markets, ...state };
  const flags = TIMESTAMP + SEQ_ALL + (type === 'orderbook' ? OB_CHECKSUM : 0);
  return {
    open: () => [JSON.stringify({ event: 'conf', flags })],
    change: (_want, add, drop) => [
      ...drop.flatMap((market) => unsubscribe(socket, market)),
      ...add.map((market) => subscribe(socket, market)),
    ],
    read(text, receivedAt, emit) {
      const frame = parseFrame(text);
      if (Array.isArray(frame)) return data(socket, frame, receivedAt, emit);
      if (isObject(frame)) return control(socket, frame, emit);
      emit({ kind: 'reject', reason: 'neither an array nor an object', row: null });
    },
  };
}

function subscribe({ channels, channel, asking }: Socket, market: Market): string {
  channels.want(market);
  return JSON.stringify({ event: 'subscribe', channel, symbol: market.symbol, ...asking });
}

function unsubscribe({ channels }: Socket, { symbol }: Market): string[] {
  const id = channels.drop(symbol);
  return id === undefined ? [] : [unsubscription(id)];
}

function unsubscription(id: number): string {
  return JSON.stringify({ event: 'unsubscribe', chanId: id });
}

function control(socket: Socket, frame: JsonObject, emit: Emit): void {
  const { event, code } = frame;
  if (typeof event !== 'string') return emit({ kind: 'reject', reason: 'event is not a word', row: null });
  if (event !== 'conf') socket.bare = false;
  if (event === 'subscribed') return confirm(socket, frame, emit);
  if (event === 'unsubscribed') return end(socket, frame, emit);
  if (event === 'error') return refusal(socket, frame, emit);
  if (event === 'conf' && frame.status === 'OK' && isId(frame.flags))
    socket.marks.agree((frame.flags & SEQ_ALL) !== 0, (frame.flags & TIMESTAMP) !== 0);
  // 20051: the server restarts. 20061: maintenance is over, everything must be subscribed again.
  if (event === 'info' && (code === 20051 || code === 20061)) {
    return emit({ kind: 'restart', reason: `info ${code} ${words(frame.msg)}`.trim() });
  }
  emit({ kind: 'alive' });
}

/** {"event":"subscribed","channel":"ticker","chanId":232950,"symbol":"tDOGUSD","pair":"DOGUSD"} */
function confirm(socket: Socket, { channel, symbol, chanId }: JsonObject, emit: Emit): void {
  const market = typeof symbol === 'string' ? socket.markets.get(symbol) : undefined;
  if (channel !== socket.channel || !market || !isId(chanId)) return emit({ kind: 'alive' });
  if (!socket.channels.bind(chanId, market)) return emit({ kind: 'send', text: unsubscription(chanId) });
  emit({ kind: 'ack', symbols: [market.symbol] });
}

/** {"event":"unsubscribed","status":"OK","chanId":204928}; a channel that nobody had dropped is missed. */
function end({ channels }: Socket, { chanId }: JsonObject, emit: Emit): void {
  const symbol = isId(chanId) ? channels.end(chanId) : undefined;
  emit(symbol === undefined ? { kind: 'alive' } : { kind: 'resync', symbol });
}

/**
 * {"channel":"book","symbol":"tNOPEF0:USTF0","event":"error","msg":"symbol: invalid","code":10300,"pair":"NOPEF0:USTF0"}
 * 10301 is a second subscription of what there is, whose id it names. 10305 is about the socket, not about the symbol.
 * 10400 is an unsubscription of what there is not.
 */
function refusal(socket: Socket, frame: JsonObject, emit: Emit): void {
  if (frame.code === 10301) return confirm(socket, frame, emit);
  const reason = `${words(frame.code)} ${words(frame.msg)}`.trim();
  const own = typeof frame.symbol === 'string' && (frame.channel ?? socket.channel) === socket.channel;
  const symbols = own ? [String(frame.symbol)] : [];
  emit({ kind: 'refused', symbols, reason, ...(frame.code === 10305 ? { full: true } : {}) });
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/**
 * [chanId, payload, …], [chanId, "te" | "tu" | "cs", payload, …] or [chanId, "hb", …]; behind them, as the conf ack
 * says, the number of the frame on this socket and the server's time. Data of an unknown channel is dropped: it may
 * come before its ack, or after the channel's end.
 */
function data(socket: Socket, frame: Values, receivedAt: Micros, emit: Emit): void {
  const id = frame[0];
  const body = frame[1];
  if (!isId(id)) return emit({ kind: 'reject', reason: 'no channel id', row: null });
  const extras = typeof body === 'string' && body !== 'hb' ? 3 : 2;
  const marks = socket.marks.read(frame, extras);
  watch(socket, marks, emit);
  if (body === 'hb') return emit({ kind: 'alive' });
  const market = socket.channels.market(id) ?? (socket.bare ? socket.channels.adopt(id) : undefined);
  if (!market) return emit({ kind: 'alive' });
  if (body === 'cs') return checksum(socket, market, frame[2], emit);
  if (typeof body === 'string') return execution(socket, market, frame, receivedAt, emit);
  if (!Array.isArray(body)) return emit({ kind: 'reject', reason: 'payload is not an array', row: null });
  if (socket.type === 'trade') return trades(socket.told, market, body, receivedAt, emit);
  if (socket.type === 'orderbook') return orderbook(body, market, marks, receivedAt, emit);
  ticker(body, market, marks.time ?? receivedAt, receivedAt, emit);
}

/**
 * A hole in the socket's numbers is a lost frame of no telling which channel. A ticker mends itself; every book is in
 * doubt; trades are subscribed again, whose snapshots bring back what was lost.
 */
function watch({ type, marks, channels }: Socket, read: Marks, emit: Emit): void {
  if (type === 'ticker' || !marks.hole(read)) return;
  if (type === 'orderbook') return emit({ kind: 'broken', symbol: null, cause: 'sequence' });
  for (const symbol of channels.symbols()) emit({ kind: 'resync', symbol });
}

/**
 * https://docs.bitfinex.com/reference/ws-public-ticker
 * [232950,[278200,1.7023900800000002,282030,2.2626931299999997,-66440,-0.1903,282780,32.20946748,402510,231840],3]
 * BID, sum of 25 bid sizes, ASK, sum of 25 ask sizes, change, change as a fraction, LAST, volume, HIGH, LOW. A market
 * without a last price has no row.
 */
function ticker(row: Values, market: Market, at: Micros, receivedAt: Micros, emit: Emit): void {
  if (row.length < 10) return emit({ kind: 'reject', reason: 'a ticker has 10 elements', row: null });
  if (row[6] === null) return emit({ kind: 'alive' });
  emit({
    kind: 'ticker',
    market,
    timestamp: at,
    received_at: receivedAt,
    stream_type: 'REALTIME',
    open: null,
    high: optionalNumber(row[8]),
    low: optionalNumber(row[9]),
    close: number(row[6]),
    volume: optionalNumber(row[7]),
    quote_volume: null,
    prev_close: null,
    change_price: optionalNumber(row[4]),
    change_rate: optionalNumber(row[5]),
    bid: optionalNumber(row[0]),
    bid_size: null,
    ask: optionalNumber(row[2]),
    ask_size: null,
  });
}

/** The snapshot: about 30 latest trades, newest first. */
function trades(told: RecentIds, market: Market, rows: Values, at: Micros, emit: Emit): void {
  if (rows.length === 0) emit({ kind: 'alive' });
  for (let i = 0; i < rows.length; i++) {
    const row: unknown = rows[i];
    if (Array.isArray(row)) tell(told, row, trade(row, market, 'SNAPSHOT', at), emit, i);
    else emit({ kind: 'reject', reason: 'trade is not an array', row: i });
  }
}

/** `te` is the execution, `tu` tells it again a moment later: a row only where its `te` was lost. */
function execution({ type, told }: Socket, market: Market, frame: Values, at: Micros, emit: Emit): void {
  const [, word, row] = frame;
  if (type !== 'trade' || (word !== 'te' && word !== 'tu')) return emit({ kind: 'alive' });
  if (!Array.isArray(row)) return emit({ kind: 'reject', reason: 'trade is not an array', row: null });
  if (word === 'tu' && told.has(row[0])) return emit({ kind: 'alive' });
  tell(told, row, trade(row, market, 'REALTIME', at), emit);
}

function tell(told: RecentIds, row: Values, deal: Trade, emit: Emit, index?: number): void {
  if (deal.price > 0 && deal.volume > 0) told.add(row[0]);
  emit(deal, index);
}

/**
 * https://docs.bitfinex.com/reference/ws-public-trades
 * [6957,"tu",[382490248,1564617600489,0.43426,218.74],11,1564617600570]
 * ID, time in ms, AMOUNT (above 0 the taker bought, below he sold), PRICE: the amount stands first. The same over REST:
 * https://docs.bitfinex.com/reference/rest-public-trades: [[388063448,1567526214876,1.918524,10682]]
 */
function trade(row: Values, market: Market, streamType: StreamType, receivedAt: Micros): Trade {
  const amount = number(row[2]);
  return tradeRow({
    market,
    timestamp: timeOf(row[1]),
    received_at: receivedAt,
    stream_type: streamType,
    trade_id: typeof row[0] === 'number' ? idOf(row[0]) : '',
    price: number(row[3]),
    volume: Math.abs(amount),
    side: amount > 0 ? 'BUY' : amount < 0 ? 'SELL' : 'UNKNOWN',
  });
}

/**
 * https://docs.bitfinex.com/reference/ws-public-books
 * [759362,[[86704,1,0.03460649],[86697,1,0.03650034],[86719,2,-0.03483509]],1,1790134414850] is a whole book,
 * [759362,[86719,2,-0.03483509],2,1790134414851] and [759362,[86664,0,1],3,1790134414852] are changes.
 * PRICE, COUNT of orders, AMOUNT: above 0 a bid, below an ask; with COUNT 0 the level is gone, whatever the AMOUNT.
 */
function orderbook(body: Values, market: Market, { seq, time }: Marks, at: Micros, emit: Emit): void {
  const whole = body.every((entry) => Array.isArray(entry));
  const entries = whole ? body : [body];
  const type = whole ? 'SNAPSHOT' : 'DELTA';
  const stream_type = whole ? 'SNAPSHOT' : 'REALTIME';
  emit(
    bookRow({
      market,
      timestamp: time ?? at,
      received_at: at,
      stream_type,
      type,
      bids: signedLevels(entries, 'bids'),
      asks: signedLevels(entries, 'asks'),
      sequence: seq,
    }),
  );
}

/** [759362,"cs",1330055495,4,1790134414853]: over the book as the frames before it left it. */
function checksum({ type }: Socket, { symbol }: Market, value: unknown, emit: Emit): void {
  if (type !== 'orderbook') return emit({ kind: 'alive' });
  if (Number.isInteger(value)) emit({ kind: 'checksum', symbol, value: number(value) });
  else emit({ kind: 'reject', reason: 'the checksum is no integer', row: null });
}

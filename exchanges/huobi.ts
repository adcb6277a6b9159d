import type { Emit, Event, Exchange, Session } from '../src/core/exchange.ts';
import { parseObject } from '../src/core/frame.ts';
import { bookRow } from '../src/core/market/book-row.ts';
import { pairLevels } from '../src/core/market/levels.ts';
import type { Market, Micros, Pair, RequestType } from '../src/core/market/market.ts';
import { cutSuffix, listing, type Markets } from '../src/core/market/markets.ts';
import {
  type Cursor,
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
import { type Answer, tradePage } from '../src/core/market/trade-page.ts';
import { tradeRow } from '../src/core/market/trade-row.ts';
import { newestOnly } from '../src/core/market/trade-walks.ts';

const FULL_BOOK = 'mbp.150';
const CHANNELS = { ticker: 'ticker', trade: 'trade.detail' } as const;
/** `market.btcusdt.trade.detail`: symbol and channel. */
const TOPICS: Readonly<Record<RequestType, RegExp>> = {
  ticker: /^market\.(.*)\.(ticker)$/,
  trade: /^market\.(.*)\.(trade\.detail)$/,
  orderbook: /^market\.(.*)\.(depth\.step\d+|mbp\.(?:refresh\.)?\d+)$/,
};
/** Channels of order books that send changes. */
const CHANGES = /^mbp\.\d+$/;

import { pairBook } from '../src/core/rest-state.ts';

/**
 * Huobi (HTX), spot, Asia. https://www.htx.com/en-us/opend/newApiPages/
 * Every frame from the server is gzip, its pings, acks and errors too; frames to it are text. One topic per request.
 * Symbols are lower case. Numbers are JSON numbers as Java prints them: 9.121E-7.
 */
export const huobi: Exchange = {
  id: 'huobi',
  name: 'Huobi',
  region: 'asia',
  docs: 'https://www.htx.com/en-us/opend/newApiPages/',
  types: ['ticker', 'trade', 'orderbook'],

  // Market by price has an address of its own.
  endpoint: (type, book = FULL_BOOK) =>
    type === 'orderbook' && book.startsWith('mbp') ? 'wss://api.huobi.pro/feed' : 'wss://api.huobi.pro/ws',
  hosts: ['api.huobi.pro', 'api-aws.huobi.pro'],
  encoding: 'gzip',

  // No limit of subscriptions is published, though "429 too many request" exists: these are cautious.
  limits: {
    codesPerFrame: 1,
    frameChars: null,
    codesPerSocket: 200,
    sends: [{ count: 1, perMs: 100 }],
    opens: [{ count: 1, perMs: 500 }],
    // Half of the 10 a second that an address is known to have.
    rest: [{ count: 5, perMs: 1000 }],
    sockets: null,
    lifetimeMs: null,
  },

  // The server pings every 5 s and cuts a socket that left two pings without an answer.
  heartbeat: { deadAfterMs: 15_000 },
  confirms: 'ack',
  subscribing: 'add',
  // They rise, but a frame has the newest trade first.
  tradeIds: 'unordered',

  markets: {
    urls: ['https://api.huobi.pro/v1/common/symbols'],
    parse([body]) {
      const list = isObject(body) && body.status === 'ok' ? body.data : undefined;
      if (!Array.isArray(list)) throw new Error('common/symbols has no data');
      return list.flatMap((row: unknown) => {
        if (!isObject(row) || row.state !== 'online') return [];
        // Newer lists say `te`.
        if (row['api-trading'] !== 'enabled' && row.te !== true) return [];
        return listing(row.symbol, row['base-currency'], row['quote-currency']);
      });
    },
    split,
  },

  // Market by price: changes, and a whole book upon a request; the others are whole in every frame.
  orderbooks: {
    choices: [
      FULL_BOOK,
      'mbp.400',
      'mbp.5',
      'depth.step0',
      'mbp.refresh.20',
      'mbp.refresh.10',
      'mbp.refresh.5',
    ],
    start: (choice) => (CHANGES.test(choice) ? 'asked' : 'whole'),
    crossedMs: null,
  },

  // The network in front of the exchange keeps answers for a while: the size makes an address of every second's.
  pastTrades: {
    proof: 'ids',
    reach: { rows: 1991 },
    weight: 1,
    ...newestOnly(({ symbol }, now) => {
      const size = 2000 - (Math.floor(now / 1_000_000) % 10);
      return `https://api.huobi.pro/market/history/trade?symbol=${encodeURIComponent(symbol)}&size=${size}`;
    }),
    read: tradePage({
      list: pastIn,
      never: /^(invalid-parameter|bad-request|base-symbol)/,
      id: 'trade-id',
      trade: past,
    }),
  },

  restState: {
    clock: { url: 'https://api.huobi.pro/v1/common/timestamp', read: (body) => timeOf(inside(body, 'data')) },
    price: {
      url: ({ symbol }) => `https://api.huobi.pro/market/detail/merged?symbol=${symbol}`,
      read: (body) => number(inside(body, 'tick', 'close')),
    },
    // `version` is the number of the channel of that name alone.
    book: {
      url: ({ symbol }) => `https://api.huobi.pro/market/depth?symbol=${symbol}&type=step0`,
      read(body, choice) {
        const book = inside(body, 'tick');
        return pairBook(
          book,
          choice === 'depth.step0' ? { sequence: number(inside(book, 'version')) } : {},
          number,
        );
      },
    },
  },

  session: (type, markets, { book = FULL_BOOK } = {}) =>
    session(type, type === 'orderbook' ? book : CHANNELS[type], markets),
};

/** Incomplete by nature: this serves only until the market list is there. Longest first. */
const QUOTES = ['husd', 'usdt', 'usdc', 'usdd', 'tusd', 'btc', 'eth', 'trx', 'ht'];

/** `btcusdt`: lower case, no separator. */
function split(symbol: string): Pair | null {
  return symbol.includes('.') ? null : cutSuffix(symbol, QUOTES);
}

/** @param channel what follows the symbol in the name of a topic */
function session(type: RequestType, channel: string, markets: Markets): Session {
  /** Symbols of requests that were not answered yet, by request id. */
  const asked = new Map<unknown, string>();
  let last = 0;
  const request = (verb: 'sub' | 'unsub' | 'req', { symbol }: Market) => {
    const id = String(++last);
    if (verb !== 'unsub') asked.set(id, symbol);
    return JSON.stringify({ [verb]: `market.${symbol}.${channel}`, id });
  };
  return {
    open: () => [],
    change: (_want, add, drop) => [
      ...drop.map((market) => request('unsub', market)),
      ...add.map((market) => request('sub', market)),
    ],
    askBook: (market) => [request('req', market)],
    read(text, receivedAt, emit) {
      const frame = parseObject(text);
      if (!frame) return emit({ kind: 'reject', reason: 'not a JSON object', row: null });
      const { ch = frame.rep } = frame;
      if (ch === undefined || frame.status === 'error') return control(frame, text, type, asked, emit);
      if (typeof ch !== 'string') return emit({ kind: 'reject', reason: 'ch is not a word', row: null });
      const topic = TOPICS[type].exec(ch);
      if (!topic) return emit({ kind: 'alive' });
      const [, symbol = '', own = ''] = topic;
      const market = markets.get(symbol);
      if (!market) return emit({ kind: 'reject', reason: 'ch names no market', row: null });
      if (type === 'orderbook') return orderbook(frame, own, market, receivedAt, asked, emit);
      const { tick } = frame;
      if (!isObject(tick)) return emit({ kind: 'reject', reason: 'tick is not a JSON object', row: null });
      return type === 'ticker'
        ? ticker(frame, tick, market, receivedAt, emit)
        : trades(tick, text, market, receivedAt, emit);
    },
  };
}

/** The latest one is enough. */
function pong(digits: string): Event {
  return { kind: 'send', text: `{"pong":${digits}}`, instead: 'pong' };
}

/**
 * {"ping":1786563068868} | {"id":"1","status":"ok","subbed":"market.btcusdt.ticker","ts":1786563067016}
 * {"status":"error","ts":1708936125335,"id":"1","err-code":"bad-request","err-msg":"invalid symbol foxusdt"}
 */
function control(
  frame: JsonObject,
  text: string,
  type: RequestType,
  asked: Map<unknown, string>,
  emit: Emit,
): void {
  const { ping, subbed, status, id } = frame;
  if (ping !== undefined) {
    const digits = exactDigits(text, 'ping', ping);
    return emit(digits === '' ? { kind: 'alive' } : pong(digits));
  }
  const symbol = asked.get(id);
  asked.delete(id);
  if (status === 'error') {
    const reason = saying(frame['err-code'], frame['err-msg']);
    return emit({ kind: 'refused', symbols: symbol === undefined ? [] : [symbol], reason });
  }
  const confirmed = typeof subbed === 'string' ? TOPICS[type].exec(subbed)?.[1] : undefined;
  emit(confirmed === undefined ? { kind: 'alive' } : { kind: 'ack', symbols: [confirmed] });
}

/**
 * https://www.htx.com/en-us/opend/newApiPages/?id=7ec53b69-7773-11ed-9966-0242ac110003
 * {"ch":"market.btcusdt.ticker","ts":1758719862440,"tick":{"open":112878.0,"high":113270.0,"low":111061.56,
 *  "close":113031.5,"amount":2043.2493917527684,"vol":2.2956121714205545E8,"count":161094,"bid":113031.99,
 *  "bidSize":1.059083,"ask":113032.0,"askSize":0.0012,"lastPrice":113031.5,"lastSize":0.006174}}
 * `amount` counts base units, `vol` quote units; all figures are of the last 24 h.
 */
function ticker(frame: JsonObject, tick: JsonObject, market: Market, receivedAt: Micros, emit: Emit): void {
  const close = number(tick.close);
  const open = optionalNumber(tick.open);
  const change = changeOf(close, null, open);
  emit({
    kind: 'ticker',
    market,
    timestamp: timeOf(frame.ts),
    received_at: receivedAt,
    stream_type: 'REALTIME',
    open,
    high: optionalNumber(tick.high),
    low: optionalNumber(tick.low),
    close,
    volume: optionalNumber(tick.amount),
    quote_volume: optionalNumber(tick.vol),
    prev_close: null,
    change_price: change,
    change_rate: rateOf(change, null, open),
    bid: optionalNumber(tick.bid),
    bid_size: optionalNumber(tick.bidSize),
    ask: optionalNumber(tick.ask),
    ask_size: optionalNumber(tick.askSize),
  });
}

/**
 * https://www.htx.com/en-us/opend/newApiPages/?id=7ec53dd5-7773-11ed-9966-0242ac110003
 * {"ch":"market.btcusdt.trade.detail","ts":1786563016025,"tick":{"id":192582254688,"ts":1786563016023,"data":[
 *  {"id":"1925822546881664607926422813","ts":1786563016023,"tradeId":103627281663,"amount":0.00556,"price":63349.89,
 *   "direction":"sell","isRpiTrade":false}]}}
 * Newest first; the rows keep that order. `direction` is the taker's.
 */
function trades(tick: JsonObject, text: string, market: Market, receivedAt: Micros, emit: Emit): void {
  const { data } = tick;
  if (!Array.isArray(data)) return emit({ kind: 'reject', reason: 'data is not an array', row: null });
  if (data.length === 0) emit({ kind: 'alive' });
  const cursor = { at: 0 };
  for (let row = 0; row < data.length; row++) {
    const value: unknown = data[row];
    if (!isObject(value)) {
      emit({ kind: 'reject', reason: 'not a JSON object', row });
      continue;
    }
    emit(trade(value, tradeId(value, text, cursor), market, receivedAt, 'REALTIME'), row);
  }
}

function trade(
  value: JsonObject,
  trade_id: string,
  market: Market,
  received_at: Micros,
  stream_type: StreamType,
): Trade {
  return tradeRow({
    market,
    timestamp: timeOf(value.ts),
    received_at,
    stream_type,
    trade_id,
    price: number(value.price),
    volume: number(value.amount),
    side: sideOf(value.direction, 'buy', 'sell'),
  });
}

/** Frames of 2019 have no tradeId, and an `id` of up to 27 digits. */
function tradeId({ tradeId, id }: JsonObject, text: string, cursor: Cursor): string {
  return tradeId === undefined || tradeId === null
    ? exactDigits(text, 'id', id, cursor)
    : exactDigits(text, 'tradeId', tradeId, cursor);
}

/**
 * https://www.htx.com/en-us/opend/newApiPages/ (market data, history of trades)
 * {"ch":"market.btcusdt.trade.detail","status":"ok","ts":1629793657842,"data":[{"id":136108763320,"ts":1629793656198,
 *  "data":[{"id":1.361087633203484e+26,"ts":1629793656198,"trade-id":102517381181,"amount":0.01125,"price":49655,
 *   "direction":"buy"}]}]}
 * Newest first, grouped by match. `trade-id` is the tradeId of the socket, `id` is not.
 */
function pastIn(body: unknown, { symbol }: Market): readonly unknown[] | string {
  if (!isObject(body)) return '';
  const { status, ch, data } = body;
  if (status === 'error') return saying(body['err-code'], body['err-msg']);
  if (status !== 'ok' || ch !== `market.${symbol}.trade.detail` || !Array.isArray(data)) return '';
  return data.flatMap((group: unknown) =>
    isObject(group) && Array.isArray(group.data) ? group.data : [group],
  );
}

function past(row: unknown, { market, receivedAt, id }: Answer): Trade | null {
  return isObject(row) ? trade(row, id, market, receivedAt, 'BACKFILL') : null;
}

/**
 * https://www.htx.com/en-us/opend/newApiPages/?id=7ec53fd5-7773-11ed-9966-0242ac110003
 * {"ch":"market.zecusdt.mbp.150","ts":1585074391470,"tick":{"seqNum":100772868478,"prevSeqNum":100772868476,
 *  "bids":[[618.37,71.594],[423.33,0.0]],"asks":[]}}
 * {"id":"6","rep":"market.zecusdt.mbp.150","status":"ok","data":{"seqNum":100772868476,"bids":[…],"asks":[…]}}
 * {"ch":"market.htusdt.depth.step0","ts":1572362902027,"tick":{"bids":[[3.7721,344.86]],"asks":[[3.7745,15.44]],
 *  "version":100434317651,"ts":1572362902012}}
 * Of mbp.5 a side without a change is left out. In 2019 depth.step0 sent changes too, marked `update`.
 */
function orderbook(
  { ts, id, rep, update, data, tick = data }: JsonObject,
  channel: string,
  market: Market,
  received_at: Micros,
  asked: Map<unknown, string>,
  emit: Emit,
): void {
  if (rep !== undefined) asked.delete(id);
  if (!isObject(tick)) return emit({ kind: 'reject', reason: 'there is no tick', row: null });
  const changes = rep === undefined && CHANGES.test(channel);
  const time = tick.ts ?? ts;
  emit(
    bookRow({
      market,
      timestamp: time === undefined ? received_at : timeOf(time),
      received_at,
      stream_type: rep === undefined ? 'REALTIME' : 'SNAPSHOT',
      type: changes || update === true ? 'DELTA' : 'SNAPSHOT',
      bids: pairLevels(tick.bids === undefined ? [] : tick.bids, 'bids', number),
      asks: pairLevels(tick.asks === undefined ? [] : tick.asks, 'asks', number),
      sequence: number(channel.startsWith('depth') ? tick.version : tick.seqNum),
      prev_sequence: changes ? number(tick.prevSeqNum) : null,
    }),
  );
}

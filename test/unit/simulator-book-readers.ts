import { bitfinexChecksum, krakenChecksum } from '../simulator/books/checksum.ts';

/** A book that a test rebuilds from frames as the exchange's page says, and what it found broken on the way. */
export class ReadBook {
  bids = new Map<number, number>();
  asks = new Map<number, number>();
  /** Number of the last frame, where there are any. */
  sequence: number | null = null;
  /** Epoch milliseconds in the last frame. */
  at = 0;
  frames = 0;
  snapshots = 0;
  checksums = 0;
  readonly broken: string[] = [];
  /** Binance and Huobi: changes that wait for the whole book. */
  waiting: Record<string, unknown>[] | null = [];

  replace(bids: Pairs, asks: Pairs): void {
    this.snapshots++;
    this.bids = new Map(bids.map(pair).filter(([price, size]) => price > 0 && size > 0));
    this.asks = new Map(asks.map(pair).filter(([price, size]) => price > 0 && size > 0));
  }

  set(buys: boolean, price: number, size: number): void {
    const side = buys ? this.bids : this.asks;
    if (size === 0) side.delete(price);
    else side.set(price, size);
  }

  apply(bids: Pairs, asks: Pairs): void {
    for (const [price, size] of bids.map(pair)) this.set(true, price, size);
    for (const [price, size] of asks.map(pair)) this.set(false, price, size);
  }

  best(buys: boolean): [number, number][] {
    return [...(buys ? this.bids : this.asks)].sort(([a], [b]) => (buys ? b - a : a - b));
  }

  cut(depth: number): void {
    this.bids = new Map(this.best(true).slice(0, depth));
    this.asks = new Map(this.best(false).slice(0, depth));
  }
}

type Cell = string | number;
type Pairs = readonly (readonly Cell[])[];
// biome-ignore lint/suspicious/noExplicitAny: frames of eleven exchanges, read by name
type Frame = any;

function pair([price, size]: readonly Cell[]): [number, number] {
  return [Number(price), Number(size)];
}

export interface Reader {
  readonly path: string;
  requests(symbol: string): unknown[];
  read(frame: Frame, book: ReadBook, text: string): void;
}

function units(frame: Frame): [Pairs, Pairs] {
  const list: Frame[] = frame.orderbook_units;
  return [list.map((u) => [u.bid_price, u.bid_size]), list.map((u) => [u.ask_price, u.ask_size])];
}

function quantities(levels: { price: string; qty: string }[]): Pairs {
  return levels.map(({ price, qty }) => [price, qty]);
}

/** Links a change to the one before; a hole is broken, an older one passed over. */
function linked(book: ReadBook, previous: number, sequence: number): boolean {
  if (book.sequence !== previous) book.broken.push(`follows ${previous}, had ${book.sequence}`);
  book.sequence = sequence;
  return true;
}

const whole = (path: string, requests: (symbol: string) => unknown[], read: Reader['read']): Reader => ({
  path,
  requests,
  read,
});

export const READERS: Readonly<Record<string, Reader>> = {
  upbit: whole(
    '/websocket/v1',
    (code) => [[{ ticket: 'x' }, { type: 'orderbook', codes: [code] }]],
    (frame, book) => {
      if (frame.type !== 'orderbook') return;
      book.at = frame.timestamp;
      book.replace(...units(frame));
    },
  ),
  bithumb: whole(
    '/websocket/v1',
    (code) => [[{ ticket: 'x' }, { type: 'orderbook', codes: [code] }]],
    (frame, book) => {
      if (frame.type !== 'orderbook') return;
      book.at = Math.floor(frame.timestamp / 1000);
      book.replace(...units(frame));
    },
  ),
  coinone: whole(
    '/',
    (code) => {
      const [quote_currency, target_currency] = code.split('-');
      return [
        { request_type: 'SUBSCRIBE', channel: 'ORDERBOOK', topic: { quote_currency, target_currency } },
      ];
    },
    ({ response_type, data }, book) => {
      if (response_type !== 'DATA') return;
      book.at = Number(data.id.slice(0, 13));
      book.sequence = Number(data.id);
      book.replace(quantities(data.bids), quantities(data.asks));
    },
  ),
  korbit: whole(
    '/v2/public',
    (symbol) => [[{ method: 'subscribe', type: 'orderbook', symbols: [symbol] }]],
    ({ type, data }, book) => {
      if (type !== 'orderbook') return;
      book.at = data.timestamp;
      book.replace(quantities(data.bids), quantities(data.asks));
    },
  ),
  binance: {
    path: '/ws',
    requests: (symbol) => [{ method: 'SUBSCRIBE', params: [`${symbol.toLowerCase()}@depth@100ms`], id: 1 }],
    read(frame, book) {
      if (frame.lastUpdateId !== undefined) {
        const held = book.waiting ?? [];
        book.waiting = null;
        book.sequence = frame.lastUpdateId;
        book.replace(frame.bids, frame.asks);
        for (const each of held) this.read(each, book, '');
        return;
      }
      if (frame.e !== 'depthUpdate') return;
      if (book.waiting) {
        book.waiting.push(frame);
        return;
      }
      const { U, u } = frame as { U: number; u: number };
      if (u <= (book.sequence ?? 0)) return;
      if (U > (book.sequence ?? 0) + 1) book.broken.push(`U ${U} after ${book.sequence}`);
      book.sequence = u;
      book.at = frame.E;
      book.apply(frame.b, frame.a);
    },
  },
  bybit: {
    path: '/v5/public/spot',
    requests: (symbol) => [{ op: 'subscribe', args: [`orderbook.200.${symbol}`] }],
    read({ type, data, cts }, book) {
      if (!data) return;
      book.at = cts;
      if (type === 'snapshot') {
        book.sequence = data.u;
        return book.replace(data.b, data.a);
      }
      linked(book, data.u - 1, data.u);
      book.apply(data.b, data.a);
    },
  },
  okx: {
    path: '/ws/v5/public',
    requests: (instId) => [{ op: 'subscribe', args: [{ channel: 'books', instId }] }],
    read({ action, data }, book) {
      if (!data) return;
      const [{ bids, asks, seqId, prevSeqId, ts }] = data;
      book.at = Number(ts);
      if (action === 'snapshot') {
        book.sequence = seqId;
        return book.replace(bids, asks);
      }
      linked(book, prevSeqId, seqId);
      book.apply(bids, asks);
    },
  },
  huobi: {
    path: '/feed',
    requests: (symbol) => [
      { sub: `market.${symbol}.mbp.150`, id: '1' },
      { req: `market.${symbol}.mbp.150`, id: '2' },
    ],
    read(frame, book) {
      if (frame.rep) {
        const held = book.waiting ?? [];
        book.waiting = null;
        book.sequence = frame.data.seqNum;
        book.at = frame.ts;
        book.replace(frame.data.bids, frame.data.asks);
        for (const each of held) this.read(each, book, '');
        return;
      }
      if (!frame.tick) return;
      if (book.waiting) {
        book.waiting.push(frame);
        return;
      }
      const { seqNum, prevSeqNum, bids = [], asks = [] } = frame.tick;
      if (seqNum <= (book.sequence ?? 0)) return;
      linked(book, prevSeqNum, seqNum);
      book.at = frame.ts;
      book.apply(bids, asks);
    },
  },
  coinbase: {
    path: '/',
    requests: (id) => [{ type: 'subscribe', product_ids: [id], channels: ['level2_batch'] }],
    read(frame, book) {
      if (frame.type === 'snapshot') book.replace(frame.bids, frame.asks);
      if (frame.type !== 'l2update') return;
      book.at = Date.parse(frame.time);
      for (const [side, price, size] of frame.changes) {
        book.set(side === 'buy', Number(price), Number(size));
      }
    },
  },
  kraken: {
    path: '/v2',
    requests: (symbol) => [{ method: 'subscribe', params: { channel: 'book', symbol: [symbol], depth: 25 } }],
    read({ channel, type, data }, book, text) {
      if (channel !== 'book') return;
      const [{ bids, asks, checksum, timestamp }] = data;
      const pairs = (side: Frame[]): Pairs => side.map(({ price, qty }) => [price, qty]);
      if (type === 'snapshot') book.replace(pairs(bids), pairs(asks));
      else book.apply(pairs(bids), pairs(asks));
      book.cut(25);
      book.at = Date.parse(timestamp);
      // The pair's own precision, as it was seen in the snapshot.
      const digits = /"price":\d+(?:\.(\d+))?/.exec(text)?.[1]?.length ?? 0;
      const texts = (buys: boolean) =>
        book.best(buys).map(([price, size]) => [price.toFixed(digits), size.toFixed(8)] as const);
      book.checksums++;
      if (krakenChecksum(texts(false), texts(true)) !== checksum) book.broken.push('checksum');
    },
  },
  bitfinex: {
    path: '/ws/2',
    requests: (symbol) => [
      { event: 'conf', flags: 229_376 },
      { event: 'subscribe', channel: 'book', symbol, prec: 'P0', freq: 'F0', len: '100' },
    ],
    read(frame, book) {
      if (!Array.isArray(frame)) return;
      // [chan, payload, seq, ts], with a word [chan, word, value, seq, ts].
      const seq = frame.at(-2);
      if (book.sequence !== null && seq !== book.sequence + 1) book.broken.push(`seq ${seq}`);
      book.sequence = seq;
      const [, payload] = frame;
      if (payload === 'cs') {
        const pairs = (buys: boolean) => book.best(buys);
        book.checksums++;
        if (bitfinexChecksum(pairs(true), pairs(false)) !== frame[2]) book.broken.push('checksum');
        return;
      }
      if (payload === 'hb') return;
      book.at = frame.at(-1);
      if (Array.isArray(payload[0])) {
        const amounts: Pairs = payload.map(([price, , amount]: number[]) => [price, amount]);
        book.replace(
          amounts.filter(([, amount]) => Number(amount) > 0),
          amounts.filter(([, amount]) => Number(amount) < 0).map(([price = 0, a]) => [price, -Number(a)]),
        );
        return;
      }
      const [price, count, amount] = payload;
      book.set(amount > 0, price, count === 0 ? 0 : Math.abs(amount));
    },
  },
};

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { BookState } from '../simulator/books/exchange-books.ts';
import { type Past, pastOf, stopAll } from './simulator-rest-parts.ts';

// Real servers take their time on a busy machine.
setDefaultTimeout(60_000);
afterEach(stopAll);

/** What a client reads from an exchange's answers about the present. */
interface State {
  /** The exchange's own time, epoch milliseconds; null: it tells none. */
  time(past: Past): Promise<number | null>;
  /** The last price, the latest trade's id, the time of that trade; what it does not tell is left out. */
  ticker(past: Past): Promise<{ price: number; id?: string; timeMs?: number }>;
  readonly channel: string;
  /** Levels, best first, and what the book shares with the socket's frame. */
  book(past: Past): Promise<{ bids: number[][]; asks: number[][]; sequence?: number; timeMs?: number }>;
}

type Texts = readonly (readonly (string | number)[])[];
const levels = (side: Texts) => side.map(([price, size]) => [Number(price), Number(size)]);
const date = async (past: Past) =>
  Date.parse((await past.get('/v1/market/all')).headers.get('date') as string);
interface Units {
  timestamp: number;
  orderbook_units: { ask_price: number; bid_price: number; ask_size: number; bid_size: number }[];
}
const units = ({ orderbook_units, timestamp }: Units) => ({
  bids: orderbook_units.map(({ bid_price, bid_size }) => [bid_price, bid_size]).filter(([, size]) => size),
  asks: orderbook_units.map(({ ask_price, ask_size }) => [ask_price, ask_size]).filter(([, size]) => size),
  timeMs: timestamp,
});
interface Named {
  price: string;
  qty: string;
}
const named = (side: readonly Named[]) => side.map(({ price, qty }) => [Number(price), Number(qty)]);

const STATES: Readonly<Record<string, State>> = {
  binance: {
    time: async ({ json }) => (await json<{ serverTime: number }>('/api/v3/time')).serverTime,
    async ticker({ json, symbol }) {
      const row = await json<{ lastPrice: string; lastId: number }>(`/api/v3/ticker/24hr?symbol=${symbol}`);
      return { price: Number(row.lastPrice), id: `${row.lastId}` };
    },
    channel: 'depth@100ms',
    async book({ json, symbol }) {
      const book = await json<{ lastUpdateId: number; bids: Texts; asks: Texts }>(
        `/api/v3/depth?symbol=${symbol}&limit=5000`,
      );
      return { bids: levels(book.bids), asks: levels(book.asks), sequence: book.lastUpdateId };
    },
  },
  bybit: {
    async time({ json }) {
      const { result } = await json<{ result: { timeNano: string } }>('/v5/market/time');
      return Number(BigInt(result.timeNano) / 1_000_000n);
    },
    async ticker({ json, symbol }) {
      const path = `/v5/market/tickers?category=spot&symbol=${symbol}`;
      const { result } = await json<{ result: { list: { lastPrice: string }[] } }>(path);
      return { price: Number(result.list[0]?.lastPrice) };
    },
    channel: 'orderbook.1000',
    async book({ json, symbol }) {
      const path = `/v5/market/orderbook?category=spot&symbol=${symbol}&limit=1000`;
      const { result } = await json<{ result: { a: Texts; b: Texts; u: number; cts: number } }>(path);
      return { bids: levels(result.b), asks: levels(result.a), sequence: result.u, timeMs: result.cts };
    },
  },
  okx: {
    time: async ({ json }) =>
      Number((await json<{ data: { ts: string }[] }>('/api/v5/public/time')).data[0]?.ts),
    async ticker({ json, symbol }) {
      const { data } = await json<{ data: { last: string }[] }>(`/api/v5/market/ticker?instId=${symbol}`);
      return { price: Number(data[0]?.last) };
    },
    channel: 'books',
    async book({ json, symbol }) {
      const { data } = await json<{ data: { asks: Texts; bids: Texts; ts: string; seqId: number }[] }>(
        `/api/v5/market/books?instId=${symbol}&sz=400`,
      );
      const [book] = data;
      const side = { bids: levels(book?.bids ?? []), asks: levels(book?.asks ?? []) };
      return { ...side, sequence: book?.seqId ?? 0, timeMs: Number(book?.ts) };
    },
  },
  huobi: {
    time: async ({ json }) => (await json<{ data: number }>('/v1/common/timestamp')).data,
    ticker: async ({ json, symbol }) => ({
      price: (await json<{ tick: { close: number } }>(`/market/detail/merged?symbol=${symbol}`)).tick.close,
    }),
    channel: 'depth.step0',
    async book({ json, symbol }) {
      const { tick } = await json<{ tick: { ts: number; version: number; bids: Texts; asks: Texts } }>(
        `/market/depth?symbol=${symbol}&type=step0`,
      );
      return { bids: levels(tick.bids), asks: levels(tick.asks), sequence: tick.version, timeMs: tick.ts };
    },
  },
  coinbase: {
    time: async ({ json }) => (await json<{ epoch: number }>('/time')).epoch * 1000,
    async ticker({ json, symbol }) {
      const row = await json<{ trade_id: number; price: string; time: string }>(`/products/${symbol}/ticker`);
      return { price: Number(row.price), id: `${row.trade_id}`, timeMs: Date.parse(row.time) };
    },
    channel: 'level2_batch',
    async book({ json, symbol }) {
      const { bids, asks } = await json<{ bids: Texts; asks: Texts }>(`/products/${symbol}/book?level=2`);
      return { bids: levels(bids), asks: levels(asks) };
    },
  },
  kraken: {
    time: async ({ json }) =>
      (await json<{ result: { unixtime: number } }>('/0/public/Time')).result.unixtime * 1000,
    async ticker({ json }) {
      const { result } = await json<{ result: Record<string, { c: string[] }> }>(
        '/0/public/Ticker?pair=XBTUSD',
      );
      return { price: Number(result.XXBTZUSD?.c[0]) };
    },
    channel: 'book 500',
    async book({ json }) {
      const { result } = await json<{ result: Record<string, { asks: Texts; bids: Texts }> }>(
        '/0/public/Depth?pair=XXBTZUSD&count=500',
      );
      return { bids: levels(result.XXBTZUSD?.bids ?? []), asks: levels(result.XXBTZUSD?.asks ?? []) };
    },
  },
  bitfinex: {
    async time({ json, get }) {
      expect(await json<number[]>('/v2/platform/status')).toEqual([1]);
      return Date.parse((await get('/v2/platform/status')).headers.get('date') as string);
    },
    ticker: async ({ json, symbol }) => ({
      price: (await json<number[]>(`/v2/ticker/${encodeURIComponent(symbol)}`))[6] as number,
    }),
    channel: 'book P0 F0 25',
    async book({ json, symbol }) {
      const rows = await json<[number, number, number][]>(`/v2/book/${symbol}/P0?len=25`);
      const side = (buys: boolean) =>
        rows
          .filter(([, , amount]) => amount > 0 === buys)
          .map(([price, , amount]) => [price, Math.abs(amount)]);
      return { bids: side(true), asks: side(false) };
    },
  },
  upbit: {
    time: date,
    async ticker({ json, symbol }) {
      const [row] = await json<{ trade_price: number; trade_timestamp: number }[]>(
        `/v1/ticker?markets=${symbol}`,
      );
      return { price: row?.trade_price ?? 0, timeMs: row?.trade_timestamp ?? 0 };
    },
    channel: 'orderbook.30',
    book: async ({ json, symbol }) =>
      units((await json<Units[]>(`/v1/orderbook?markets=${symbol}`))[0] as Units),
  },
  bithumb: {
    time: async () => null,
    async ticker({ json, symbol }) {
      const [row] = await json<{ trade_price: number; trade_timestamp: number }[]>(
        `/v1/ticker?markets=${symbol}`,
      );
      // The clock of Seoul, written as if it were that of UTC.
      return { price: row?.trade_price ?? 0, timeMs: (row?.trade_timestamp ?? 0) - 9 * 3_600_000 };
    },
    channel: 'orderbook.15',
    book: async ({ json, symbol }) =>
      units((await json<Units[]>(`/v1/orderbook?markets=${symbol}`))[0] as Units),
  },
  coinone: {
    time: async ({ json }) =>
      (await json<{ server_time: number }>('/public/v2/ticker_new/KRW/BTC')).server_time,
    async ticker({ json }) {
      const { tickers } = await json<{ tickers: { last: string; id: string; target_currency: string }[] }>(
        '/public/v2/ticker_new/KRW/BTC',
      );
      expect(tickers[0]?.target_currency).toBe('btc');
      return { price: Number(tickers[0]?.last), id: tickers[0]?.id ?? '' };
    },
    channel: 'ORDERBOOK',
    async book({ json }) {
      const { bids, asks, id } = await json<{ bids: Named[]; asks: Named[]; id: string }>(
        '/public/v2/orderbook/KRW/BTC?size=16',
      );
      return { bids: named(bids), asks: named(asks), sequence: Number(id) };
    },
  },
  korbit: {
    time: async ({ json }) => (await json<{ data: { time: number } }>('/v2/time')).data.time,
    async ticker({ json, symbol }) {
      const { data } = await json<{ data: { close: string; lastTradedAt: number }[] }>(
        `/v2/tickers?symbol=${symbol}`,
      );
      return { price: Number(data[0]?.close), timeMs: data[0]?.lastTradedAt ?? 0 };
    },
    channel: 'orderbook',
    async book({ json, symbol }) {
      const { data } = await json<{ data: { timestamp: number; bids: Named[]; asks: Named[] } }>(
        `/v2/orderbook?symbol=${symbol}`,
      );
      return { bids: named(data.bids), asks: named(data.asks), timeMs: data.timestamp };
    },
  },
};

for (const [exchange, state] of Object.entries(STATES)) {
  describe(exchange, () => {
    test('REST tells its own time', async () => {
      const past = await pastOf(exchange, { shiftMs: -86_400_000 });
      const from = Date.now() - 86_400_000;
      const time = await state.time(past);
      if (time === null) return expect(exchange).toBe('bithumb');
      // Some tell whole seconds.
      expect(time).toBeGreaterThanOrEqual(Math.floor(from / 1000) * 1000);
      expect(time).toBeLessThanOrEqual(Date.now() - 86_400_000);
    });

    test('the ticker is the latest trade', async () => {
      const past = await pastOf(exchange);
      await past.trade(20);
      const last = past.all().at(-1);
      const ticker = await state.ticker(past);
      expect(ticker.price).toBe(last?.price as number);
      if (ticker.id !== undefined) expect(ticker.id).toBe(last?.id as string);
      if (ticker.timeMs !== undefined) expect(ticker.timeMs).toBe(last?.timeMs as number);
    });

    test('the book is that of the socket, with the number or the time of its last frame', async () => {
      const past = await pastOf(exchange);
      const { simulator, symbol } = past;
      for (let i = 0; i < 20; i++) await simulator.do({ do: 'event', exchange, type: 'orderbook', symbol });
      const told: BookState = simulator.book(exchange, symbol, state.channel);
      const book = await state.book(past);
      const flat = (side: readonly (readonly number[])[]) => side.map(([price, size]) => [price, size]);
      expect(book.bids).toEqual(flat(told.bids) as number[][]);
      expect(book.asks).toEqual(flat(told.asks) as number[][]);
      expect(book.bids.length).toBeGreaterThan(10);
      // Binance's number is that of the present, of which the socket may still have to tell.
      if (book.sequence !== undefined && exchange !== 'binance')
        expect(book.sequence).toBe(told.sequence as number);
      if (book.timeMs !== undefined) expect(book.timeMs).toBe(told.at);
    });
  });
}

/** A code that does not exist, in the words of each exchange. */
const UNKNOWN: readonly [exchange: string, path: string, status: number, body: unknown][] = [
  ['binance', '/api/v3/ticker/24hr?symbol=NOPE', 400, { code: -1121, msg: 'Invalid symbol.' }],
  ['binance', '/api/v3/historicalTrades?symbol=btcusdt', 400, { code: -1100 }],
  ['bybit', '/v5/market/recent-trade?category=spot&symbol=NOPE', 200, { retCode: 170_121 }],
  ['okx', '/api/v5/market/history-trades?instId=NOPE', 200, { code: '51001', data: [] }],
  ['huobi', '/market/history/trade?symbol=nope', 200, { status: 'error', 'err-msg': 'invalid symbol' }],
  ['huobi', '/market/history/trade?symbol=btcusdt&size=2001', 200, { status: 'error' }],
  ['coinbase', '/products/NO-PE/trades', 404, { message: 'NotFound' }],
  ['kraken', '/0/public/Trades?pair=NOPE', 200, { error: ['EQuery:Unknown asset pair'] }],
  ['bitfinex', '/v2/trades/tNOPE/hist', 500, ['error', 10_020, 'symbol: invalid']],
  ['upbit', '/v1/trades/ticks?market=KRW-NOPE', 404, { error: { name: 404, message: 'Code not found' } }],
  ['bithumb', '/v1/trades/ticks?market=KRW-NOPE', 200, { error: { name: 404, message: 'Code not found' } }],
  ['coinone', '/public/v2/trades/KRW/NOPE', 200, { result: 'error', error_code: '108' }],
  ['coinone', '/public/v2/trades/KRW/BTC?size=60', 200, { result: 'error', error_code: '107' }],
  ['korbit', '/v2/trades?symbol=BTC_KRW', 400, { error: { message: 'INVALID_CURRENCY_PAIR' } }],
];

for (const [exchange, path, status, body] of UNKNOWN) {
  test(`${exchange} refuses ${path}`, async () => {
    const response = await (await pastOf(exchange)).get(path);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject(body as object);
  });
}

test('coinone answers a path that does not exist with a page and status 200', async () => {
  const response = await (await pastOf('coinone')).get('/public/v2/trade/KRW/BTC');
  expect(response.status).toBe(200);
  expect(await response.text()).toStartWith('<!DOCTYPE html>');
});

test('coinbase wants to know who asks', async () => {
  const { simulator, symbol } = await pastOf('coinbase');
  const { hostname, port, pathname } = new URL(simulator.restUrl('coinbase'));
  const head = `GET ${pathname}/products/${symbol}/trades HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`;
  const parts: string[] = [];
  const answered = Promise.withResolvers<void>();
  await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => void socket.write(head),
      data: (_socket, data) => void parts.push(data.toString()),
      close: () => answered.resolve(),
      error: (_socket, error) => answered.reject(error),
    },
  });
  await answered.promise;
  expect(parts.join('')).toContain('400 Bad Request');
  expect(parts.join('')).toContain('User-Agent header is required.');
});

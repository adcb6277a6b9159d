import { expect, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import { market } from '../../src/core/market/market.ts';

/** Answers as the documents of each exchange show them, shortened, and what they say. */
interface Sample {
  readonly symbol: readonly [symbol: string, base: string, quote: string];
  readonly urls: readonly [price: string, book: string];
  /** Left out where the exchange has none. */
  readonly clock?: readonly [body: unknown, at: number];
  readonly price: readonly [body: unknown, price: number];
  readonly book: unknown;
  readonly state?: { readonly sequence?: number; readonly timestamp?: number };
}

const BIDS = [93.5, 0.5, 93, 2];
const ASKS = [94, 1, 95, 3];
const UNITS = [
  { ask_price: 94, bid_price: 93.5, ask_size: 1, bid_size: 0.5 },
  { ask_price: 95, bid_price: 93, ask_size: 3, bid_size: 2 },
];
const TEXTS = {
  bids: [
    ['93.5', '0.5'],
    ['93', '2'],
  ],
  asks: [
    ['94', '1'],
    ['95', '3'],
  ],
} as const;
const levels = (side: 'bids' | 'asks', ...more: unknown[]) => TEXTS[side].map((level) => [...level, ...more]);
const objects = (side: 'bids' | 'asks') => TEXTS[side].map(([price, qty]) => ({ price, qty }));

const SAMPLES: Readonly<Record<string, Sample>> = {
  upbit: {
    symbol: ['KRW-BTC', 'BTC', 'KRW'],
    urls: [
      'https://api.upbit.com/v1/ticker?markets=KRW-BTC',
      'https://api.upbit.com/v1/orderbook?markets=KRW-BTC',
    ],
    price: [[{ market: 'KRW-BTC', trade_price: 116538000, trade_timestamp: 1790134742000 }], 116538000],
    book: [{ market: 'KRW-BTC', timestamp: 1790134742106, orderbook_units: UNITS, level: 0 }],
    state: { timestamp: 1790134742106000 },
  },
  bithumb: {
    symbol: ['KRW-BTC', 'BTC', 'KRW'],
    urls: [
      'https://api.bithumb.com/v1/ticker?markets=KRW-BTC',
      'https://api.bithumb.com/v1/orderbook?markets=KRW-BTC',
    ],
    price: [[{ market: 'KRW-BTC', trade_price: 95299000 }], 95299000],
    book: [
      {
        market: 'KRW-BTC',
        timestamp: 1790133505546,
        orderbook_units: [...UNITS, { ask_price: 0, bid_price: 0, ask_size: 0, bid_size: 0 }],
      },
    ],
    state: { timestamp: 1790133505546000 },
  },
  coinone: {
    symbol: ['KRW-BTC', 'BTC', 'KRW'],
    urls: [
      'https://api.coinone.co.kr/public/v2/ticker_new/KRW/BTC',
      'https://api.coinone.co.kr/public/v2/orderbook/KRW/BTC?size=16',
    ],
    clock: [
      { result: 'success', error_code: '0', server_time: 1790134779665, tickers: [] },
      1790134779665000,
    ],
    price: [
      { result: 'success', error_code: '0', tickers: [{ target_currency: 'btc', last: '116380000' }] },
      116380000,
    ],
    book: {
      ...{ result: 'success', error_code: '0', timestamp: 1790133796484, id: '1790133796484001' },
      ...{ bids: objects('bids'), asks: objects('asks') },
    },
    state: { sequence: 1790133796484001 },
  },
  korbit: {
    symbol: ['btc_krw', 'BTC', 'KRW'],
    urls: [
      'https://api.korbit.co.kr/v2/tickers?symbol=btc_krw',
      'https://api.korbit.co.kr/v2/orderbook?symbol=btc_krw',
    ],
    clock: [{ success: true, data: { time: 1720756379000 } }, 1720756379000000],
    price: [{ success: true, data: [{ symbol: 'btc_krw', close: '99027000' }] }, 99027000],
    book: {
      success: true,
      data: { timestamp: 1700000027754, bids: objects('bids'), asks: objects('asks') },
    },
    state: { timestamp: 1700000027754000 },
  },
  binance: {
    symbol: ['BTCUSDT', 'BTC', 'USDT'],
    urls: [
      'https://api.binance.com/api/v3/ticker/24hr?symbol=BTCUSDT',
      'https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000',
    ],
    clock: [{ serverTime: 1499827319559 }, 1499827319559000],
    price: [{ symbol: 'BTCUSDT', lastPrice: '4.00000200', lastId: 28460 }, 4.000002],
    book: { lastUpdateId: 1027024, ...TEXTS },
    state: { sequence: 1027024 },
  },
  bybit: {
    symbol: ['BTCUSDT', 'BTC', 'USDT'],
    urls: [
      'https://api.bybit.com/v5/market/tickers?category=spot&symbol=BTCUSDT',
      'https://api.bybit.com/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=200',
    ],
    clock: [
      {
        ...{ retCode: 0, retMsg: 'OK', time: 1688639403423 },
        result: { timeSecond: '1688639403', timeNano: '1688639403423213947' },
      },
      1688639403423000,
    ],
    price: [
      { retCode: 0, result: { category: 'spot', list: [{ symbol: 'BTCUSDT', lastPrice: '20533.13' }] } },
      20533.13,
    ],
    book: {
      ...{ retCode: 0, time: 1716863719382 },
      result: {
        ...{ s: 'BTCUSDT', a: TEXTS.asks, b: TEXTS.bids, ts: 1716863719031, u: 230704, seq: 1432604333 },
        cts: 1716863718905,
      },
    },
    state: { timestamp: 1716863718905000 },
  },
  okx: {
    symbol: ['BTC-USDT', 'BTC', 'USDT'],
    urls: [
      'https://www.okx.com/api/v5/market/ticker?instId=BTC-USDT',
      'https://www.okx.com/api/v5/market/books?instId=BTC-USDT&sz=400',
    ],
    clock: [{ code: '0', msg: '', data: [{ ts: '1597026383085' }] }, 1597026383085000],
    price: [
      { code: '0', msg: '', data: [{ instId: 'BTC-USDT', last: '9999.99', ts: '1597026383085' }] },
      9999.99,
    ],
    book: {
      ...{ code: '0', msg: '' },
      data: [
        { asks: levels('asks', '0', '4'), bids: levels('bids', '0', '7'), ts: '1629966436396', seqId: 99 },
      ],
    },
    state: { sequence: 99, timestamp: 1629966436396000 },
  },
  huobi: {
    symbol: ['btcusdt', 'BTC', 'USDT'],
    urls: [
      'https://api.huobi.pro/market/detail/merged?symbol=btcusdt',
      'https://api.huobi.pro/market/depth?symbol=btcusdt&type=step0',
    ],
    clock: [{ status: 'ok', data: 1629715504949 }, 1629715504949000],
    price: [{ status: 'ok', ts: 1629788763750, tick: { close: 49820.92, open: 50000 } }, 49820.92],
    book: {
      status: 'ok',
      tick: {
        ...{ ts: 1629790438801, version: 136107114472 },
        ...{
          bids: [
            [93.5, 0.5],
            [93, 2],
          ],
          asks: [
            [94, 1],
            [95, 3],
          ],
        },
      },
    },
  },
  coinbase: {
    symbol: ['BTC-USD', 'BTC', 'USD'],
    urls: [
      'https://api.exchange.coinbase.com/products/BTC-USD/ticker',
      'https://api.exchange.coinbase.com/products/BTC-USD/book?level=2',
    ],
    clock: [{ iso: '2015-01-07T23:47:25.201Z', epoch: 1420674445.201 }, 1420674445201000],
    price: [{ trade_id: 86326522, price: '6268.48', size: '0.00698254' }, 6268.48],
    book: {
      ...{ sequence: 13051505638, auction_mode: false, time: '2021-02-12T01:09:23.334723Z' },
      ...{ bids: levels('bids', 1), asks: levels('asks', 2) },
    },
    state: { timestamp: 1613092163334723 },
  },
  kraken: {
    symbol: ['BTC/USD', 'BTC', 'USD'],
    urls: [
      'https://api.kraken.com/0/public/Ticker?pair=XBTUSD',
      'https://api.kraken.com/0/public/Depth?pair=XBTUSD&count=100',
    ],
    clock: [
      { error: [], result: { unixtime: 1688669448, rfc1123: 'Thu, 06 Jul 23 18:50:48 +0000' } },
      1688669448000000,
    ],
    price: [
      { error: [], result: { XXBTZUSD: { a: ['30300.1', '1', '1.000'], c: ['30303.2', '0.00067643'] } } },
      30303.2,
    ],
    book: {
      error: [],
      result: { XXBTZUSD: { asks: levels('asks', 1688671659), bids: levels('bids', 1688671660) } },
    },
  },
  bitfinex: {
    symbol: ['tBTCUSD', 'BTC', 'USD'],
    urls: [
      'https://api-pub.bitfinex.com/v2/ticker/tBTCUSD',
      'https://api-pub.bitfinex.com/v2/book/tBTCUSD/P0?len=100',
    ],
    price: [
      [
        10645, 73.93854271, 10647, 75.22266119, 731.60645389, 0.0738, 10644.00645389, 14480.89849423, 10766,
        9889,
      ],
      10644.00645389,
    ],
    book: [
      [93.5, 1, 0.5],
      [93, 3, 2],
      [94, 2, -1],
      [95, 5, -3],
    ],
  },
};

test('every exchange says where its present state is to be had', () => {
  expect(EXCHANGES.filter(({ restState }) => !restState)).toEqual([]);
  expect(Object.keys(SAMPLES)).toEqual(EXCHANGES.map(({ id }) => id));
});

for (const { id, restState, orderbooks } of EXCHANGES) {
  const sample = SAMPLES[id];
  if (!sample || !restState) continue;
  const one = market(...sample.symbol);
  const choice = orderbooks?.choices[0] ?? '';

  test(`${id}: what REST says of clock, price and book`, () => {
    expect([restState.price.url(one), restState.book?.url(one)]).toEqual([...sample.urls]);
    expect(sample.clock === undefined).toBe(restState.clock === undefined);
    if (sample.clock) expect(restState.clock?.read(sample.clock[0])).toBe(sample.clock[1]);
    expect(restState.price.read(sample.price[0])).toBe(sample.price[1]);
    expect(restState.book?.read(sample.book, choice)).toEqual({
      bids: Float64Array.from(BIDS),
      asks: Float64Array.from(ASKS),
      sequence: sample.state?.sequence ?? null,
      timestamp: sample.state?.timestamp ?? null,
    });
  });

  test(`${id}: an answer that is none is none, whatever it holds`, () => {
    const none = [
      null,
      7,
      'x',
      [],
      {},
      [null],
      { data: null },
      { result: { x: null } },
      { data: [[]] },
      [[1, 2, 3]],
    ];
    for (const body of none) {
      if (restState.clock) expect(restState.clock.read(body)).toBeNaN();
      expect(restState.price.read(body)).toBeNaN();
      const book = restState.book?.read(body, choice);
      const levels = [...(book?.bids ?? []), ...(book?.asks ?? [])];
      const sound = levels.length > 0 && levels.every(Number.isFinite);
      expect({ body, sound: sound && !Array.isArray(body) }).toEqual({ body, sound: false });
    }
  });
}

test('huobi: the number of a book is that of the channel whose name it bears', () => {
  const huobi = EXCHANGES.find(({ id }) => id === 'huobi');
  const read = huobi?.restState?.book?.read;
  expect(read?.(SAMPLES.huobi?.book, 'depth.step0').sequence).toBe(136107114472);
  expect(read?.(SAMPLES.huobi?.book, 'mbp.400').sequence).toBeNull();
});

import { expect, test } from 'bun:test';
import { Markets } from '../../../src/core/market/markets.ts';
import { subjectOf } from '../fixtures.ts';

interface List {
  /** Where the list is fetched. */
  readonly url: string;
  readonly body: unknown;
  /** `symbol code` of every tradable market, in the order of the list. */
  readonly tradable: readonly string[];
}

const coinone = (target_currency: unknown, trade_status: unknown, maintenance_status: unknown) => ({
  ...{ quote_currency: 'KRW', target_currency, trade_status, maintenance_status, price_unit: '1000' },
});
const coinbase = (id: string, more: object = {}) => {
  const [base_currency, quote_currency] = id.split('-');
  return { id, base_currency, quote_currency, status: 'online', trading_disabled: false, ...more };
};
const binance = (symbol: string, baseAsset: string, quoteAsset: string, more: object = {}) => ({
  ...{
    symbol,
    status: 'TRADING',
    baseAsset,
    quoteAsset,
    isSpotTradingAllowed: true,
    permissions: [],
    ...more,
  },
});
const okx = (instId: string, state: string) => {
  const [baseCcy, quoteCcy] = instId.split('-');
  return { instType: 'SPOT', instId, baseCcy, quoteCcy, state, listTime: '1548133413000', expTime: '' };
};
const huobi = (base: string, quote: string, more: object = {}) => ({
  ...{ 'base-currency': base, 'quote-currency': quote, symbol: base + quote, state: 'online' },
  ...{ 'api-trading': 'enabled', tags: '', ...more },
});

/** Odd rows among good ones: halted, delisted, not yet listed, of another product, of missing or foreign parts. */
const LISTS: Readonly<Record<string, List>> = {
  upbit: {
    url: 'https://api.upbit.com/v1/market/all',
    body: [
      {
        market: 'KRW-BTC',
        korean_name: '비트코인',
        english_name: 'Bitcoin',
        market_event: { warning: true },
      },
      ...[{ market: 'KRW' }, { market: 5 }, {}, null, [], { market: 'krw-eth' }],
      ...[{ market: 'BTC-ETH' }, { market: 'USDT-1INCH' }, { market: 'KRW-BTC' }],
    ],
    tradable: ['KRW-BTC KRW-BTC', 'BTC-ETH BTC-ETH', 'USDT-1INCH USDT-1INCH'],
  },
  bithumb: {
    url: 'https://api.bithumb.com/v1/market/all?isDetails=true',
    body: [
      { market_warning: 'CAUTION', market: 'KRW-USD1' },
      { market_warning: 'NONE', market: 'BTC-ETH' },
    ],
    tradable: ['KRW-USD1 KRW-USD1', 'BTC-ETH BTC-ETH'],
  },
  coinone: {
    url: 'https://api.coinone.co.kr/public/v2/markets/KRW',
    body: {
      ...{ result: 'success', error_code: '0', server_time: 1_790_134_779_665 },
      markets: [
        ...[coinone('1INCH', 1, 0), coinone('HALT', 0, 0), coinone('NOBUY', 2, 0), coinone('NOSELL', 3, 0)],
        ...[coinone('CARE', 1, 1), coinone('', 1, 0), coinone(null, 1, 0), coinone('BTC', 1, 0)],
      ],
    },
    tradable: ['KRW-1INCH KRW-1INCH', 'KRW-BTC KRW-BTC'],
  },
  korbit: {
    url: 'https://api.korbit.co.kr/v2/currencyPairs',
    body: {
      success: true,
      data: [
        { symbol: '1inch_krw', status: 'launched', baseCurrency: '1inch', quoteCurrency: 'krw' },
        ...[{ symbol: 'luna_krw', status: 'stopped' }, { symbol: 'new_krw' }, { status: 'launched' }, null],
        { symbol: 'btc_krw', status: 'launched', baseCurrency: 'btc', quoteCurrency: 'krw' },
      ],
    },
    tradable: ['1inch_krw KRW-1INCH', 'btc_krw KRW-BTC'],
  },
  binance: {
    url: 'https://api.binance.com/api/v3/exchangeInfo?permissions=SPOT&symbolStatus=TRADING&showPermissionSets=false',
    body: {
      timezone: 'UTC',
      symbols: [
        ...[binance('BTCFDUSD', 'BTC', 'FDUSD'), binance('币安人生USDT', '币安人生', 'USDT')],
        ...['HALT', 'BREAK', 'END_OF_DAY', 'CANCEL_ONLY'].map((status) =>
          binance(status, 'A', 'B', { status }),
        ),
        ...[binance('MARGIN', 'A', 'B', { isSpotTradingAllowed: false }), binance('', 'A', 'B'), null],
        binance('NEWQUOTE', 'NEW', 'QUOTE'),
      ],
    },
    tradable: ['BTCFDUSD FDUSD-BTC', '币安人生USDT USDT-币安人生', 'NEWQUOTE QUOTE-NEW'],
  },
  bybit: {
    url: 'https://api.bybit.com/v5/market/instruments-info?category=spot',
    body: {
      ...{ retCode: 0, retMsg: 'OK' },
      result: {
        category: 'spot',
        list: [
          { symbol: 'USDTEUR', baseCoin: 'USDT', quoteCoin: 'EUR', status: 'Trading', symbolType: '' },
          {
            symbol: 'AAPLXUSDT',
            baseCoin: 'AAPLX',
            quoteCoin: 'USDT',
            status: 'Trading',
            symbolType: 'xstocks',
          },
          { symbol: 'SOONUSDT', baseCoin: 'SOON', quoteCoin: 'USDT', status: 'PreLaunch' },
          ...[{ symbol: 'XUSDT', status: 'Trading' }, null],
        ],
      },
    },
    tradable: ['USDTEUR EUR-USDT', 'AAPLXUSDT USDT-AAPLX'],
  },
  okx: {
    url: 'https://www.okx.com/api/v5/public/instruments?instType=SPOT',
    body: {
      ...{ code: '0', msg: '' },
      data: [
        ...[okx('BTC-USDT', 'live'), okx('OLD-USDT', 'suspend'), okx('SOON-USDT', 'preopen')],
        ...[okx('TRY-USDT', 'test'), { ...okx('END-USDT', 'live'), expTime: '1790134779665' }],
        { instType: 'SWAP', instId: 'BTC-USD-SWAP', baseCcy: '', quoteCcy: '', state: 'live' },
      ],
    },
    tradable: ['BTC-USDT USDT-BTC', 'END-USDT USDT-END'],
  },
  huobi: {
    url: 'https://api.huobi.pro/v1/common/symbols',
    body: {
      status: 'ok',
      data: [
        ...[huobi('btc3l', 'usdt'), huobi('off', 'usdt', { state: 'offline' })],
        ...[huobi('fuse', 'usdt', { state: 'fuse' }), huobi('shut', 'usdt', { 'api-trading': 'disabled' })],
        huobi('newer', 'usdt', { 'api-trading': undefined, te: true }),
      ],
    },
    tradable: ['btc3lusdt USDT-BTC3L', 'newerusdt USDT-NEWER'],
  },
  coinbase: {
    url: 'https://api.exchange.coinbase.com/products',
    body: [
      ...[coinbase('1INCH-USD'), coinbase('OLD-USD', { status: 'delisted' })],
      ...[coinbase('OFF-USD', { trading_disabled: true }), coinbase('BTC-USDC', { status: 'delisted' })],
      ...[coinbase('POST-EUR', { post_only: true }), coinbase('LIM-EUR', { limit_only: true })],
    ],
    tradable: ['1INCH-USD USD-1INCH', 'POST-EUR EUR-POST', 'LIM-EUR EUR-LIM'],
  },
  kraken: {
    url: 'https://api.kraken.com/0/public/AssetPairs',
    body: {
      error: [],
      result: {
        XXBTZUSD: { altname: 'XBTUSD', wsname: 'XBT/USD', base: 'XXBT', quote: 'ZUSD', status: 'online' },
        'XXBTZUSD.d': { altname: 'XBTUSD.d', wsname: 'XBT/USD', status: 'online' },
        XDGEUR: { altname: 'XDGEUR', wsname: 'XDG/EUR', base: 'XXDG', quote: 'ZEUR', status: 'online' },
        AAPLXUSD: {
          altname: 'AAPLxUSD',
          wsname: 'AAPLx/USD',
          base: 'AAPLx',
          quote: 'ZUSD',
          status: 'online',
        },
        OLDUSD: { altname: 'OLDUSD', wsname: 'OLD/USD', status: 'cancel_only' },
        LIMUSD: { altname: 'LIMUSD', wsname: 'LIM/USD', status: 'limit_only' },
        REDUSD: { altname: 'REDUSD', wsname: 'RED/USD', status: 'reduce_only' },
        POSUSD: { altname: 'POSUSD', wsname: 'POS/USD', status: 'post_only' },
        NONAME: { altname: 'NONAME', base: 'NO', quote: 'NAME', status: 'online' },
        XETHXXBT: { altname: 'ETHXBT', wsname: 'ETH/XBT', base: 'XETH', quote: 'XXBT', status: 'online' },
      },
    },
    tradable: [
      ...[
        'BTC/USD USD-BTC',
        'DOGE/EUR EUR-DOGE',
        'AAPLx/USD USD-AAPLX',
        'LIM/USD USD-LIM',
        'RED/USD USD-RED',
      ],
      ...['POS/USD USD-POS', 'ETH/BTC BTC-ETH'],
    ],
  },
  bitfinex: {
    url: 'https://api-pub.bitfinex.com/v2/conf/pub:list:pair:exchange',
    body: [
      [
        ...['ADABTC', 'AAVE:USD', 'BTCUST', 'UST:CNHT', 'TERRAUST:USD', 'AAABBB', 'TESTBTC:TESTUSD'],
        ...['BTCF0:USTF0', 'ABC', 5, null, '1INCH:USD'],
      ],
    ],
    tradable: [
      ...['tADABTC BTC-ADA', 'tAAVE:USD USD-AAVE', 'tBTCUST USDT-BTC', 'tUST:CNHT CNHT-USDT'],
      ...['tTERRAUST:USD USD-TERRAUST', 't1INCH:USD USD-1INCH'],
    ],
  },
};

test.each(Object.entries(LISTS))('%s: what may be traded, out of a list with odd rows', (id, list) => {
  const { urls, parse, split } = subjectOf(id).exchange.markets;
  expect(urls).toEqual([list.url]);
  const { joined } = new Markets(split).replace(parse([list.body]));
  expect(joined.map(({ symbol, code }) => `${symbol} ${code}`)).toEqual([...list.tradable]);
});

/** Symbols without a list: `BASE QUOTE`, or null where the exchange cannot have them. */
const SPLITS: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  upbit: { 'USDT-BTC': 'BTC USDT', 'KRW-1INCH': '1INCH KRW', 'krw-btc': null, KRWBTC: null, 'KRW-': null },
  bithumb: { 'BTC-ETH': 'ETH BTC', 'KRW-USD1': 'USD1 KRW', KRW_BTC: null },
  coinone: { 'KRW-1INCH': '1INCH KRW', KRW: null, '-BTC': null },
  korbit: { btc_krw: 'BTC KRW', '1inch_krw': '1INCH KRW', a_b_krw: 'A_B KRW', BTC_KRW: null, _krw: null },
  binance: {
    ...{
      TUSDT: 'T USDT',
      BTCTUSD: 'BTC TUSD',
      USDUSDT: 'USD USDT',
      EURUSDT: 'EUR USDT',
      EURIUSDT: 'EURI USDT',
    },
    ...{ FDUSDUSDT: 'FDUSD USDT', BTCUSD1: 'BTC USD1', '1000SATSUSDT': '1000SATS USDT', USDTTRY: 'USDT TRY' },
    ...{ BTCDOGE: 'BTC DOGE', USDT: null, btcusdt: null, BTCXYZ: null },
  },
  bybit: {
    USD1USDT: 'USD1 USDT',
    USDEUSDT: 'USDE USDT',
    USDTDAI: 'USDT DAI',
    BTC3LUSDT: 'BTC3L USDT',
    DAI: null,
  },
  okx: { 'USDT-EUR': 'USDT EUR', '1INCH-USDT': '1INCH USDT', 'BTC-USD-SWAP': null, BTCUSDT: null },
  huobi: {
    tusdusdt: 'TUSD USDT',
    ustusdt: 'UST USDT',
    tusdt: 'T USDT',
    trxht: 'TRX HT',
    BTCUSDT: null,
    ht: null,
  },
  coinbase: { 'USDT-USDC': 'USDT USDC', 'BTC-USD-PERP': null, 'btc-usd': null, BTCUSD: null },
  kraken: {
    'XBT/USD': 'BTC USD',
    'ETH/XBT': 'ETH BTC',
    'XDG/EUR': 'DOGE EUR',
    'BTC/USD:BTNL': null,
    XBTUSD: null,
  },
  bitfinex: {
    ...{
      'tDOGE:USD': 'DOGE USD',
      'tTESTBTC:TESTUSD': 'TESTBTC TESTUSD',
      tUSTUSD: 'USDT USD',
      tEUTUST: 'EUT USDT',
    },
    ...{ tTERRAUST: null, fBTC: null, 'tBTCF0:USTF0': null, BTCUSD: null, 'tA:B:C': null },
  },
};

test.each(Object.entries(SPLITS))('%s: odd symbols without a list', (id, symbols) => {
  const { split } = subjectOf(id).exchange.markets;
  for (const [symbol, wanted] of Object.entries(symbols)) {
    const pair = split(symbol);
    const read = pair && `${pair.base} ${pair.quote}`.toUpperCase();
    expect({ symbol, read }).toEqual({ symbol, read: wanted });
  }
});

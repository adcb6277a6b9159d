import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { Ledger } from '../simulator/ledger.ts';
import { protocols } from '../simulator/protocols/index.ts';
import { LimitKeeper } from '../simulator/rest/limits.ts';
import type { RestAnswer } from '../simulator/rest/service.ts';
import { pastOf, stopAll } from './simulator-rest-parts.ts';

// Real servers take their time on a busy machine.
setDefaultTimeout(60_000);
afterEach(stopAll);

/** A client at a time of its own choice, of the address that it says. */
function clientOf(exchange: string) {
  const ledger = new Ledger();
  const keeper = new LimitKeeper(exchange, protocols[exchange]?.restService?.limits, ledger, () => 0);
  function ask(now: number, path: string, address = '10.0.0.1', headers: Record<string, string> = {}) {
    const [name = '', query] = path.split('?');
    const header = (key: string) => headers[key] ?? null;
    const spent = keeper.spend({ path: name, query: new URLSearchParams(query), address, header, now });
    return 'refusal' in spent ? spent.refusal : ({ body: null, headers: spent.headers } satisfies RestAnswer);
  }
  return { ask, ledger };
}

const MINUTE = 60_000;
/** A full minute. */
const T = 29_000_000 * MINUTE;

test('binance weighs requests by the minute of the clock and by address, and bans who goes on, ever longer', () => {
  const { ask, ledger } = clientOf('binance');
  const trades = '/api/v3/historicalTrades?symbol=BTCUSDT';
  for (let i = 0; i < 240; i++) expect(ask(T + 59_000, trades).status).toBeUndefined();
  expect(ledger.violations()).toHaveLength(0);
  expect(ask(T + 59_500, trades)).toMatchObject({
    status: 429,
    headers: { 'Retry-After': '1', 'x-mbx-used-weight-1m': '6025' },
    body: { code: -1003 },
  });
  expect(ask(T + 59_500, trades, '10.0.0.2').status).toBeUndefined();
  expect(ask(T + MINUTE, trades).headers).toMatchObject({ 'x-mbx-used-weight-1m': '25' });
  const bans: number[] = [];
  for (let at = T + MINUTE; bans.length < 3; ) {
    for (let i = 0; i < 251; i++) ask(at, trades);
    const ban = ask(at + 1, trades);
    expect(ban.status).toBe(418);
    const waitMs = Number(ban.headers?.['Retry-After']) * 1000;
    bans.push(waitMs);
    at = Math.ceil((at + waitMs) / MINUTE) * MINUTE + MINUTE;
  }
  expect(bans).toEqual([2 * MINUTE, 4 * MINUTE, 8 * MINUTE]);
  expect(() => ledger.assertNoViolations()).toThrow('REST weight');
});

/** Requests that are within a limit, at which steps, and the answer to one too many. */
const BURSTS: readonly [exchange: string, path: string, allowed: number, Partial<RestAnswer>][] = [
  [
    'coinbase',
    '/products/BTC-USD/trades',
    15,
    { status: 429, body: { message: 'Public rate limit exceeded' } },
  ],
  ['kraken', '/0/public/Trades?pair=XBTUSD', 2, { body: { error: ['EGeneral:Too many requests'] } }],
  [
    'okx',
    '/api/v5/market/history-trades?instId=BTC-USDT',
    20,
    { status: 429, body: { msg: 'Too Many Requests', code: '50011' } },
  ],
  [
    'huobi',
    '/market/history/trade?symbol=btcusdt',
    10,
    { status: 429, body: { status: 'error', 'err-msg': '429 too many request' } },
  ],
  [
    'upbit',
    '/v1/trades/ticks?market=KRW-BTC',
    10,
    {
      status: 429,
      body: { error: { name: 429 } },
      headers: { 'Remaining-Req': 'group=market; min=600; sec=0' },
    },
  ],
  [
    'bithumb',
    '/v1/trades/ticks?market=KRW-BTC',
    150,
    { status: 429, headers: { 'x-ratelimit-remaining': '0' } },
  ],
  ['bitfinex', '/v2/trades/tBTCUSD/hist', 15, { status: 429, body: { error: 'ERR_RATE_LIMIT' } }],
  ['korbit', '/v2/trades?symbol=btc_krw', 50, { status: 429, headers: { 'Retry-After': '1' } }],
  ['coinone', '/public/v2/trades/KRW/BTC', 1200, { body: { result: 'error', error_code: '4' } }],
  ['bybit', '/v5/market/recent-trade', 600, { status: 403, body: 'access too frequent' }],
];

for (const [exchange, path, allowed, refusal] of BURSTS) {
  test(`${exchange} takes ${allowed} requests at once and refuses the next in its own words`, () => {
    const { ask, ledger } = clientOf(exchange);
    for (let i = 0; i < allowed; i++) expect(ask(T, path)).toMatchObject({ body: null });
    expect(ledger.violations()).toHaveLength(0);
    expect(ask(T, path)).toMatchObject(refusal);
    expect(ask(T, path, '10.0.0.2')).toMatchObject({ body: null });
    expect(ledger.violations()).toHaveLength(1);
    expect(ask(T + 11 * MINUTE, path)).toMatchObject({ body: null });
  });
}

test('bitfinex shuts an address out for 60 s, bybit for ten minutes, and whoever asks meanwhile breaks a limit', () => {
  for (const [exchange, path, allowed, seconds] of [
    ['bitfinex', '/v2/trades/tBTCUSD/hist', 15, 60],
    ['bybit', '/v5/market/recent-trade', 600, 600],
  ] as const) {
    const { ask, ledger } = clientOf(exchange);
    for (let i = 0; i <= allowed; i++) ask(T, path);
    expect(ask(T + seconds * 1000 - 1, path).status).toBeGreaterThanOrEqual(403);
    expect(ledger.violations().map(({ detail }) => detail)).toContain('asked while shut out');
    expect(ask(T + seconds * 1000, path)).toMatchObject({ body: null });
  }
});

test('upbit blocks who goes on after 429, ever longer, and lets a request with an origin in every 10 s', () => {
  const { ask } = clientOf('upbit');
  const path = '/v1/trades/ticks?market=KRW-BTC';
  const blocks: number[] = [];
  for (let at = T; blocks.length < 2; ) {
    for (let i = 0; i < 15; i++) ask(at, path);
    const blocked = ask(at + 1, path);
    expect(blocked.status).toBe(418);
    const until = Array.from({ length: 200 }, (_, s) => s + 1).find(
      (s) => ask(at + s * 1000, path).status !== 418,
    );
    blocks.push(until ?? 0);
    at += (until ?? 0) * 1000 + MINUTE;
  }
  expect(blocks).toEqual([10, 30]);
  const origin = { origin: 'https://example.com' };
  expect(ask(T + 90 * MINUTE, path, '10.0.0.9', origin)).toMatchObject({ body: null });
  expect(ask(T + 90 * MINUTE + 9000, path, '10.0.0.9', origin)).toMatchObject({ status: 429 });
  expect(ask(T + 90 * MINUTE + 9000, path, '10.0.0.9')).toMatchObject({ body: null });
});

test('half of a limit is never a violation, for minutes', () => {
  for (const [exchange, path, ms] of [
    ['coinbase', '/products/BTC-USD/trades', 200],
    ['kraken', '/0/public/Trades?pair=XBTUSD', 2000],
    ['okx', '/api/v5/market/history-trades?instId=BTC-USDT', 200],
    ['huobi', '/market/history/trade?symbol=btcusdt', 200],
    ['upbit', '/v1/trades/ticks?market=KRW-BTC', 200],
    ['bitfinex', '/v2/trades/tBTCUSD/hist', 8000],
    ['korbit', '/v2/trades?symbol=btc_krw', 40],
    ['coinone', '/public/v2/trades/KRW/BTC', 100],
    ['bybit', '/v5/market/recent-trade', 20],
  ] as const) {
    const { ask, ledger } = clientOf(exchange);
    for (let at = T; at < T + 2 * MINUTE; at += ms) ask(at, path);
    expect(ledger.violations()).toHaveLength(0);
  }
});

test('limits are enforced on real requests, and refused ones are on record', async () => {
  const past = await pastOf('kraken');
  // All at once, and its long limit: a late process of the simulator is allowed for.
  const asked = Array.from({ length: 60 }, () => past.json<object>('/0/public/Trades?pair=XBTUSD'));
  const answers = (await Promise.all(asked)).map((answer) => 'result' in answer);
  expect(answers).toContain(true);
  expect(answers.filter((answered) => !answered).length).toBeGreaterThanOrEqual(45);
  expect(() => past.simulator.ledger.assertNoViolations()).toThrow('REST requests');
});

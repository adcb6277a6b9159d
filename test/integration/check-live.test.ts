import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXCHANGES } from '../../exchanges/index.ts';
import type { LiveFinding, LiveReport } from '../../src/core/live-check/findings.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { type Bends, type BentExchange, bentExchange } from './bent-exchange.ts';
import { type Ended, ends, FAST, NOBODY } from './program.ts';

// Each run reads for some seconds, on a busy machine for more.
setDefaultTimeout(180_000);

const SEED = { symbols: 6, rowsPerS: 150, bookChangesPerS: 150, seed: 5 };
const SECONDS = '6';
let simulator: Simulator;
let bent: BentExchange;
let folder: string;

beforeAll(async () => {
  simulator = await startSimulator({ ...SEED, exchanges: EXCHANGES.map(({ id }) => id) });
  bent = bentExchange('binance', simulator.url('binance'), simulator.restUrl('binance'));
  folder = mkdtempSync(join(tmpdir(), 'kcs-live-'));
});
afterAll(async () => {
  await bent?.stop();
  await simulator?.stop();
});

const live = (...flags: string[]): string[] => ['check', '--live', '--json', '--seconds', SECONDS, ...flags];
const reportOf = ({ out }: Ended): LiveReport => JSON.parse(out) as LiveReport;

/** A run against a Binance that something is changed of. */
async function run(
  bends: Bends,
  ...flags: string[]
): Promise<Ended & { readonly findings: readonly LiveFinding[] }> {
  bent.bend(bends);
  const ended = await ends(live('--exchange', 'binance', ...flags), bent.env);
  return { ...ended, findings: reportOf(ended).findings };
}

test('all exchanges as they are: everything is the same, nothing is found', async () => {
  // Kraken and Bitfinex allow few questions in less.
  const ended = await ends([...live(), '--seconds', '20'], simulator.env());
  const { exchanges, findings } = reportOf(ended);
  expect(findings).toEqual([]);
  expect(ended.code).toBe(0);
  expect(exchanges.map(({ exchange }) => exchange)).toEqual(EXCHANGES.map(({ id }) => id));
  for (const { exchange, streams, clock_ms } of exchanges) {
    expect(Math.abs(clock_ms ?? Number.NaN)).toBeLessThan(1500);
    for (const { request_type, frames, rows, rejected, codes } of streams) {
      expect({ exchange, request_type, rejected }).toEqual({ exchange, request_type, rejected: 0 });
      expect(frames).toBeGreaterThan(0);
      expect(rows).toBeGreaterThan(0);
      const seen = { trade: 'trades_same', orderbook: 'levels', ticker: 'prices_same' } as const;
      const what = seen[request_type as keyof typeof seen];
      const compared = codes.reduce((sum, code) => sum + (code[what] ?? 0), 0);
      expect({ exchange, what, compared: compared > 0 }).toEqual({ exchange, what, compared: true });
    }
  }
  simulator.ledger.assertNoViolations();
});

test('an unknown key is named, and the frames are written as replay reads them', async () => {
  const frame = (text: string) => text.replace('"e":"trade"', '"e":"trade","zz":1');
  const { code, findings, err } = await run({ frame }, '--frames', folder);
  expect(code).toBe(1);
  expect(findings.map(({ kind, request_type }) => [kind, request_type])).toEqual([['keys', 'trade']]);
  expect(findings[0]?.told).toContain('data.zz');
  expect(err).toContain('binance-trade.ndjson');
  expect(readdirSync(folder).sort()).toEqual(['binance-rest.ndjson', 'binance-trade.ndjson']);
  const file = join(folder, 'binance-trade.ndjson');
  expect(readFileSync(file, 'utf8')).toContain('zz');
  const replayed = await ends(['replay', '--exchange', 'binance', '--type', 'trade', file]);
  expect(replayed.code).toBe(0);
  expect(replayed.err).not.toContain('rejected');
  expect(replayed.out.split('\n').length).toBeGreaterThan(10);
});

test('frames that cannot be read are counted by their reason', async () => {
  const frame = (text: string) => text.replace(/"q":"[^"]*"/, '"q":"much"');
  const { code, findings } = await run({ frame }, '--type', 'trade');
  expect(code).toBe(1);
  expect(findings.map(({ kind }) => kind)).toContain('rejected');
  expect(findings.find(({ kind }) => kind === 'rejected')?.told).toMatch(/volume/);
});

test('a side that is another on REST, and a trade that only one of them has', async () => {
  let turned = false;
  const body = (path: string, text: string) => {
    if (!path.includes('/historicalTrades')) return text;
    turned = true;
    return text.replaceAll(
      /"isBuyerMaker":(true|false)/g,
      (_, maker) => `"isBuyerMaker":${maker !== 'true'}`,
    );
  };
  const other = await run({ body }, '--type', 'trade');
  expect(turned).toBe(true);
  expect(other.code).toBe(1);
  expect(new Set(other.findings.map(({ kind }) => kind))).toEqual(new Set(['differs']));
  expect(other.findings[0]?.told).toMatch(/side (BUY, on REST SELL|SELL, on REST BUY)/);

  let trades = 0;
  const frame = (text: string) => (text.includes('"e":"trade"') && ++trades % 20 === 0 ? null : text);
  const lacking = await run({ frame }, '--type', 'trade');
  expect(lacking.code).toBe(1);
  expect(new Set(lacking.findings.map(({ kind }) => kind))).toEqual(new Set(['extra', 'ids']));

  const hide = (path: string, text: string) => {
    if (!path.includes('/historicalTrades')) return text;
    const rows = JSON.parse(text) as { id: number }[];
    return JSON.stringify(rows.filter(({ id }) => id % 10 !== 0));
  };
  const hidden = await run({ body: hide }, '--type', 'trade');
  expect(hidden.code).toBe(1);
  expect(new Set(hidden.findings.map(({ kind }) => kind))).toEqual(new Set(['absent']));
});

test('a book that is off by a level, and a price that never came', async () => {
  const body = (path: string, text: string) => {
    if (path.includes('/ticker/24hr')) return text.replace(/"lastPrice":"[^"]*"/, '"lastPrice":"1.5"');
    if (!path.includes('/depth') || !bending) return text;
    const book = JSON.parse(text) as { bids: [string, string][] };
    const level = book.bids[5];
    if (level) level[1] = '123456.5';
    return JSON.stringify(book);
  };
  // The first books are those that the changes are applied to.
  let bending = false;
  const soon = setTimeout(() => {
    bending = true;
  }, 2500);
  const { code, findings } = await run({ body });
  clearTimeout(soon);
  expect(code).toBe(1);
  expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(['book', 'price']));
  expect(findings.find(({ kind }) => kind === 'book')?.told).toContain('on REST 123456.5');
});

test('a clock that is off, also where only the Date header tells', async () => {
  const body = (path: string, text: string) =>
    path.includes('/api/v3/time') ? JSON.stringify({ serverTime: Date.now() + 7000 }) : text;
  const { code, findings } = await run({ body, dateMs: 7000 }, '--type', 'ticker');
  expect(code).toBe(1);
  expect(findings.map(({ kind }) => kind)).toEqual(['clock']);
});

test('nothing to be reached: 69 and who it was; one of two: 1', async () => {
  const away = { EXCHANGE_UPBIT_URL: `ws://${NOBODY}`, EXCHANGE_UPBIT_REST_URL: `http://${NOBODY}` };
  const none = await ends([...live('--exchange', 'upbit'), ...FAST], away);
  expect(none.code).toBe(69);
  expect(reportOf(none).findings).toMatchObject([{ kind: 'unreachable', exchange: 'upbit' }]);
  const one = await ends(
    ['check', '--live', '--seconds', '4', '--exchange', 'upbit,coinone', '--type', 'ticker', ...FAST],
    { ...simulator.env(), ...away },
  );
  expect(one.code).toBe(1);
  expect(one.out).toMatch(/FAIL {2}upbit: not reached/);
  expect(one.out).toMatch(/ok {4}coinone/);
});

test('a report shows no address of the user, and no secret in it', async () => {
  const secret = 'hunter2secret';
  const address = `user:${secret}@${NOBODY}/way?token=${secret}`;
  const env = { EXCHANGE_UPBIT_URL: `ws://${address}`, EXCHANGE_UPBIT_REST_URL: `http://${address}` };
  const partly = { ...simulator.env(), EXCHANGE_COINONE_REST_URL: `http://${address}` };
  for (const [vars, id] of [
    [env, 'upbit'],
    [partly, 'coinone'],
  ] as const)
    for (const json of [['--json'], []]) {
      const flags = ['--seconds', '2', '--exchange', id, '--type', 'ticker', '--frames', folder, ...json];
      const { out, err } = await ends(['check', '--live', ...flags, ...FAST], vars);
      expect(out).toContain(id);
      for (const text of [out, err]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(NOBODY);
      }
    }
});

test('flags that make no sense: 64', async () => {
  for (const flags of [
    ['--live', '--seconds', '0'],
    ['--live', '--exchange', 'nowhere'],
    ['--live', '--type', 'candles'],
    ['--live', '--no-exchanges'],
    ['--json'],
  ])
    expect((await ends(['check', ...flags])).code).toBe(64);
});

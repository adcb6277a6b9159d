import { beforeEach, expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import { MarketLists } from '../../src/application/markets/market-lists.ts';
import type { Fault } from '../../src/common/errors.ts';
import type { Listing } from '../../src/core/exchange.ts';
import { ManualClock } from './manual-clock.ts';

const REFRESH_MS = 600_000;
const CODES = Array.from({ length: 20 }, (_, at) => `KRW-C${at}`);

let clock: ManualClock;
let body: unknown;
let cached: readonly Listing[] | null;
let faults: Fault[];
let changes: number;
let reads: string[][];
let lists: MarketLists;

function rows(codes: readonly string[]): unknown {
  return codes.map((market) => ({ market, korean_name: '', english_name: '' }));
}

beforeEach(() => {
  clock = new ManualClock();
  body = rows(CODES);
  cached = null;
  faults = [];
  changes = 0;
  reads = [];
  lists = new MarketLists([upbit], {
    clock,
    refreshMs: REFRESH_MS,
    fetchJson: async () => body,
    loadCached: async () => cached,
    saveCached: async (_, listings) => {
      cached = listings;
    },
    onChange: () => changes++,
    onRead: (_, joined) => reads.push(joined.map(({ symbol }) => symbol)),
    onFailure: (_, fault) => faults.push(fault),
  });
});

function listed(): string[] {
  return lists
    .of('upbit')
    .all()
    .map(({ symbol }) => symbol);
}

test.each([
  ['empty', []],
  ['half', rows(CODES.slice(0, 10))],
  ['half and of others', rows([...CODES.slice(0, 10), 'KRW-NEW'])],
  ['another shape', { error: 'down for maintenance' }],
  ['rows of another shape', [{ symbol: 'KRW-C0' }]],
])('a list that is %s takes nothing away, is told, and is read again soon', async (_name, answer) => {
  await lists.ensure('upbit');
  body = answer;
  await clock.advance(REFRESH_MS * 1.05);
  expect(listed()).toEqual(expect.arrayContaining(CODES));
  expect(lists.state('upbit').error).not.toBeNull();
  expect(faults.map(({ code }) => code)).toContain('market_list_failed');
  expect(cached?.map(({ symbol }) => symbol)).toEqual(expect.arrayContaining(CODES));
  body = rows([...CODES, 'KRW-NEW']);
  await clock.advance(20_000);
  expect(listed()).toEqual([...CODES, 'KRW-NEW']);
  expect(lists.state('upbit').error).toBeNull();
});

test('each reading says what the list before it had not', async () => {
  await lists.ensure('upbit');
  body = rows([...CODES, 'KRW-NEW']);
  await clock.advance(REFRESH_MS * 1.05);
  await clock.advance(REFRESH_MS * 1.05);
  body = rows(CODES);
  await clock.advance(REFRESH_MS * 1.05);
  body = rows([...CODES, 'KRW-NEW']);
  await clock.advance(REFRESH_MS * 1.05);
  expect(reads).toEqual([[], ['KRW-NEW'], [], [], ['KRW-NEW']]);
});

test('the first list of a life is held against the one before it', async () => {
  cached = CODES.map((symbol) => ({ symbol, base: symbol.slice(4), quote: 'KRW' }));
  body = rows(CODES.slice(0, 10));
  await lists.ensure('upbit');
  expect(listed()).toHaveLength(20);
});

test('a list that goes on to be short for half an hour is the list', async () => {
  await lists.ensure('upbit');
  body = rows(CODES.slice(0, 10));
  await clock.advance(REFRESH_MS * 1.05);
  await clock.advance(29 * 60_000);
  expect(listed()).toHaveLength(20);
  await clock.advance(2 * 60_000);
  expect(listed()).toEqual(CODES.slice(0, 10));
  expect(lists.state('upbit').error).toBeNull();
});

test('a few markets leave at once, and are told of', async () => {
  await lists.ensure('upbit');
  const before = changes;
  body = rows(CODES.slice(2));
  await clock.advance(REFRESH_MS * 1.05);
  expect(listed()).toEqual(CODES.slice(2));
  expect(changes).toBe(before + 1);
  expect(faults).toEqual([]);
});

test('an empty list at the start is none: the plug-in splits, and a list that comes counts', async () => {
  body = [];
  expect(await lists.ensure('upbit')).toBe(false);
  expect(lists.of('upbit').known).toBe(false);
  body = rows(CODES);
  await clock.advance(20_000);
  expect(listed()).toEqual(CODES);
});

test('what a cache has lost is written again', async () => {
  await lists.ensure('upbit');
  cached = null;
  await lists.saveAll();
  expect(cached).toHaveLength(20);
});

import { beforeEach, expect, test } from 'bun:test';
import { DesiredMemory, SETTLE_MS } from '../../src/application/commands/desired-memory.ts';
import type { StateStore } from '../../src/application/state-store.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { type MemoryRecords, memoryStore } from '../../src/infra/memory/store.ts';
import { ManualClock } from './manual-clock.ts';

const KEY = { exchange: 'upbit', request_type: 'ticker' } as const;
const OTHER = { exchange: 'upbit', request_type: 'trade' } as const;

let clock: ManualClock;
let store: StateStore;
let records: MemoryRecords;

beforeEach(() => {
  clock = new ManualClock();
  store = memoryStore(clock, (own) => {
    records = own;
  });
});

function stream(version: number, codes: string[], key: typeof KEY | typeof OTHER = KEY): DesiredStream {
  return { ...emptyStream(key), version, codes, shards: codes.length > 0 ? [codes] : [] };
}

async function put(one: DesiredStream): Promise<void> {
  const before = (await store.desired.read(one))?.version ?? 0;
  expect(await store.desired.write(before, one)).toBe('written');
}

/** A collector that has seen the store as it is now. */
async function collector(lost: DesiredStream[] = []): Promise<DesiredMemory> {
  const memory = new DesiredMemory(store.desired, clock, (streams) => lost.push(...streams));
  await memory.readAll([KEY, OTHER]);
  return memory;
}

test('an emptied store gets back what runs with its version, and what was stopped as stopped', async () => {
  await put(stream(6, ['A', 'B', 'C', 'D']));
  await put(stream(9, [], OTHER));
  const lost: DesiredStream[] = [];
  const memory = await collector(lost);
  records.clear();
  const streams = await memory.readAll([KEY, OTHER]);
  expect(streams).toEqual([stream(6, ['A', 'B', 'C', 'D']), stream(9, [], OTHER)]);
  expect(await store.desired.read(KEY)).toEqual(stream(6, ['A', 'B', 'C', 'D']));
  expect(await store.desired.read(OTHER)).toEqual(stream(9, [], OTHER));
  expect(lost.map(({ request_type }) => request_type)).toEqual(['ticker', 'trade']);
  await memory.readAll([KEY, OTHER]);
  expect(lost).toHaveLength(2);
});

test('one record that is lost comes back, and one that was stopped by another meanwhile does not run again', async () => {
  await put(stream(3, ['A']));
  await put(stream(2, ['B'], OTHER));
  const memory = await collector();
  records.streams.delete('upbit|ticker');
  await put(stream(3, [], OTHER));
  expect(await memory.readAll([KEY, OTHER])).toEqual([stream(3, ['A']), stream(3, [], OTHER)]);
});

test('a change that meets an emptied store waits until everybody had time to say what they know, the highest version holds', async () => {
  await put(stream(5, ['A']));
  const behind = await collector();
  await put(stream(6, ['A', 'B']));
  const ahead = await collector();
  records.clear();
  let given: unknown = null;
  const asked = behind.current(KEY).then((current) => {
    given = current;
  });
  await clock.advance(SETTLE_MS / 2);
  expect(given).toBeNull();
  expect((await store.desired.read(KEY))?.version).toBe(5);
  await ahead.readAll([KEY]);
  await clock.advance(SETTLE_MS);
  await asked;
  expect(given).toMatchObject({ desired: stream(6, ['A', 'B']), expected: 6 });
  expect((await behind.readAll([KEY]))[0]).toEqual(stream(6, ['A', 'B']));
});

test('one who comes late adds what runs to what was ordered meanwhile, and starts nothing that was stopped meanwhile', async () => {
  await put(stream(6, ['A', 'B']));
  await put(stream(7, ['C'], OTHER));
  const memory = await collector();
  records.clear();
  await clock.advance(SETTLE_MS + 1000);
  await put(stream(1, ['X', 'B']));
  await put(stream(2, [], OTHER));
  const streams = await memory.readAll([KEY, OTHER]);
  expect(streams[0]).toMatchObject({ version: 7, codes: ['A', 'B', 'X'], shards: [['A', 'B'], ['X']] });
  expect(streams[1]).toMatchObject({ version: 8, codes: [] });
  expect(await store.desired.readAll([KEY, OTHER])).toEqual(streams);
});

test('a record that is missing and that nobody brings back is waited for once, and versions go on rising', async () => {
  await put(stream(6, ['A']));
  records.streams.clear();
  const memory = new DesiredMemory(store.desired, clock);
  const asked = memory.current(KEY);
  await clock.advance(SETTLE_MS / 2);
  const knows = new DesiredMemory(store.desired, clock);
  knows.remember(stream(6, ['A']));
  await knows.readAll([KEY]);
  await clock.advance(SETTLE_MS);
  expect(await asked).toMatchObject({ desired: stream(6, ['A']), expected: 6 });
  records.streams.clear();
  const alone = new DesiredMemory(store.desired, clock).current(KEY);
  await clock.advance(SETTLE_MS + 1000);
  expect(await alone).toMatchObject({ desired: { version: 6, codes: [] }, expected: 0 });
});

test('a stream that was never asked for is not taken for lost', async () => {
  const lost: DesiredStream[] = [];
  const memory = await collector(lost);
  memory.remember(emptyStream(KEY));
  expect(await memory.readAll([KEY])).toEqual([]);
  expect(lost).toEqual([]);
  expect(await store.desired.read(KEY)).toBeNull();
});

test('of two records of one version the one in the store holds for all', async () => {
  await put(stream(5, ['A']));
  const one = await collector();
  one.remember(stream(6, ['A', 'B']));
  await put(stream(6, ['A', 'C']));
  expect(await one.read(KEY)).toEqual(stream(6, ['A', 'C']));
  expect(one.known(KEY)).toEqual(stream(6, ['A', 'C']));
});

test('a store that takes no writes is read, and what it lost goes on as it is known', async () => {
  await put(stream(6, ['A']));
  const memory = await collector();
  records.clear();
  const refuses = async (): Promise<never> => Promise.reject(new Error('OOM'));
  const full = new DesiredMemory({ ...store.desired, epoch: refuses, write: refuses }, clock);
  full.remember(stream(6, ['A']));
  expect(await full.readAll([KEY])).toEqual([stream(6, ['A'])]);
  expect(await store.desired.read(KEY)).toBeNull();
  await memory.readAll([KEY]);
  expect(await store.desired.read(KEY)).toEqual(stream(6, ['A']));
});

import { expect, test } from 'bun:test';
import type { ActualStore, ActualStream } from '../../src/application/state-store.ts';
import { ActualState } from '../../src/application/streams/actual-state.ts';
import { memoryStore } from '../../src/infra/memory/store.ts';
import { ManualClock } from './manual-clock.ts';

const target = { exchange: 'upbit', region: 'korea', request_type: 'ticker' } as const;

function stream(connectionId: string, symbols: string[], lastActive = 1): ActualStream {
  return { target, status: 'connected', connectionId, createdAt: 1, lastActive, symbols };
}

function setUp(started = true) {
  const clock = new ManualClock();
  const { actual } = memoryStore(clock);
  const calls: string[] = [];
  const state = { running: [] as ActualStream[], away: false, elsewhere: false };
  const counted: ActualStore = {
    read: actual.read,
    write: async (one) => {
      calls.push('write');
      if (state.away) throw new Error('away');
      return actual.write(one);
    },
    remove: async (of, id) => {
      calls.push('remove');
      if (state.away) throw new Error('away');
      return actual.remove(of, id);
    },
  };
  const keeper = new ActualState({
    store: counted,
    clock,
    running: () => state.running,
    elsewhere: () => state.elsewhere,
  });
  if (started) keeper.start();
  return { clock, actual, calls, state, keeper };
}

test('a change is written once, shortly after; without one every 30 s', async () => {
  const { clock, actual, calls, state, keeper } = setUp();
  state.running = [stream('a', ['KRW-BTC'])];
  keeper.changed();
  keeper.changed();
  await clock.advance(300);
  expect(await actual.read(target)).toEqual(stream('a', ['KRW-BTC']));
  state.running = [stream('a', ['KRW-BTC'], 2)];
  keeper.changed();
  await clock.advance(20_000);
  expect(calls).toEqual(['write']);
  await clock.advance(11_000);
  expect(calls).toEqual(['write', 'write']);
  expect((await actual.read(target))?.lastActive).toBe(2);
});

test('a stream that ends is removed, but not when another owner has it by now', async () => {
  const { clock, actual, state, keeper } = setUp();
  state.running = [stream('a', ['KRW-BTC'])];
  keeper.changed();
  await clock.advance(300);
  await actual.write({ ...stream('b', ['KRW-ETH']), createdAt: 2 });
  state.running = [];
  keeper.changed();
  await clock.advance(300);
  expect((await actual.read(target))?.connectionId).toBe('b');
});

test('what could not be written or removed is made good by a later round', async () => {
  const { clock, actual, state, keeper } = setUp();
  state.running = [stream('a', ['KRW-BTC'])];
  state.away = true;
  keeper.changed();
  await clock.advance(300);
  state.away = false;
  await clock.advance(30_000);
  expect((await actual.read(target))?.connectionId).toBe('a');
  state.away = true;
  state.running = [];
  keeper.changed();
  await clock.advance(300);
  state.away = false;
  await clock.advance(30_000);
  expect(await actual.read(target)).toBeNull();
});

test('at the stop what runs is marked, so that the next run knows since when it is blind', async () => {
  const { clock, actual, state, keeper } = setUp();
  state.running = [stream('a', ['KRW-BTC'], 9)];
  await keeper.stop();
  expect(await actual.read(target)).toEqual({ ...stream('a', ['KRW-BTC'], 9), status: 'disconnected' });
  keeper.changed();
  expect(clock.pending).toBe(0);
});

test('a change told before the start is written as soon as any other', async () => {
  const { clock, actual, state, keeper } = setUp(false);
  state.running = [stream('a', ['KRW-BTC'])];
  keeper.changed();
  keeper.start();
  keeper.changed();
  await clock.advance(300);
  expect((await actual.read(target))?.connectionId).toBe('a');
});

test('streams that change all the time do not put off the refresh of the others', async () => {
  const { clock, actual, state, keeper } = setUp();
  state.running = [stream('a', ['KRW-BTC'])];
  keeper.changed();
  await clock.advance(300);
  state.running = [stream('a', ['KRW-BTC'], 2)];
  for (let second = 0; second < 31; second++) {
    keeper.changed();
    await clock.advance(1000);
  }
  expect((await actual.read(target))?.lastActive).toBe(2);
});

import { expect, test } from 'bun:test';
import { Ending } from '../../src/config/ending.ts';
import { ManualClock } from './manual-clock.ts';

const never = () => new Promise<never>(() => {});

test('all parts together have one time: each is left behind when what is kept for the others would be touched', async () => {
  const clock = new ManualClock();
  const ending = new Ending(clock, 1000);
  const at: Record<string, number> = {};
  const stop = (async () => {
    for (const [name, keepMs] of [
      ['intake', 750],
      ['streams', 300],
      ['flush', 150],
      ['store', 0],
      ['late', 0],
    ] as const) {
      expect(await ending.part(name, never, keepMs)).toBeNull();
      at[name] = clock.now();
    }
  })();
  await clock.advance(1000);
  await stop;
  expect(at).toEqual({ intake: 250, streams: 700, flush: 850, store: 1000, late: 1000 });
  expect(ending.hung).toEqual(['intake', 'streams', 'flush', 'store', 'late']);
  expect(ending.leftMs).toBe(0);
});

test('a part that ends gives its time to those after it, and one that fails stops none of them', async () => {
  const clock = new ManualClock();
  const ending = new Ending(clock, 1000);
  expect(await ending.part('quick', async () => 7, 900)).toBe(7);
  expect(await ending.part('broken', () => Promise.reject(new Error('no way')), 500)).toBeNull();
  const thrown = ending.part(
    'thrown',
    () => {
      throw new Error('nor here');
    },
    500,
  );
  expect(await thrown).toBeNull();
  expect([clock.now(), ending.leftMs, ending.hung]).toEqual([0, 1000, []]);
  expect(ending.failed).toEqual(['broken: no way', 'thrown: nor here']);
  expect(clock.pending).toBe(0);
});

test('a part that is late and ends before the deadline did not hang, and is waited for at the end', async () => {
  const clock = new ManualClock();
  const ending = new Ending(clock, 1000);
  const stop = (async () => {
    await ending.part('slow', () => new Promise<void>((resolve) => clock.after(400, resolve)), 750);
    await ending.part('next', async () => {}, 0);
    expect(ending.hung).toEqual(['slow']);
    await ending.rest();
    return clock.now();
  })();
  await clock.advance(1000);
  expect(await stop).toBe(400);
  expect([ending.late, ending.hung]).toEqual([['slow'], []]);
  expect(clock.pending).toBe(0);
});

test('one that hangs is waited for until the deadline and no longer', async () => {
  const clock = new ManualClock();
  const ending = new Ending(clock, 1000);
  const stop = (async () => {
    await ending.part('hangs', never, 750);
    await ending.rest();
    return clock.now();
  })();
  await clock.advance(5000);
  expect(await stop).toBe(1000);
  expect(ending.hung).toEqual(['hangs']);
});

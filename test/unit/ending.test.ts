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

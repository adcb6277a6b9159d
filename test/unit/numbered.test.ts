import { edenGC, fullGC, heapStats } from 'bun:jsc';
import { expect, test } from 'bun:test';
import { Numbered } from '../../src/common/numbered.ts';
import { seeded } from './connection-parts.ts';

class Thing {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
}

test('what is there, is there under its number, in order, whatever comes and goes', () => {
  const random = seeded(5);
  const all = new Numbered<Thing>();
  const known = new Map<number, Thing>();
  for (let n = 0; n < 20_000; n++) {
    // Sometimes hundreds stay, sometimes none.
    const stays = n % 5_000 < 2_500 ? 0.55 : 0.3;
    if (random() < stays) {
      const one = new Thing(n);
      known.set(all.add(one), one);
    } else {
      const [number = 7] = [...known.keys()].slice(Math.floor(random() * known.size));
      expect(all.get(number)).toBe(known.get(number));
      expect(all.take(number)).toBe(known.get(number));
      expect(all.take(number)).toBeUndefined();
      known.delete(number);
    }
    expect(all.size).toBe(known.size);
    if (n % 500 === 0) expect([...all.entries()]).toEqual([...known]);
  }
  const last = Math.max(...known.keys());
  all.clear();
  expect([...all]).toEqual([]);
  expect(all.get(last)).toBeUndefined();
  expect(all.add(new Thing(-1))).toBeGreaterThan(last);
  expect(all.size).toBe(1);
});

test('one that stays keeps its place while thousands pass', () => {
  const all = new Numbered<Thing>();
  const stays = new Thing(0);
  const number = all.add(stays);
  for (let n = 0; n < 5_000; n++) all.take(all.add(new Thing(n)));
  expect([...all]).toEqual([stays]);
  expect(all.take(number)).toBe(stays);
});

test('what has passed is not kept until the next full collection', () => {
  const all = new Numbered<Thing>();
  const pass = () => {
    const numbers = Array.from({ length: 100 }, (_, n) => all.add(new Thing(n)));
    for (const number of numbers) all.take(number);
  };
  const objects = () => heapStats().objectTypeCounts.Object ?? 0;
  for (let n = 0; n < 50; n++) pass();
  fullGC();
  const before = objects();
  for (let n = 1; n <= 200; n++) {
    pass();
    if (n % 50 === 0) edenGC();
  }
  // Of 20,000; a map keeps all of them.
  expect(objects() - before).toBeLessThan(2_000);
});

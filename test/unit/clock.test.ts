import { afterEach, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { abortAfter, soundWait, systemClock } from '../../src/common/clock.ts';

const root = join(import.meta.dir, '../..');
const YEAR_MS = 365 * 86_400_000;

describe('waits', () => {
  test.each([2 ** 31, YEAR_MS, 2 ** 40, Number.MAX_VALUE, Number.POSITIVE_INFINITY])(
    'one of %p ms does not run at once, and can be cancelled',
    async (ms) => {
      let runs = 0;
      const cancel = systemClock.after(ms, () => runs++);
      await Bun.sleep(30);
      cancel();
      expect(runs).toBe(0);
    },
  );

  test('one longer than a timer holds runs at its time, by as many timers as it takes', async () => {
    const real = globalThis.setTimeout;
    const asked: number[] = [];
    // Each timer of the runtime ends 2^31 times sooner than it would.
    globalThis.setTimeout = ((fn: () => void, ms: number) => {
      asked.push(ms);
      passed += ms;
      return real(fn, 0);
    }) as typeof setTimeout;
    const now = performance.now;
    let passed = 0;
    performance.now = () => passed;
    try {
      await new Promise<void>((resolve) => systemClock.after(YEAR_MS, resolve));
    } finally {
      globalThis.setTimeout = real;
      performance.now = now;
    }
    expect(Math.max(...asked)).toBeLessThan(2 ** 31);
    expect(asked.length).toBe(Math.ceil(YEAR_MS / (2 ** 31 - 1)));
    expect(passed).toBe(YEAR_MS);
  });

  test('one below 0 runs at once; one that is no number does not, which would be a hot loop', async () => {
    expect([soundWait(-5), soundWait(Number.NEGATIVE_INFINITY), soundWait(7), soundWait(Number.NaN)]).toEqual(
      [0, 0, 7, 1000],
    );
    let runs = 0;
    systemClock.after(-5, () => runs++);
    const cancel = systemClock.after(Number.NaN, () => runs++);
    await Bun.sleep(30);
    cancel();
    expect(runs).toBe(1);
  });

  test('an abort comes with its reason, and not once it was cancelled', async () => {
    const late = abortAfter(systemClock, 1, () => new Error('late'));
    const inTime = abortAfter(systemClock, 1, () => new Error('late'));
    inTime.cancel();
    await Bun.sleep(30);
    expect(late.signal.reason).toEqual(new Error('late'));
    expect(inTime.signal.aborted).toBe(false);
  });
});

describe('the time of day', () => {
  const real = { wall: Date.now, fine: performance.now };
  afterEach(() => {
    Date.now = real.wall;
    performance.now = real.fine;
  });

  test('is told to the microsecond, within 2 ms of the wall clock, and follows it within a millisecond where it is set', () => {
    let fine = performance.now() + 1000;
    let wall = 1_790_000_000_000;
    performance.now = () => fine;
    Date.now = () => wall;
    expect(systemClock.micros()).toBe(wall * 1000);
    fine += 0.25;
    expect(systemClock.micros()).toBe(wall * 1000 + 250);
    // A drift of less than 2 ms is let pass, so that times do not jump.
    fine += 10;
    wall += 9;
    expect(systemClock.micros()).toBe(wall * 1000 + 1250);
    for (const set of [-3_600_000, 4, 86_400_000, -2]) {
      wall += set;
      fine += 1;
      expect(systemClock.micros()).toBe(Math.round(wall * 1000));
    }
  });
});

/** What waits without the clock: tests could not move its time, and nothing bounds it. */
const TIMERS = /\b(setTimeout|setInterval|AbortSignal\.timeout|Bun\.sleep|timers\/promises)\b/;

/** Files that may, and why. */
const EXEMPT: Record<string, string> = {
  'src/common/clock.ts': 'it is the clock',
  'src/infra/http/page/detail.js': 'runs in the browser',
  'src/infra/http/page/client.js': 'runs in the browser',
  'src/infra/http/page/search.js': 'runs in the browser',
};

test('every timer of the program passes through the clock', () => {
  const found = new Set<string>();
  for (const pattern of ['index.ts', '{src,exchanges}/**/*.{ts,js}'])
    for (const file of new Bun.Glob(pattern).scanSync(root))
      if (TIMERS.test(readFileSync(join(root, file), 'utf8'))) found.add(file);
  expect([...found].sort()).toEqual(Object.keys(EXEMPT).sort());
});

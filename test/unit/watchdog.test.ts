import { describe, expect, test } from 'bun:test';
import { Watchdog } from '../../src/core/connection/watchdog.ts';
import { seeded } from './connection-parts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function watching(settingMs: number, ...symbols: string[]): Watchdog {
  const watchdog = new Watchdog(settingMs);
  for (const symbol of symbols) watchdog.watch(symbol, 0);
  return watchdog;
}

/** Rows of `symbol` at these times, with a check every second in between; counts how often it was called stale. */
function follow(watchdog: Watchdog, symbol: string, times: readonly number[], untilMs: number): number {
  let alarms = 0;
  let next = 0;
  for (let now = 0; now <= untilMs; now += 1000) {
    while ((times[next] ?? Number.POSITIVE_INFINITY) <= now) watchdog.data(symbol, times[next++] ?? 0);
    alarms += watchdog.check(now).silent.length;
  }
  return alarms;
}

describe('a code with little trade is never called stale at the defaults', () => {
  test('one row in ten minutes, regular', () => {
    const times = Array.from({ length: 300 }, (_, i) => 5000 + i * 10 * MINUTE);
    expect(follow(watching(MINUTE, 'A'), 'A', times, 50 * HOUR)).toBe(0);
  });

  test.each(Array.from({ length: 20 }, (_, i) => i))(
    'one in ten minutes on average, by chance %p',
    (seed) => {
      const random = seeded(seed);
      const times: number[] = [];
      for (let at = 0; at < 50 * HOUR; at += -Math.log(1 - random()) * 10 * MINUTE) times.push(at);
      expect(follow(watching(MINUTE, 'A'), 'A', times, 50 * HOUR)).toBe(0);
    },
  );

  test('bursts of prints every ten minutes', () => {
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 40; j++) times.push(i * 10 * MINUTE + j * 50);
    }
    expect(follow(watching(MINUTE, 'A'), 'A', times, 16 * HOUR)).toBe(0);
  });

  test('its last trade repeated by every new socket', () => {
    const watchdog = watching(MINUTE, 'A');
    let alarms = 0;
    for (let now = 0; now < 10 * HOUR; now += 1000) {
      if (now % (5 * MINUTE) === 0) {
        watchdog.restart(now);
        watchdog.data('A', now + 200);
      }
      alarms += watchdog.check(now + 500).silent.length;
    }
    expect(alarms).toBe(0);
  });
});

describe('a code of known rate that turns silent', () => {
  test('busy: above the setting', () => {
    const watchdog = watching(MINUTE, 'A');
    for (let now = 0; now <= 20_000; now += 100) watchdog.data('A', now);
    expect(watchdog.check(79_000).silent).toEqual([]);
    expect(watchdog.check(81_000).silent).toEqual([{ symbol: 'A', lastMs: 20_000, heard: true }]);
    expect(watchdog.isStale('A')).toBe(true);
    expect(watchdog.check(82_000).silent).toEqual([]);
  });

  test('slower: above 20 times its median silence', () => {
    const watchdog = watching(MINUTE, 'A');
    for (let i = 0; i <= 20; i++) watchdog.data('A', i * 10_000);
    expect(watchdog.check(200_000 + 199_000).silent).toEqual([]);
    expect(watchdog.check(200_000 + 201_000).silent).toHaveLength(1);
  });

  test('one long pause among many does not move its limit', () => {
    const watchdog = watching(MINUTE, 'A');
    for (let i = 0; i <= 20; i++) watchdog.data('A', i * 5000);
    watchdog.data('A', 100_000 + HOUR);
    watchdog.check(100_000 + HOUR + 101_000);
    expect(watchdog.isStale('A')).toBe(true);
  });

  test('a rate that changes is learnt', () => {
    const watchdog = watching(MINUTE, 'A');
    for (let i = 0; i <= 100; i++) watchdog.data('A', i * 4000);
    let now = 400_000;
    for (let i = 0; i < 64; i++) {
      now += 10 * MINUTE;
      watchdog.data('A', now);
    }
    expect(watchdog.check(now + HOUR).silent).toEqual([]);
  });

  test('silenced again and again: noticed every time', () => {
    const watchdog = watching(5000, 'A');
    let now = 0;
    for (let mute = 0; mute < 40; mute++) {
      for (const end = now + 10_000; now < end; now += 100) watchdog.data('A', now);
      now += 20_000;
      expect(watchdog.check(now).silent).toHaveLength(1);
    }
  });

  test('busy for an hour, then one row in ten minutes: one alarm', () => {
    const times: number[] = [];
    for (let at = 0; at < HOUR; at += 500) times.push(at);
    for (let at = HOUR; at < 60 * HOUR; at += 10 * MINUTE) times.push(at);
    expect(follow(watching(MINUTE, 'A'), 'A', times, 60 * HOUR)).toBe(1);
  });

  test('data tells that it is back, once', () => {
    const watchdog = watching(1000, 'A');
    for (let now = 0; now <= 1000; now += 10) watchdog.data('A', now);
    watchdog.check(2500);
    expect(watchdog.data('A', 2600)).toBe(true);
    expect(watchdog.data('A', 2601)).toBe(false);
    expect(watchdog.isStale('A')).toBe(false);
  });
});

describe('the whole socket', () => {
  test('is dark when every code of known rate is stale', () => {
    const watchdog = watching(1000, 'A', 'B', 'RARE');
    for (let now = 0; now <= 1000; now += 10) {
      watchdog.data('A', now);
      watchdog.data('B', now);
    }
    for (let now = 1000; now <= 2500; now += 10) watchdog.data('B', now);
    expect(watchdog.check(2500)).toMatchObject({ silent: [{ symbol: 'A' }], dark: false });
    expect(watchdog.check(4000)).toMatchObject({ silent: [{ symbol: 'B' }], dark: true });
  });

  test('is never dark while nothing is known', () => {
    expect(watching(1000, 'A').check(HOUR)).toMatchObject({ silent: [], repair: [], dark: false });
  });

  test('gets its time anew with a new socket; what was stale stays so until data comes', () => {
    const watchdog = watching(1000, 'A', 'B');
    for (let now = 0; now <= 1000; now += 10) {
      watchdog.data('A', now);
      watchdog.data('B', now);
    }
    for (let now = 1000; now <= 3000; now += 10) watchdog.data('B', now);
    watchdog.check(3000);
    watchdog.restart(9000);
    expect(watchdog.check(9500).silent).toEqual([]);
    expect(watchdog.isStale('A')).toBe(true);
    expect(watchdog.isStale('B')).toBe(false);
  });
});

describe('a code that was never heard', () => {
  const told = (watchdog: Watchdog, from: number, until: number) => {
    const found: string[] = [];
    for (let now = from; now <= until; now += 1000) {
      const { silent, repair, dark } = watchdog.check(now);
      const spelt = silent.map(({ symbol, heard, lastMs }) => `${symbol} ${heard} ${lastMs}`);
      if (spelt.length + repair.length > 0) found.push(`${now / 1000}: [${spelt}] [${repair}] ${dark}`);
    }
    return found;
  };

  test('is subscribed anew after its patience, stale after twice that, once for good', () => {
    const patience: Record<string, number> = { A: 20_000, B: Number.POSITIVE_INFINITY };
    const watchdog = new Watchdog(10_000, (symbol) => patience[symbol] ?? 0);
    for (const symbol of ['A', 'B']) watchdog.watch(symbol, 0);
    expect(told(watchdog, 0, 200_000)).toEqual(['21: [] [A] false', '41: [A false 0] [A] false']);
    expect(watchdog.isStale('A')).toBe(true);
    watchdog.restart(200_000);
    expect(told(watchdog, 200_000, 400_000)).toEqual([]);
    expect(watchdog.data('A', 400_000)).toBe(true);
    watchdog.restart(400_000);
    expect(told(watchdog, 400_000, 900_000)).toEqual([]);
  });

  test('is heard by any row, also by one that only answers its subscription', () => {
    const watchdog = new Watchdog(10_000, () => 10_000);
    watchdog.watch('A', 0);
    expect(watchdog.data('A', 500, false)).toBe(false);
    expect(watchdog.lastMs('A')).toBeNull();
    expect(told(watchdog, 0, 200_000)).toEqual([]);
  });

  test('has its time anew with every socket', () => {
    const watchdog = new Watchdog(10_000, () => 10_000);
    watchdog.watch('A', 0);
    for (let now = 0; now < 100_000; now += 1000) {
      if (now % 9000 === 0) watchdog.restart(now);
      expect(watchdog.check(now).silent).toEqual([]);
    }
  });

  test('makes a connection dark only where it has no other code', () => {
    const alone = new Watchdog(10_000, () => 10_000);
    alone.watch('A', 0);
    expect(told(alone, 0, 60_000)).toEqual(['11: [] [A] false', '21: [A false 0] [A] true']);
    const heard = new Watchdog(10_000, () => 10_000);
    for (const symbol of ['A', 'B']) heard.watch(symbol, 0);
    heard.data('B', 100);
    expect(told(heard, 0, 60_000)).toEqual(['11: [] [A] false', '21: [A false 0] [A] false']);
  });
});

test('codes that nobody watches change nothing', () => {
  const watchdog = watching(1000);
  expect(watchdog.data('X', 1)).toBe(false);
  expect(watchdog.lastMs('X')).toBeNull();
  watchdog.watch('A', 0);
  watchdog.forget('A');
  expect(watchdog.check(HOUR)).toMatchObject({ silent: [], repair: [], dark: false });
});

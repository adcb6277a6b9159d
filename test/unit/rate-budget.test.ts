import { describe, expect, test } from 'bun:test';
import { RateBudget } from '../../src/core/connection/rate-budget.ts';
import type { Rate } from '../../src/core/exchange.ts';
import { seeded } from './connection-parts.ts';

/** Takes as fast as the budget allows, at times and after pauses of chance; returns when. */
function greedy(budget: RateBudget, random: () => number, count: number): number[] {
  const times: number[] = [];
  let now = 1000;
  while (times.length < count) {
    now += budget.delay(now);
    if (random() < 0.1) now += random() * 3000;
    if (budget.delay(now) > 0) continue;
    budget.take(now);
    times.push(now);
  }
  return times;
}

/** Most takes within any half-open window of this length. */
function densest(times: readonly number[], perMs: number): number {
  let most = 0;
  for (let i = 0; i < times.length; i++) {
    const end = (times[i] ?? 0) + perMs;
    most = Math.max(most, times.filter((at, j) => j >= i && at <= end).length);
  }
  return most;
}

describe('rate budget', () => {
  const cases: { rates: Rate[] }[] = [
    { rates: [{ count: 5, perMs: 1000 }] },
    {
      rates: [
        { count: 5, perMs: 1000 },
        { count: 100, perMs: 60_000 },
      ],
    },
    { rates: [{ count: 1, perMs: 300 }] },
    { rates: [{ count: 300, perMs: 300_000 }] },
  ];
  test.each(cases)('never exceeds $rates in any window, ends included', ({ rates }) => {
    const times = greedy(new RateBudget(rates), seeded(5), 700);
    for (const { count, perMs } of rates) expect(densest(times, perMs)).toBeLessThanOrEqual(count);
  });

  test('uses what is allowed', () => {
    const times = greedy(new RateBudget([{ count: 5, perMs: 1000 }]), () => 1, 500);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(500 * 250);
  });

  test('leaves room for messages that bunch up on their way', () => {
    const times = greedy(new RateBudget([{ count: 5, perMs: 1000 }]), () => 1, 200);
    expect(densest(times, 1150)).toBeLessThanOrEqual(5);
  });

  test('keeps a part free for what is not asked for here', () => {
    const times = greedy(new RateBudget([{ count: 5, perMs: 1000 }], { reserve: 1 }), () => 1, 200);
    expect(densest(times, 1000)).toBe(4);
  });

  test('without a rate nothing waits', () => {
    const budget = new RateBudget([]);
    for (let i = 0; i < 1000; i++) budget.take(0);
    expect(budget.delay(0)).toBe(0);
  });
});

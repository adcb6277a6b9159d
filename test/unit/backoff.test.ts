import { describe, expect, test } from 'bun:test';
import { Backoff, EAGER, PATIENT } from '../../src/core/connection/backoff.ts';
import { seeded } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

function waits(random: () => number, count: number): number[] {
  const backoff = new Backoff(new ManualClock(undefined, random), PATIENT);
  return Array.from({ length: count }, () => backoff.fail());
}

describe('back-off', () => {
  test('the first wait is one second, whatever chance says', () => {
    for (const chance of [0, 0.5, 0.999]) expect(waits(() => chance, 1)).toEqual([1000]);
  });

  test('later ones lie between one second and three times the one before', () => {
    const random = seeded(3);
    for (let run = 0; run < 200; run++) {
      const list = waits(random, 10);
      for (let i = 1; i < list.length; i++) {
        expect(list[i]).toBeGreaterThanOrEqual(1000);
        expect(list[i]).toBeLessThanOrEqual(Math.min(30_000, 3 * (list[i - 1] ?? 0)));
      }
    }
  });

  test('grows to 30 s for ten failures, then to 300 s', () => {
    const list = waits(() => 0.999_999, 14);
    expect(Math.max(...list.slice(0, 10))).toBe(30_000);
    expect(list[10]).toBeGreaterThan(30_000);
    expect(list.at(-1)).toBe(300_000);
  });

  test('in a long outage one wait in twenty is halved', () => {
    const random = seeded(11);
    const backoff = new Backoff(new ManualClock(undefined, random), PATIENT);
    const list = Array.from({ length: 20_000 }, () => backoff.fail()).slice(100);
    const halved = list.filter((wait) => wait === 150_000).length;
    const full = list.filter((wait) => wait === 300_000).length;
    expect(halved / (halved + full)).toBeGreaterThan(0.03);
    expect(halved / (halved + full)).toBeLessThan(0.07);
    expect(Math.min(...list)).toBeGreaterThanOrEqual(1000);
  });

  test('of an exchange that is away never grows above 15 s', () => {
    const backoff = new Backoff(new ManualClock(undefined, () => 0.999_999), EAGER);
    expect(Math.max(...Array.from({ length: 500 }, () => backoff.fail()))).toBe(15_000);
  });

  test('begins anew after a reset', () => {
    const backoff = new Backoff(new ManualClock(undefined, () => 0.9), PATIENT);
    for (let i = 0; i < 5; i++) backoff.fail();
    expect(backoff.failures).toBe(5);
    backoff.reset();
    expect(backoff.failures).toBe(0);
    expect(backoff.fail()).toBe(1000);
  });
});

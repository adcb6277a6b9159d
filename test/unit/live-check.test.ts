import { describe, expect, test } from 'bun:test';
import { FRAME_KEYS } from '../../exchanges/frame-keys.ts';
import { busyMarkets } from '../../src/core/live-check/busy-markets.ts';
import { apart, isOff, surest } from '../../src/core/live-check/clock-apart.ts';
import { knownKeys, unknownKeys } from '../../src/core/live-check/frame-keys.ts';
import { KeptFrames } from '../../src/core/live-check/kept-frames.ts';
import { PriceWatch } from '../../src/core/live-check/price-watch.ts';
import { affordable, plan } from '../../src/core/live-check/schedule.ts';
import { market } from '../../src/core/market/market.ts';
import { frameKeys } from '../frame-keys.ts';

describe('keys of frames', () => {
  test('the table is that of the recorded frames: `bun test/frame-keys.ts` makes it anew', () => {
    expect(FRAME_KEYS).toEqual(frameKeys());
  });

  test('what is unknown is told by its place, the outermost alone; elements of an array are one place', () => {
    const known = knownKeys('a a.b list list[].p');
    expect(unknownKeys({ a: { b: 1 }, list: [{ p: 1 }] }, known)).toEqual([]);
    expect(unknownKeys({ a: { c: { d: 1 } }, list: [{ p: 1 }, { q: [{ r: 2 }] }], x: 1 }, known)).toEqual([
      'a.c',
      'list[].q',
      'x',
    ]);
    for (const value of [null, 7, 'x', [], [[1]], undefined]) expect(unknownKeys(value, known)).toEqual([]);
  });

  test('a frame that nests without end, or repeats without end, is read as far as any frame goes', () => {
    let deep: unknown = {};
    for (let depth = 0; depth < 10_000; depth++) deep = { a: deep };
    expect(unknownKeys(deep, new Set())).toEqual(['a']);
    const long = Array.from({ length: 100_000 }, (_, at) => ({ [`k${at}`]: 1 }));
    expect(unknownKeys(long, new Set()).length).toBeLessThan(100);
  });
});

test('busy markets are those of the coins that trade most, each once; then whatever is listed', () => {
  const all = ['ABC-KRW', 'ETH-BTC', 'ETH-KRW', 'BTC-USDT', 'BTC-KRW'].map((symbol) => {
    const [base = '', quote = ''] = symbol.split('-');
    return market(symbol, base, quote);
  });
  expect(busyMarkets(all, 3).map(({ code }) => code)).toEqual(['KRW-BTC', 'KRW-ETH', 'KRW-ABC']);
  expect(busyMarkets([], 3)).toEqual([]);
});

describe('clocks', () => {
  const AT = 1_790_000_000_123_456;

  test('an answer was made between the question and its arrival; whole seconds were cut', () => {
    expect(apart(AT, AT - 100_000, AT + 100_000)).toEqual({ offset: 0, unsure: 100_000 });
    const cut = apart(1_790_000_000_000_000, AT, AT);
    expect(cut).toEqual({ offset: 376_544, unsure: 500_000 });
  });

  test('one is off only where it is so for certain; the surest answer counts', () => {
    expect(isOff(apart(AT + 3_000_000, AT, AT + 200_000))).toBe(true);
    expect(isOff(apart(AT - 3_000_000, AT, AT + 200_000))).toBe(true);
    expect(isOff(apart(AT + 3_000_000, AT, AT + 6_000_000))).toBe(false);
    const [slow, fast] = [apart(AT, AT - 1_000_000, AT + 1_000_000), apart(AT, AT - 10, AT + 10)];
    expect(surest([slow, fast])).toBe(fast);
    expect(surest([])).toBeNull();
  });
});

describe('prices', () => {
  const S = 1_000_000;

  test('one that came around its time is the same, also one that holds since long before', () => {
    const watch = new PriceWatch();
    watch.take(10, 0);
    watch.take(11, 100 * S);
    watch.take(12, 103 * S);
    for (const price of [10, 11, 12]) watch.shown(price, 101 * S, 102 * S);
    expect(watch.same).toBe(3);
    expect(watch.foreign).toEqual([]);
  });

  test('one that never came is foreign where none is the same, and was asked for twice', () => {
    const watch = new PriceWatch();
    watch.take(10, 0);
    watch.take(11, 5 * S);
    watch.shown(99, 10 * S, 11 * S);
    expect(watch.foreign).toEqual([]);
    watch.shown(98, 12 * S, 13 * S);
    expect(watch.foreign).toEqual([99, 98]);
    watch.shown(11, 14 * S, 15 * S);
    expect(watch.foreign).toEqual([]);
  });

  test('where nothing came it says nothing', () => {
    const watch = new PriceWatch();
    watch.shown(1, 0, 1);
    watch.shown(2, 2, 3);
    expect({ same: watch.same, foreign: watch.foreign }).toEqual({ same: 0, foreign: [] });
  });
});

describe('kept frames', () => {
  test('the first, the latest and those that something is wrong with, each once and in order', () => {
    const kept = new KeptFrames();
    for (let at = 0; at < 5000; at++) {
      kept.frame({ data: `f${at}`, receivedAt: at });
      if (at === 2000) kept.odd({ data: 'f2000', receivedAt: 2000 });
    }
    kept.odd({ data: 'f4999', receivedAt: 4999 });
    const times = kept.all().map(({ receivedAt }) => receivedAt);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    expect(times).toContain(0);
    expect(times).toContain(2000);
    expect(times.at(-1)).toBe(4999);
    expect(times.length).toBeLessThan(1500);
  });

  test('its memory is bounded by bytes too, and a frame larger than all of it is passed over', () => {
    const kept = new KeptFrames();
    const large = new Uint8Array(1024 * 1024);
    for (let at = 0; at < 100; at++) kept.frame({ data: large, receivedAt: at });
    kept.frame({ data: new Uint8Array(8 * 1024 * 1024), receivedAt: 1000 });
    const bytes = kept.all().reduce((sum, { data }) => sum + data.length, 0);
    expect(bytes).toBeLessThanOrEqual(6 * 1024 * 1024);
    expect(bytes).toBeGreaterThan(0);
  });
});

describe('questions', () => {
  const kinds = (questions: readonly { readonly question: string }[]) =>
    [...new Set(questions.map(({ question }) => question))].sort();

  test('each has its times, in order, and leaves the end for what is on its way', () => {
    const { codes, questions } = plan(60, 3, Number.POSITIVE_INFINITY);
    const times = questions.map(({ atMs }) => atMs);
    expect(codes).toBe(3);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(kinds(questions)).toEqual(['book', 'clock', 'price', 'trades']);
    expect(Math.max(...times)).toBeLessThan(50_000);
  });

  test('no more are asked than the exchange allows, one of each kind first', () => {
    for (let allowed = 0; allowed < 60; allowed++) {
      const { codes, questions } = plan(60, 3, allowed);
      const cost = questions.map(({ question }) => (question === 'clock' ? 1 : codes));
      expect(cost.reduce((sum, one) => sum + one, codes)).toBeLessThanOrEqual(Math.max(allowed, 1));
      if (allowed >= 5) expect(kinds(questions)).toEqual(['book', 'clock', 'price', 'trades']);
      expect(codes).toBe(allowed >= 21 ? 3 : 1);
    }
  });

  test('what an exchange allows is the least of its rates', () => {
    expect(affordable([{ count: 7, perMs: 60_000 }], 20, 1)).toBe(7);
    expect(affordable([{ count: 7, perMs: 60_000 }], 120, 1)).toBe(14);
    expect(
      affordable(
        [
          { count: 3000, perMs: 60_000 },
          { count: 10, perMs: 1000 },
        ],
        60,
        25,
      ),
    ).toBe(24);
    expect(affordable([], 60, 1)).toBe(Number.POSITIVE_INFINITY);
  });
});

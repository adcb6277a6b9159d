import { describe, expect, test } from 'bun:test';
import { bookFetches, type RestAnswer } from '../../src/application/rest/book-fetches.ts';
import { RestTurns } from '../../src/application/rest/rest-turns.ts';
import type { BookFetch } from '../../src/core/connection/link-parts.ts';
import { WeightBudget } from '../../src/core/connection/weight-budget.ts';
import { bookExchange } from './book-parts.ts';
import { coin, LIMITS } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const RATES = [{ count: 6000, perMs: 60_000 }];
const exchange = bookExchange('fetched', {}, { limits: { ...LIMITS, rest: RATES } });

interface Asked {
  readonly symbol: string;
  readonly atMs: number;
}

/** Books that are fetched on a clock that stands still, from a server that answers after so many ms. */
function rig(answer: (asked: number) => RestAnswer | Error, slowMs = 50) {
  const clock = new ManualClock();
  const turns = new RestTurns(clock, exchange);
  const asked: Asked[] = [];
  const failures: string[] = [];
  const fetchBook = bookFetches(exchange, null, {
    clock,
    turns,
    ask: async (_, url) => {
      const symbol = url.split('/').at(-1) ?? '';
      asked.push({ symbol, atMs: clock.now() });
      const said = answer(asked.length);
      await new Promise<void>((resolve) => clock.after(slowMs, resolve));
      if (said instanceof Error) throw said;
      return said;
    },
    onFailure: (_, { code, message }) => failures.push(`${code}: ${message}`),
  });
  if (!fetchBook) throw new Error('books do not come over REST');
  const delivered = new Map<string, string | null>();
  const fetch = (symbol: string, over: Partial<BookFetch> = {}): void =>
    fetchBook({
      market: coin(symbol),
      activity: () => 0,
      wanted: () => true,
      deliver: (body) => void delivered.set(symbol, body),
      ...over,
    });
  return { clock, turns, asked, failures, delivered, fetch };
}

const OK: RestAnswer = { status: 200, retryAfterMs: null, text: '{}' };

/** The most weight within any window. */
function mostWithin(asked: readonly Asked[], perMs: number): number {
  return Math.max(
    ...asked.map(({ atMs }) => asked.filter((one) => one.atMs >= atMs && one.atMs < atMs + perMs).length),
  ); // prettier-ignore
}

describe('books over REST', () => {
  test('400 start within the limit, the busiest first', async () => {
    const { clock, asked, delivered, fetch } = rig(() => OK);
    for (let n = 0; n < 400; n++) fetch(`C${n}`, { activity: () => n });
    await clock.advance(4 * 61_000);
    expect(delivered.size).toBe(400);
    expect([...delivered.values()].every((body) => body === '{}')).toBe(true);
    expect(mostWithin(asked, 60_000) * 50).toBeLessThanOrEqual(6000);
    expect(mostWithin(asked, 60_000) * 50).toBeGreaterThan(5000);
    // The first few were asked for before the others were there.
    const order = asked.slice(4).map(({ symbol }) => Number(symbol.slice(1)));
    expect(order).toEqual(order.toSorted((a, b) => b - a));
  });

  test('a market list goes before books that wait, and counts', async () => {
    const { clock, turns, asked, fetch } = rig(() => OK);
    for (let n = 0; n < 200; n++) fetch(`C${n}`);
    await clock.advance(30_000);
    expect(asked.length).toBe(120);
    let turnAt = 0;
    void turns.turn('list', 20).then(() => {
      turnAt = clock.now();
    });
    await clock.advance(60_000);
    expect(turnAt).toBeGreaterThan(60_000);
    expect(turnAt).toBeLessThanOrEqual(asked[120]?.atMs ?? 0);
  });

  test('one that nobody wants any more is dropped, and told so', async () => {
    const { clock, asked, delivered, fetch } = rig(() => OK);
    let wanted = true;
    for (let n = 0; n < 130; n++) fetch(`C${n}`, { wanted: () => wanted });
    await clock.advance(10_000);
    wanted = false;
    await clock.advance(60_000);
    expect(asked.length).toBe(120);
    expect(delivered.size).toBe(130);
    expect(delivered.get('C129')).toBeNull();
  });

  test('an exchange that says "not now" is left alone for as long as it says', async () => {
    const { clock, asked, failures, delivered, fetch } = rig((nth) =>
      nth <= 4 ? { status: 429, retryAfterMs: 30_000, text: '' } : OK,
    );
    for (let n = 0; n < 10; n++) fetch(`C${n}`);
    await clock.advance(29_000);
    expect(asked.length).toBe(4);
    await clock.advance(3000);
    expect(asked.length).toBe(10);
    expect([...delivered.values()].filter((body) => body === null)).toHaveLength(4);
    expect(failures[0]).toContain(
      'book_fetch_failed: An order book could not be fetched: https://fake.invalid/C',
    );
    expect(failures[0]).toContain('HTTP 429');
  });

  test('a failure holds up nobody else', async () => {
    const { clock, failures, delivered, fetch } = rig((nth) => (nth === 1 ? new Error('cut') : OK));
    for (let n = 0; n < 10; n++) fetch(`C${n}`);
    await clock.advance(1000);
    expect(failures).toHaveLength(1);
    expect([...delivered.values()].filter((body) => body === '{}')).toHaveLength(9);
  });

  test('what waits at the stop is dropped, and so is what comes after', async () => {
    const { clock, turns, delivered, fetch } = rig(() => OK);
    for (let n = 0; n < 130; n++) fetch(`C${n}`);
    await clock.advance(10_000);
    turns.stop();
    fetch('LATE');
    await turns.turn('list', 20);
    expect(delivered.size).toBe(131);
    expect(turns.waiting).toBe(0);
  });
});

test('weights in any window stay below every rate', () => {
  const budget = new WeightBudget([
    { count: 100, perMs: 1000 },
    { count: 300, perMs: 10_000 },
  ]);
  const taken: { atMs: number; weight: number }[] = [];
  let nowMs = 0;
  for (let n = 0; n < 300; n++) {
    const weight = 1 + ((n * 7) % 40);
    nowMs += budget.delay(nowMs, weight);
    expect(budget.delay(nowMs, weight)).toBe(0);
    budget.take(nowMs, weight);
    taken.push({ atMs: nowMs, weight });
  }
  for (const [count, perMs] of [
    [100, 1000],
    [300, 10_000],
  ] as const) {
    for (const { atMs } of taken) {
      const within = taken.filter((one) => one.atMs >= atMs && one.atMs < atMs + perMs);
      expect(within.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(count);
    }
  }
});

test('an exchange that says no limits has none', () => {
  const budget = new WeightBudget([]);
  for (let nth = 0; nth < 3; nth++) {
    expect(budget.delay(nth, 1)).toBe(0);
    budget.take(nth, 1);
  }
});

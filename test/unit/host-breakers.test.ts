import { describe, expect, test } from 'bun:test';
import type { BreakerStore } from '../../src/application/state-store.ts';
import { HostBreakers } from '../../src/application/streams/host-breakers.ts';
import { Fault } from '../../src/common/errors.ts';
import { memoryBreakers } from '../../src/infra/memory/breakers.ts';
import { ManualClock } from './manual-clock.ts';

const HOST = 'exchange.invalid';
const FIGURES = {
  failureThreshold: 2,
  windowMs: 60_000,
  openMs: 15_000,
  halfOpenMaxCalls: 1,
  successThreshold: 1,
};
const LOOK_MS = 10_000;

/** Collectors that share a store which may be emptied, or be away. */
function world(collectors: number) {
  const clock = new ManualClock();
  let inner = memoryBreakers();
  const state = { away: false };
  const store = new Proxy({} as BreakerStore, {
    get:
      (_, name: keyof BreakerStore) =>
      async (...args: unknown[]) => {
        if (state.away) throw new Fault('redis_unavailable', 'store', 'is away.', '');
        return (inner[name] as (...all: unknown[]) => unknown)(...args);
      },
  });
  const told: string[] = [];
  const all = Array.from({ length: collectors }, (_, nth) => {
    const one = new HostBreakers({
      store,
      figures: FIGURES,
      clock,
      onChange: (breaker) => told.push(`${nth} ${breaker.state}${breaker.forced ? ' forced' : ''}`),
    });
    one.start();
    return one;
  });
  const allowed = async (nth: number) => (await all[nth]?.allow(HOST))?.allowed;
  return {
    clock,
    state,
    told,
    all,
    allowed,
    empty: () => {
      inner = memoryBreakers();
    },
  };
}

describe('a breaker that an operator opened', () => {
  test('stays open over a store that loses its memory, and is written back at the first question', async () => {
    const { all, allowed, empty, told, clock } = world(1);
    expect(await allowed(0)).toBe(true);
    await all[0]?.force(HOST, 'open');
    await clock.advance(1000);
    empty();
    expect(await allowed(0)).toBe(false);
    expect(told).toEqual(['0 open forced', '0 open forced']);
    expect(all[0]?.known()[0]).toMatchObject({ state: 'open', forced: true });
    await clock.advance(3_600_000);
    expect(await allowed(0)).toBe(false);
  });

  test('is known to a collector that did not ask since, and written back by it alone', async () => {
    const { all, allowed, empty, clock } = world(2);
    expect(await allowed(1)).toBe(true);
    await all[0]?.force(HOST, 'open');
    await clock.advance(LOOK_MS + 100);
    all[0]?.stop();
    empty();
    await clock.advance(LOOK_MS);
    expect(await allowed(1)).toBe(false);
  });

  test('and that one closed is not opened by whoever has not heard of that', async () => {
    const { all, allowed, empty, clock } = world(2);
    expect(await allowed(1)).toBe(true);
    await all[0]?.force(HOST, 'open');
    await clock.advance(LOOK_MS + 100);
    await all[0]?.force(HOST, 'closed');
    await clock.advance(100);
    expect(await allowed(1)).toBe(true);
    empty();
    await Promise.all(all.map((one) => one.look()));
    expect(await allowed(0)).toBe(true);
    expect(await allowed(1)).toBe(true);
  });

  test('stays open while the store is away, and when it comes back empty', async () => {
    const { all, allowed, empty, clock, state } = world(1);
    await all[0]?.force(HOST, 'open');
    state.away = true;
    expect(await allowed(0)).toBe(false);
    empty();
    await clock.advance(LOOK_MS);
    state.away = false;
    await all[0]?.look();
    expect(await allowed(0)).toBe(false);
  });

  test('no look outlives the end', async () => {
    const { all, clock } = world(1);
    all[0]?.stop();
    await clock.advance(2 * LOOK_MS);
    expect(clock.pending).toBe(0);
  });
});

test('what failures opened is not written back: they are told again', async () => {
  const { all, allowed, empty, clock } = world(1);
  for (let n = 0; n < 2; n++) all[0]?.report(HOST, false);
  await clock.advance(1);
  expect(await allowed(0)).toBe(false);
  empty();
  expect(await allowed(0)).toBe(true);
});

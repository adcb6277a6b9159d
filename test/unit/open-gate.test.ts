import { describe, expect, test } from 'bun:test';
import { SharedOpens } from '../../src/application/streams/shared-opens.ts';
import { LimitedGate, type OpenBreaker, type OpenHistory } from '../../src/core/connection/open-gate.ts';
import { memoryOpens } from '../../src/infra/memory/opens.ts';
import { coin, fakeExchange, LIMITS, rig, socketOf, wellBehaved } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const HOST = 'fake.invalid';

test('opens of all sockets of an exchange share its budget, first come, first served', async () => {
  const clock = new ManualClock();
  const gate = new LimitedGate(clock, { ...LIMITS, opens: [{ count: 5, perMs: 1000 }] }, null);
  const order: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < 23; i++) {
    void gate.allow(HOST).then(() => {
      order.push(i);
      times.push(clock.now());
    });
  }
  await clock.advance(20_000);
  expect(order).toEqual(Array.from({ length: 23 }, (_, i) => i));
  for (let i = 5; i < times.length; i++) expect((times[i] ?? 0) - (times[i - 5] ?? 0)).toBeGreaterThan(1000);
  expect(times.at(-1)).toBeLessThan(10_000);
});

test('no more sockets at once than the exchange takes', async () => {
  const clock = new ManualClock();
  const gate = new LimitedGate(clock, { ...LIMITS, sockets: 2 }, null);
  expect((await gate.allow(HOST)).allowed).toBe(true);
  expect((await gate.allow(HOST)).allowed).toBe(true);
  expect(await gate.allow(HOST)).toMatchObject({ allowed: false, reason: '2 sockets are open, the limit' });
  gate.closed(HOST);
  expect((await gate.allow(HOST)).allowed).toBe(true);
  expect(gate.open).toBe(2);
});

test('a ban holds for every socket to the host, and the longest one counts', async () => {
  const clock = new ManualClock();
  const gate = new LimitedGate(clock, LIMITS, null);
  gate.ban(HOST, { forMs: 60_000, reason: 'HTTP 418 on opening' });
  gate.ban(HOST, { forMs: 1000, reason: 'HTTP 429 on opening' });
  expect(await gate.allow(HOST)).toEqual({
    allowed: false,
    retryInMs: 60_000,
    reason: 'HTTP 418 on opening',
  });
  expect((await gate.allow('other.invalid')).allowed).toBe(true);
  await clock.advance(60_000);
  expect((await gate.allow(HOST)).allowed).toBe(true);
});

test('a ban that falls while an attempt waits for its turn holds for it', async () => {
  const clock = new ManualClock();
  const gate = new LimitedGate(clock, { ...LIMITS, opens: [{ count: 1, perMs: 1000 }] }, null);
  await gate.allow(HOST);
  const second = gate.allow(HOST);
  await clock.advance(500);
  gate.ban(HOST, { forMs: 60_000, reason: 'banned' });
  await clock.advance(1500);
  expect(await second).toMatchObject({ allowed: false, reason: 'banned' });
});

describe('the breaker', () => {
  test('is asked last and told what came of it; an attempt that was not made is not its business', async () => {
    const told: boolean[] = [];
    const breaker: OpenBreaker = {
      allow: async () => ({ allowed: true }),
      report: (_host, good) => told.push(good),
    };
    const gate = new LimitedGate(new ManualClock(), LIMITS, breaker);
    await gate.allow(HOST);
    gate.report(HOST, 'unused');
    gate.report(HOST, 'failed');
    gate.report(HOST, 'good');
    expect(told).toEqual([false, true]);
  });

  test('that refuses costs no place and no budget', async () => {
    let open = true;
    const gate = new LimitedGate(
      new ManualClock(),
      { ...LIMITS, opens: [{ count: 1, perMs: 1000 }], sockets: 1 },
      {
        allow: async () => (open ? { allowed: false, retryInMs: 1, reason: 'open' } : { allowed: true }),
        report: () => {},
      },
    );
    expect(await gate.allow(HOST)).toMatchObject({ allowed: false, reason: 'open' });
    open = false;
    expect((await gate.allow(HOST)).allowed).toBe(true);
  });

  test('that cannot answer stops no data', async () => {
    const gate = new LimitedGate(new ManualClock(), LIMITS, {
      allow: () => Promise.reject(new Error('store away')),
      report: () => {},
    });
    expect((await gate.allow(HOST)).allowed).toBe(true);
  });
});

test('a breaker that never answers stops no data either', async () => {
  const clock = new ManualClock();
  const gate = new LimitedGate(clock, LIMITS, { allow: () => new Promise(() => {}), report: () => {} });
  const decision = gate.allow(HOST);
  await clock.advance(5000);
  expect(await decision).toEqual({ allowed: true });
});

test('connections that share a gate stay away together when one of them is told to', async () => {
  const clock = new ManualClock();
  const gate = new LimitedGate(clock, fakeExchange().limits, null);
  const made = [1, 2, 3].map((nth) =>
    rig({
      clock,
      gate,
      serve: (socket, count) => {
        if (nth > 1 || count > 1) return wellBehaved(clock)(socket, count);
        clock.after(10, () => socket.end(1006, 'HTTP 429', 429, 30_000));
      },
    }),
  );
  for (const { connection } of made) {
    connection.update([coin('A')]);
    connection.start();
  }
  await clock.advance(100);
  for (const one of made.slice(1)) socketOf(one, 1).end();
  await clock.advance(29_000);
  expect(made.map(({ sockets }) => sockets.length)).toEqual([1, 1, 1]);
  await clock.advance(5000);
  expect(made.map(({ sockets }) => sockets.length)).toEqual([2, 2, 2]);
});

test('what this machine is in the way of is nobody else’s: the shared breaker hears nothing, and no ban falls', async () => {
  const clock = new ManualClock();
  const told: boolean[] = [];
  const breaker: OpenBreaker = {
    allow: async () => ({ allowed: true }),
    report: (_host, good) => told.push(good),
  };
  const gate = new LimitedGate(clock, LIMITS, breaker);
  const made = rig({
    clock,
    gate,
    serve: (socket, count) => {
      if (count > 4) return wellBehaved(clock)(socket, count);
      clock.after(10, () => socket.fault('no files left: EMFILE'));
    },
  });
  made.connection.update([coin('A')]);
  made.connection.start();
  await clock.advance(1500);
  expect(made.details.at(-1)?.reason).toBe('this machine could not open a socket: no files left: EMFILE');
  await clock.advance(120_000);
  expect(made.failed).toHaveLength(4);
  expect(made.failed.map(({ next }) => [next.state, next.ban])).toEqual(Array(4).fill(['backoff', null]));
  expect(told).toEqual([true]);
  expect(gate.open).toBe(1);
  expect(made.confirmed).toEqual(['A@5']);
});

describe('opens of the run before', () => {
  const limits = {
    ...LIMITS,
    opens: [
      { count: 1, perMs: 100 },
      { count: 4, perMs: 60_000 },
    ],
  };

  test('count against windows that outlast a restart, for the same source address', async () => {
    const clock = new ManualClock();
    const store = memoryOpens();
    const times: number[] = [];
    const run = (source: string, count: number) => {
      const gate = new LimitedGate(clock, limits, null, new SharedOpens(store, source, clock));
      for (let i = 0; i < count; i++) void gate.allow(HOST).then(() => times.push(clock.now()));
    };
    const start = clock.now();
    run('vm-1', 3);
    await clock.advance(2000);
    expect(times).toHaveLength(3);
    run('vm-1', 3);
    run('vm-2', 1);
    await clock.advance(2000);
    expect(times).toHaveLength(5);
    await clock.advance(56_000);
    expect(times).toHaveLength(5);
    await clock.advance(3000);
    expect(times).toHaveLength(7);
    expect((times[5] ?? 0) - start).toBeGreaterThan(60_000);
  });

  test('an attempt that the breaker refuses gives its place back', async () => {
    const clock = new ManualClock();
    let open = true;
    const breaker: OpenBreaker = {
      allow: async () => (open ? { allowed: false, retryInMs: 1, reason: 'open' } : { allowed: true }),
      report: () => {},
    };
    const gate = new LimitedGate(clock, limits, breaker, new SharedOpens(memoryOpens(), 'vm', clock));
    for (let i = 0; i < 9; i++) expect((await gate.allow(HOST)).allowed).toBe(false);
    open = false;
    expect((await gate.allow(HOST)).allowed).toBe(true);
  });

  test('a ban outlasts the run that met it, and goes by itself', async () => {
    const clock = new ManualClock();
    const store = memoryOpens();
    const gate = () => new LimitedGate(clock, LIMITS, null, new SharedOpens(store, 'vm', clock));
    gate().ban(HOST, { forMs: 120_000, reason: 'HTTP 418 on opening' });
    await clock.advance(20_000);
    const next = gate();
    expect(await next.allow(HOST)).toEqual({
      allowed: false,
      retryInMs: 100_000,
      reason: 'HTTP 418 on opening',
    });
    expect(await next.allow('other.invalid')).toEqual({ allowed: true });
    await clock.advance(100_000);
    expect(await next.allow(HOST)).toEqual({ allowed: true });
  });

  test('that cannot be had, or not in time, stop no data', async () => {
    const clock = new ManualClock();
    const fails = () => Promise.reject(new Error('away'));
    const away = { take: fails, giveBack: fails, shutOut: fails, lastShutOut: fails };
    const never = () => new Promise<never>(() => {});
    const silent: OpenHistory = { take: never, banned: never, ban() {} };
    for (const history of [new SharedOpens(away, 'vm', clock), silent]) {
      const decision = new LimitedGate(clock, limits, null, history).allow(HOST);
      await clock.advance(7000);
      expect(await decision).toEqual({ allowed: true });
    }
  });
});

test('a ban of a year, ours or one that somebody has stored, holds for an hour', async () => {
  const clock = new ManualClock();
  const year = 365 * 86_400_000;
  const stored: number[] = [];
  const opens = {
    ...memoryOpens(),
    shutOut: async (_key: string, _shutOut: unknown, forMs: number) => void stored.push(forMs),
    lastShutOut: async () => ({ untilMs: clock.micros() / 1000 + year, reason: 'for ever' }),
  };
  const history = new SharedOpens(opens, 'here', clock);
  history.ban(HOST, { forMs: year, reason: 'for ever' });
  expect(stored).toEqual([3_600_000]);
  expect(await history.banned(HOST)).toEqual({ forMs: 3_600_000, reason: 'for ever' });
  const gate = new LimitedGate(clock, LIMITS, null);
  gate.ban(HOST, { forMs: year, reason: 'for ever' });
  expect(await gate.allow(HOST)).toMatchObject({ retryInMs: 3_600_000 });
});

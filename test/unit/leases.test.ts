import { describe, expect, test } from 'bun:test';
import { KEY } from './collector-rig.ts';
import { type Member, streamOf, TTL_MS, World } from './lease-rig.ts';

const POLL_MS = TTL_MS / 3;

async function worldOf(codes: number, ttlMs = TTL_MS): Promise<World> {
  const world = new World(ttlMs);
  await world.desire(streamOf(codes));
  return world;
}

function counts(members: readonly Member[]): number[] {
  return members.map((member) => member.held().length);
}

/** Every shard has one collector, and every code one socket. */
function expectWhole(world: World, codes: number): void {
  const carriers = world.carriers();
  expect([...carriers].filter(([, by]) => by.length !== 1)).toEqual([]);
  expect(carriers.size).toBe(codes);
}

/** Where two stream the same for a while, what the first delivered just before the second began comes twice. */
function expectFewRepeats(world: World, since: number): void {
  const { twice, silent } = world.verdict(since);
  expect(silent).toEqual([]);
  const times = twice.map(({ at }) => at);
  if (times.length > 0) expect(Math.max(...times) - Math.min(...times)).toBeLessThan(1_000_000);
}

describe('one collector', () => {
  test('takes everything at once, without a gap, each shard with a fence of its own', async () => {
    const world = await worldOf(22);
    const member = await world.join('a');
    expect(member.held()).toHaveLength(22);
    expectWhole(world, 22);
    await world.clock.advance(60_000);
    expect(world.gaps).toEqual([]);
    expect(member.sockets).toBe(22);
    expect(new Set(world.read().map(({ symbol, fence }) => `${symbol} ${fence}`)).size).toBe(22);
    expect(new Set(world.read().map(({ fence }) => fence)).size).toBe(22);
  });

  test('takes what joins, and gives back what is no longer wanted', async () => {
    const world = await worldOf(2);
    const member = await world.join('a');
    await world.desire(streamOf(3, 2));
    expect(member.held()).toEqual([0, 1, 2]);
    await world.desire(streamOf(1, 3));
    await world.clock.advance(500);
    expect(await world.store.leases.holders([0, 1, 2].map((shard) => ({ ...KEY, shard })))).toEqual([
      { collector: 'a', fence: expect.any(Number) },
      null,
      null,
    ]);
    expect(world.carriers().size).toBe(1);
  });

  test('gives back at once what has no codes any more, though one of them goes on in another shard', async () => {
    const world = new World();
    await world.desire({ ...streamOf(2), shards: [['C0'], ['C1']] });
    const member = await world.join('a');
    // Some row of any code is always under way.
    member.deliveryMs = 300;
    await world.clock.advance(10_000);
    const { desired, leases } = world.store;
    await desired.write(1, { ...streamOf(2, 2), codes: ['C0'], shards: [['C0'], []] });
    await desired.write(2, { ...streamOf(2, 3), shards: [['C0', 'C1']] });
    await world.clock.advance(1000);
    expect(member.carries().sort()).toEqual(['C0', 'C1']);
    expect(await leases.holders([{ ...KEY, shard: 1 }])).toEqual([null]);
  });

  test('a stream that was stopped and is started again has no gap; one that is started at once is streamed', async () => {
    const world = await worldOf(2);
    await world.join('a');
    await world.clock.advance(20_000);
    await world.desire({ ...streamOf(0, 2), shards: [] });
    await world.clock.advance(20_000);
    expect(world.carriers().size).toBe(0);
    await world.desire(streamOf(2, 3));
    await world.clock.advance(2000);
    expectWhole(world, 2);
    await world.desire({ ...streamOf(0, 4), shards: [] });
    await world.desire(streamOf(2, 5));
    await world.clock.advance(2000);
    expectWhole(world, 2);
    expect(world.gaps).toEqual([]);
  });

  test('that crashes and comes back under its id waits for nothing, and records the time between', async () => {
    const world = await worldOf(5);
    const before = await world.join('a');
    await world.clock.advance(20_000);
    const since = world.clock.micros() - 10_000_000;
    before.crash();
    await world.clock.advance(2000);
    const after = await world.join('a');
    expect(after.held()).toHaveLength(5);
    await world.clock.advance(2000);
    expect(world.gaps.flatMap(({ codes }) => codes)).toHaveLength(5);
    expect(new Set(world.gaps.map(({ cause }) => cause))).toEqual(new Set(['restart']));
    expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
  });

  test('nor does one under another id on the same machine that sees that the process has ended', async () => {
    const world = await worldOf(5);
    const process = { machine: 'm', pid: 1, started: 1 };
    const before = await world.join('a', process);
    await world.clock.advance(5000);
    before.crash();
    const after = new Promise<Member>((resolve) => {
      void world.join('b').then(resolve);
      world.members.at(-1)?.knows(({ pid }) => pid === 1);
    });
    expect((await after).held()).toHaveLength(5);
    await world.clock.advance(2000);
    expect(new Set(world.gaps.map(({ cause }) => cause))).toEqual(new Set(['restart']));
  });
});

describe('several collectors', () => {
  test('that start together share fairly', async () => {
    const world = await worldOf(10);
    await Promise.all([world.join('a'), world.join('b'), world.join('c')]);
    await world.clock.advance(3 * TTL_MS);
    expect(counts(world.members).sort()).toEqual([3, 3, 4]);
    expectWhole(world, 10);
  });

  test('one that joins is handed its share, a few at a time; no code is on two sockets, every gap is on record', async () => {
    const world = await worldOf(22);
    await world.join('a');
    await world.clock.advance(20_000);
    const since = world.clock.micros() - 10_000_000;
    await world.join('b');
    await world.clock.advance(POLL_MS);
    expect(counts(world.members)).toEqual([18, 4]);
    await world.clock.advance(4 * POLL_MS);
    expect(counts(world.members)).toEqual([11, 11]);
    expectWhole(world, 22);
    expect(world.most).toBe(1);
    expect(world.gaps.flatMap(({ codes }) => codes)).toHaveLength(11);
    expect(new Set(world.gaps.map(({ cause }) => cause))).toEqual(new Set(['takeover']));
    for (const { from, to } of world.gaps)
      expect((to ?? Number.POSITIVE_INFINITY) - from).toBeLessThan(2_000_000);
    expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
  });

  test('once shared out, nothing moves', async () => {
    const world = await worldOf(23);
    await world.join('a');
    await world.join('b');
    await world.join('c');
    await world.clock.advance(60_000);
    expect(counts(world.members).sort()).toEqual([7, 8, 8]);
    const sockets = world.members.map((member) => member.sockets);
    await world.clock.advance(12 * TTL_MS);
    expect(world.members.map((member) => member.sockets)).toEqual(sockets);
  });

  test('a crash: the others have all of it after the life of the leases, with higher fences and the gap on record', async () => {
    const world = await worldOf(9);
    const a = await world.join('a');
    await world.join('b');
    await world.clock.advance(60_000);
    const since = world.clock.micros() - 10_000_000;
    const fenceOf = new Map(world.read().map(({ symbol, fence }) => [symbol, fence]));
    const lost = a.held();
    expect(lost.length).toBeGreaterThan(3);
    a.crash();
    await world.clock.advance(TTL_MS + POLL_MS + 1000);
    expectWhole(world, 9);
    for (const { symbol, fence } of world.read().slice(-9)) {
      const before = fenceOf.get(symbol) ?? 0;
      if (lost.includes(Number(symbol.slice(1)))) expect(fence).toBeGreaterThan(before);
      else expect(fence).toBe(before);
    }
    expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
  });

  test('SIGTERM: the others have all of it within a second', async () => {
    const world = await worldOf(9);
    const a = await world.join('a');
    await world.join('b');
    await world.clock.advance(60_000);
    const since = world.clock.micros() - 10_000_000;
    await a.stop();
    expectWhole(world, 9);
    expect((await world.store.collectors.alive()).map(({ id }) => id)).toEqual(['b']);
    await world.clock.advance(2000);
    expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
    expect(world.most).toBe(1);
  });

  test('a handover while Kafka takes nothing does not wait for it; what is dropped by its fence lies in the gap', async () => {
    const world = await worldOf(8);
    const a = await world.join('a');
    await world.clock.advance(20_000);
    const since = world.clock.micros() - 10_000_000;
    a.undelivered = true;
    await world.join('b');
    await world.clock.advance(POLL_MS + 6000);
    expect(counts(world.members)).toEqual([4, 4]);
    expectWhole(world, 8);
    a.undelivered = false;
    await world.clock.advance(5000);
    expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
  });

  test('two that think the other’s process has ended, though both live: the second takes everything once, then they share', async () => {
    const world = await worldOf(6);
    const a = await world.join('a', { machine: 'm', pid: 1, started: 1 });
    a.knows(() => true);
    await world.clock.advance(30_000);
    const joining = world.join('b', { machine: 'm', pid: 2, started: 2 });
    world.members.at(-1)?.knows(() => true);
    const b = await joining;
    await world.clock.advance(4 * TTL_MS);
    expect(counts([a, b])).toEqual([3, 3]);
    const lost = () => [a, b].map(({ leases }) => leases.view().lost);
    expect(lost()).toEqual([6, 0]);
    const sockets = a.sockets + b.sockets;
    await world.clock.advance(20 * TTL_MS);
    expect(lost()).toEqual([6, 0]);
    expect(a.sockets + b.sockets).toBe(sockets);
    expectWhole(world, 6);
  });

  test('one that died on the same machine is found dead by the one beside it before its leases end', async () => {
    const world = await worldOf(6);
    const a = await world.join('a', { machine: 'm', pid: 1, started: 1 });
    const b = await world.join('b');
    await world.clock.advance(4 * TTL_MS);
    b.knows(({ pid }) => pid === 1);
    a.crash();
    await world.clock.advance(TTL_MS - 2000);
    expect(b.held()).toHaveLength(6);
  });

  test('a shard that is handed over keeps its lease until Kafka has its rows', async () => {
    const world = await worldOf(2);
    const a = await world.join('a');
    await world.clock.advance(20_000);
    const before = a.held();
    a.undelivered = true;
    await world.join('b');
    for (let ms = 0; ms < POLL_MS + 4000; ms += 100) await world.clock.advance(100);
    expect(a.held()).toHaveLength(1);
    const [given] = before.filter((shard) => !a.held().includes(shard));
    const leaseOf = async () =>
      (await world.store.leases.holders([{ ...KEY, shard: given ?? -1 }]))[0]?.collector;
    expect(await leaseOf()).toBe('a');
    const traded = world.traded.filter(({ symbol }) => symbol === `C${given}`).length;
    expect(traded).toBeGreaterThan(0);
    a.undelivered = false;
    await world.clock.advance(500);
    expect(await leaseOf()).toBe('b');
    expect(world.dropped()).toEqual([]);
    expect(world.delivered.some(({ by, batch }) => by === 'a' && batch.market.symbol === `C${given}`)).toBe(
      true,
    );
    await world.clock.advance(5000);
    expect(world.verdict(0)).toEqual({ twice: [], silent: [] });
  });

  test('what is free and nobody takes in its share is taken by whoever is there', async () => {
    const world = await worldOf(6);
    await world.store.collectors.announce(
      'idle',
      { exchanges: ['fake'], stopping: false, process: null },
      1e9,
    );
    const a = await world.join('a');
    expect(a.held()).toHaveLength(3);
    await world.clock.advance(TTL_MS + POLL_MS);
    expect(a.held()).toHaveLength(6);
  });

  test('exchanges that a collector does not have are no part of its share', async () => {
    const world = await worldOf(6);
    await world.store.collectors.announce(
      'other',
      { exchanges: ['else'], stopping: false, process: null },
      1e9,
    );
    const a = await world.join('a');
    expect(a.held()).toHaveLength(6);
    await world.clock.advance(60_000);
    expect(a.held()).toHaveLength(6);
    expect(a.sockets).toBe(6);
  });

  test('two under one id: one has everything, the other says what is wrong, and they leave it at that', async () => {
    const world = await worldOf(4);
    const first = await world.join('a');
    const second = await world.join('a');
    await world.clock.advance(2 * TTL_MS);
    expect(counts([first, second])).toEqual([0, 4]);
    expect(first.faults.map(({ code }) => code)).toContain('cache_conflict');
    const sockets = first.sockets + second.sockets;
    await world.clock.advance(120_000);
    expect(first.sockets + second.sockets).toBe(sockets);
    expectWhole(world, 4);
  });
});

describe('a store that is away', () => {
  test.each([
    TTL_MS,
    // Shorter than the time by which one may find the store after the other.
    2000,
  ])(
    'for all: every stream goes on; afterwards each has its own again, without a reconnect (%p)',
    async (ttlMs) => {
      const world = await worldOf(10, ttlMs);
      await world.join('a');
      await world.join('b');
      await world.clock.advance(60_000);
      const before = world.members.map((member) => [member.held(), member.sockets]);
      const gaps = world.gaps.length;
      for (const member of world.members) member.away = true;
      await world.clock.advance(120_000);
      expectWhole(world, 10);
      for (const member of world.members) {
        member.away = false;
        await world.clock.advance(5000);
      }
      await world.clock.advance(3 * TTL_MS);
      expect(world.members.map((member) => [member.held(), member.sockets])).toEqual(before);
      expect(world.gaps).toHaveLength(gaps);
      expectWhole(world, 10);
      expect(world.verdict(0).twice).toEqual([]);
    },
  );

  test('for all, just after a handover: who got the shards keeps them', async () => {
    const world = await worldOf(10);
    await world.join('a');
    await world.clock.advance(TTL_MS);
    await world.join('b');
    for (let i = 0; i < 600 && `${counts(world.members)}` !== '5,5'; i++) await world.clock.advance(50);
    for (const member of world.members) member.away = true;
    await world.clock.advance(120_000);
    const before = world.members.map((member) => [member.held(), member.sockets]);
    expect(counts(world.members)).toEqual([5, 5]);
    for (const member of world.members) member.away = false;
    await world.clock.advance(3 * TTL_MS);
    expect(world.members.map((member) => [member.held(), member.sockets])).toEqual(before);
    expectWhole(world, 10);
  });

  test('for one, which others can reach: they take over, readers drop its rows by their fence, it gives way', async () => {
    const world = await worldOf(6);
    const a = await world.join('a');
    const b = await world.join('b');
    await world.clock.advance(60_000);
    const since = world.clock.micros() - 10_000_000;
    const mine = a.held();
    expect(mine.length).toBeGreaterThan(0);
    a.away = true;
    await world.clock.advance(60_000);
    expect(b.held()).toHaveLength(6);
    // It cannot know, and goes on.
    expect(a.held()).toEqual(mine);
    a.away = false;
    await world.clock.advance(2000);
    expect(a.events.some(({ state, reason }) => state === 'stopped' && reason?.includes('lost to b'))).toBe(
      true,
    );
    expect(a.leases.view().lost).toBe(mine.length);
    await world.clock.advance(60_000);
    expect(counts([a, b])).toEqual([3, 3]);
    expectWhole(world, 6);
    expectFewRepeats(world, since);
  });

  test('for one, and whoever took over is gone when it is back: what both missed is on record', async () => {
    const world = await worldOf(4);
    const a = await world.join('a');
    const b = await world.join('b');
    await world.clock.advance(60_000);
    const since = world.clock.micros() - 10_000_000;
    a.away = true;
    await world.clock.advance(40_000);
    expect(b.held()).toHaveLength(4);
    b.crash();
    await world.clock.advance(TTL_MS + 5000);
    a.away = false;
    await world.clock.advance(10_000);
    expect(a.held()).toHaveLength(4);
    expectWhole(world, 4);
    expectFewRepeats(world, since);
  });
});

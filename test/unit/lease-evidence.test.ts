import { describe, expect, test } from 'bun:test';
import type { Covered } from '../../src/application/state-store.ts';
import { KEY } from './collector-rig.ts';
import { streamOf, TTL_MS, World } from './lease-rig.ts';
import { expectEnded } from './lease-verdict.ts';

/** Nothing is renewed by then. */
const SOON_MS = TTL_MS / 3 - 1000;

/** What the store has of a stream of two codes, on a shard each. */
async function onRecord(world: World, version = 1): Promise<readonly Covered[]> {
  const shards = [0, 1].map((shard) => ({ ...KEY, shard, version, symbols: [`C${shard}`] }));
  const taken = await world.store.leases.acquire(shards, 'a', world.ttlMs, ['a'], 0);
  return taken.flatMap((one) => (one && one !== 'outdated' ? (one.before?.covered ?? []) : []));
}

describe('what a collector that is killed leaves for the next', () => {
  test.each([10, 30, 300, 1500, SOON_MS])('%p ms after its start, three times in a row', async (ms) => {
    const world = new World();
    await world.desire(streamOf(4));
    for (let kill = 0; kill < 3; kill++) {
      const member = world.begin('a');
      await world.clock.advance(ms);
      member.crash();
      await world.clock.advance(2000);
    }
    await world.join('a');
    await world.clock.advance(20_000);
    expect(world.verdict(0).silent).toEqual([]);
    expectEnded(world.gaps);
    if (ms >= 300) expect(new Set(world.gaps.map(({ cause }) => cause))).toEqual(new Set(['restart']));
  });

  test('is on record before its first socket opens', async () => {
    const world = new World();
    await world.desire(streamOf(2));
    const first = world.begin('a');
    first.slowMs = 50;
    let openedAt = 0;
    first.opening = () => {
      openedAt ||= world.clock.micros();
      first.crash();
    };
    await world.clock.advance(1000);
    expect(openedAt).toBeGreaterThan(0);
    await world.join('a');
    await world.clock.advance(2000);
    expect(world.gaps.map(({ cause }) => cause)).toEqual(['restart', 'restart']);
    for (const { from } of world.gaps) expect(from).toBeLessThanOrEqual(openedAt);
  });

  test('a gap that was open is not forgotten by lives too short to close it', async () => {
    const world = new World();
    await world.desire(streamOf(4));
    const first = await world.join('a');
    await world.clock.advance(30_000);
    first.crash();
    const from = world.clock.micros();
    for (let kill = 0; kill < 5; kill++) {
      await world.clock.advance(1000);
      const member = world.begin('a');
      await world.clock.advance(5 + 3 * kill);
      member.crash();
    }
    await world.clock.advance(1000);
    await world.join('a');
    await world.clock.advance(20_000);
    expect(world.verdict(0).silent).toEqual([]);
    for (const code of ['KRW-C0', 'KRW-C1', 'KRW-C2', 'KRW-C3']) {
      const closed = world.gaps.find(({ codes, to }) => codes.includes(code) && to !== null);
      expect(closed?.from).toBeLessThanOrEqual(from);
    }
  });

  test('of a code that joined a moment before', async () => {
    const world = new World();
    await world.desire({ ...streamOf(2), shards: [['C0'], ['C1']] });
    const member = await world.join('a');
    await world.clock.advance(30_000);
    await world.desire({ ...streamOf(3, 2), codes: ['C0', 'C1', 'C2'], shards: [['C0', 'C2'], ['C1']] });
    await world.clock.advance(1000);
    member.crash();
    await world.clock.advance(5000);
    await world.join('a');
    await world.clock.advance(5000);
    expect(world.verdict(0).silent).toEqual([]);
    expect(world.gaps.flatMap(({ codes }) => codes)).toContain('KRW-C2');
  });

  test.each([15, 300])(
    'of a code that is refused from then on: the store was away %p ms after its start, and heard of nothing received',
    async (ms) => {
      const world = new World();
      await world.desire(streamOf(2));
      const member = world.begin('a');
      await world.clock.advance(ms);
      member.away = true;
      await world.clock.advance(3000);
      const killedAt = world.clock.micros();
      expect(world.read().some(({ symbol }) => symbol === 'C0')).toBe(true);
      member.crash();
      world.refused.add('C0');
      await world.clock.advance(2000);
      await world.join('a');
      await world.clock.advance(15_000);
      const open = world.gaps.filter(({ to, codes }) => to === null && codes.includes('KRW-C0'));
      expect(open).toMatchObject([{ cause: 'refused' }]);
      expect(open[0]?.from).toBeLessThanOrEqual(killedAt);
      world.refused.clear();
      await world.clock.advance(60_000);
      expect(world.verdict(0).silent).toEqual([]);
      expectEnded(world.gaps);
    },
  );

  test('a gap that is told as open is on record with it', async () => {
    const world = new World(60_000);
    await world.desire(streamOf(2));
    const member = await world.join('a');
    await world.clock.advance(25_000);
    const from = world.clock.micros();
    member.ban(600_000);
    await world.clock.advance(11_000);
    expect(world.gaps.map(({ to }) => to)).toEqual([null, null]);
    member.crash();
    const before = await onRecord(world);
    expect(before).toHaveLength(2);
    expect(before.map(({ until }) => until)).toEqual(world.gaps.map((gap) => gap.from));
    for (const { until } of before) expect(until).toBeGreaterThan(from - 2_000_000);
  });

  test('a lease that ended meanwhile has the record of now when it is taken again', async () => {
    const world = new World();
    await world.desire(streamOf(2));
    const member = await world.join('a');
    member.away = true;
    await world.clock.advance(2 * TTL_MS);
    const from = world.clock.micros();
    const fence = member.leases.mine(KEY).get(0)?.fence;
    member.away = false;
    while (member.leases.mine(KEY).get(0)?.fence === fence) await world.clock.advance(10);
    await world.clock.advance(0);
    member.crash();
    for (const { until } of await onRecord(world)) expect(until).toBeGreaterThan(from - 2_000_000);
  });

  test('of a code that is asked for when our clock was set forward', async () => {
    const world = new World();
    await world.desire({ ...streamOf(1), shards: [['C0']] });
    const member = await world.join('a');
    await world.clock.advance(30_000);
    member.aheadMicros = 30_000_000;
    await world.clock.advance(1000);
    const from = world.clock.micros();
    member.slowMs = 50;
    member.opening = () => member.crash();
    await world.desire(streamOf(2, 2));
    await world.clock.advance(1000);
    const record = await onRecord(world, 2);
    expect(record.flatMap(({ symbols }) => symbols).sort()).toEqual(['C0', 'C1']);
    for (const { until } of record) expect(until).toBeLessThanOrEqual(from + 1_200_000);
  });

  test('rows that Kafka does not take are not covered where our clock is ahead either', async () => {
    const world = new World();
    await world.desire(streamOf(2));
    const member = world.begin('a');
    member.aheadMicros = 20_000_000;
    await world.clock.advance(5000);
    const from = world.clock.micros();
    member.undelivered = true;
    await world.clock.advance(2 * TTL_MS);
    member.crash();
    for (const { until } of await onRecord(world)) expect(until).toBeLessThan(from);
  });

  test.each([['beside another'], ['the last of its shard'], ['the last of its stream']])(
    'of a code that was removed a moment before: %s',
    async (which) => {
      const world = new World();
      const shards = which === 'beside another' ? [['C0', 'C1']] : [['C0'], ['C1']];
      await world.desire({ ...streamOf(2), shards });
      const member = await world.join('a');
      await world.clock.advance(30_000);
      member.undelivered = true;
      await world.clock.advance(2000);
      const removedAt = world.clock.micros();
      const left = which === 'the last of its stream' ? [] : ['C0'];
      await world.desire({ ...streamOf(2, 2), codes: left, shards: [left, []] });
      await world.clock.advance(200);
      member.crash();
      await world.clock.advance(1000);
      await world.join('a');
      await world.clock.advance(60_000);
      const since = removedAt - 2_000_000;
      const due = world.traded.filter(({ symbol, at }) => symbol === 'C1' && at > since && at < removedAt);
      expect(due.length).toBeGreaterThan(10);
      expect(due.filter((one) => !world.inGap(one))).toEqual([]);
      expectEnded(world.gaps);
      // It was told once, and nothing of it is left.
      expect(world.gaps.filter(({ codes }) => codes.includes('KRW-C1'))).toHaveLength(1);
      expect(JSON.stringify(await onRecord(world, 2))).not.toContain('C1');
    },
  );

  test('a stream that is stopped and has brought all leaves nothing, and no gap when it is started again', async () => {
    const world = new World();
    await world.desire(streamOf(2));
    await world.join('a');
    await world.clock.advance(30_000);
    await world.desire({ ...streamOf(2, 2), codes: [], shards: [] });
    await world.clock.advance(10_000);
    expect(await world.store.leases.recorded([KEY])).toEqual([]);
    await world.desire(streamOf(2, 3));
    await world.clock.advance(20_000);
    expect(world.gaps).toEqual([]);
  });

  test('what a stream had not brought when it was stopped is told once it is, in the name of nobody', async () => {
    const world = new World();
    await world.desire(streamOf(1));
    const member = await world.join('a');
    await world.clock.advance(30_000);
    member.stubborn = true;
    const from = world.clock.micros();
    await world.desire({ ...streamOf(1, 2), codes: [], shards: [] });
    await world.clock.advance(20_000);
    expect(world.gaps).toMatchObject([{ codes: ['KRW-C0'], cause: 'restart' }]);
    expect(world.gaps[0]?.from).toBeLessThanOrEqual(from);
    expect(world.gaps[0]?.to).toBeGreaterThanOrEqual(from);
    expect(await world.store.leases.recorded([KEY])).toEqual([]);
  });

  test.each([
    ['as it was', [['C0'], ['C1']]],
    ['without one of its shards', [['C0'], []]],
  ])(
    'what a stream had not brought when it was stopped and, at once, started again %s',
    async (_, shards) => {
      const world = new World();
      await world.desire(streamOf(2));
      const member = await world.join('a');
      await world.clock.advance(30_000);
      member.stubborn = true;
      const from = world.clock.micros();
      await world.desire({ ...streamOf(2, 2), codes: [], shards: [] });
      await world.desire({ ...streamOf(2, 3), codes: shards.flat(), shards });
      member.stubborn = false;
      const to = world.clock.micros();
      await world.clock.advance(20_000);
      expect(member.carries().sort()).toEqual(shards.flat());
      for (const code of ['KRW-C0', 'KRW-C1']) {
        const gaps = world.gaps.filter(({ codes }) => codes.includes(code));
        expect([code, gaps.length]).toEqual([code, 1]);
        expect(gaps[0]?.from).toBeLessThanOrEqual(from);
        expect(gaps[0]?.to).toBeGreaterThanOrEqual(to);
      }
      expectEnded(world.gaps);
    },
  );

  test('a clean end between the question and the answer: what was served unheard may be lost', async () => {
    const world = new World();
    await world.desire(streamOf(2));
    const first = world.begin('a');
    // Its sockets are open after 10 ms, and answered after 10 more.
    await world.clock.advance(15);
    expect(first.carries()).toHaveLength(2);
    const from = world.clock.micros();
    await first.stop();
    await world.clock.advance(60_000);
    await world.join('a');
    await world.clock.advance(20_000);
    expect(world.gaps.flatMap(({ codes }) => codes).sort()).toEqual(['KRW-C0', 'KRW-C1']);
    for (const gap of world.gaps) expect(gap.from).toBeLessThanOrEqual(from);
  });

  test('a clean end leaves no gap for what never came; a store that is away at the start stops nothing', async () => {
    const world = new World();
    await world.desire(streamOf(2));
    const first = world.begin('a');
    await world.clock.advance(5);
    await first.stop();
    await world.clock.advance(60_000);
    const second = await world.join('a');
    await world.clock.advance(20_000);
    expect(world.gaps).toEqual([]);
    second.away = true;
    await world.clock.advance(20_000);
    expect(world.carriers().size).toBe(2);
  });
});

describe('a collector that is cut off from the store', () => {
  test.each([[true], [false]])(
    'while another took over and died at once: what readers dropped is in a gap (its record was written: %p)',
    async (written) => {
      const world = new World();
      await world.desire(streamOf(1));
      const first = await world.join('a');
      await world.clock.advance(30_000);
      const { leases } = world.store;
      if (!written) {
        const renew: typeof leases.renew = (held, ttlMs) =>
          held.some(({ lease }) => lease.collector === 'b')
            ? Promise.reject(new Error('it is away from b'))
            : leases.renew(held, ttlMs);
        world.store = { ...world.store, leases: { ...leases, renew } };
      }
      first.away = true;
      const since = world.clock.micros();
      const second = world.begin('b');
      while (!second.carries().includes('C0')) await world.clock.advance(100);
      await world.clock.advance(2000);
      second.crash();
      // Its lease has ended, or has not.
      await world.clock.advance(written ? 3000 : TTL_MS + 1000);
      expect(first.carries()).toContain('C0');
      first.away = false;
      await world.clock.advance(60_000);
      expect(world.dropped().length).toBeGreaterThan(0);
      expect(world.verdict(since).silent).toEqual([]);
      expectEnded(world.gaps);
    },
  );
});

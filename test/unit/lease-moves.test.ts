import { describe, expect, test } from 'bun:test';
import { KEY } from './collector-rig.ts';
import { type Member, streamOf, TTL_MS, World } from './lease-rig.ts';
import { expectEnded } from './lease-verdict.ts';

describe('a code that comes from another shard', () => {
  /** C0 and C2 on the first shard, C1 on the second, each at a collector of its own. */
  async function apart(): Promise<{ world: World; from: Member; to: Member }> {
    const world = new World();
    await world.desire({ ...streamOf(3), shards: [['C0', 'C2'], ['C1']] });
    await world.join('a');
    await world.join('b');
    await world.clock.advance(60_000);
    const of = (shard: number) => world.members.find((member) => member.held().includes(shard)) as Member;
    expect(of(0)).not.toBe(of(1));
    return { world, from: of(0), to: of(1) };
  }

  /** C2 leaves the first shard, and joins the second. */
  async function move(world: World, waitMs: number): Promise<void> {
    const codes = ['C0', 'C1'];
    await world.desire({ ...streamOf(3, 2), codes, shards: [['C0'], ['C1']] });
    await world.clock.advance(waitMs);
    await world.desire({ ...streamOf(3, 3), shards: [['C0'], ['C1', 'C2']] });
  }

  test.each([0, 4000, 30_000])(
    '%p ms later, while its rows wait for Kafka: readers drop them',
    async (ms) => {
      const { world, from, to } = await apart();
      const since = world.clock.micros();
      from.undelivered = true;
      await world.clock.advance(3000);
      const movedAt = world.clock.micros();
      await move(world, ms);
      await world.clock.advance(10_000);
      from.undelivered = false;
      await world.clock.advance(10_000);
      expect(to.carries()).toContain('C2');
      expect(world.dropped().length).toBeGreaterThan(0);
      const read = new Set(world.read().map(({ symbol, id }) => `${symbol} ${id}`));
      const due = world.traded.filter(({ symbol, at }) => symbol === 'C2' && at >= since && at < movedAt);
      expect(due.length).toBeGreaterThan(20);
      const silent = due.filter((one) => !read.has(`C2 ${one.id}`) && !world.inGap(one));
      expect(silent).toEqual([]);
      expectEnded(world.gaps);
    },
  );

  /** Since then every trade was read or is in a gap, and each code is on record of the shard that has it alone. */
  async function expectTold(world: World, since: number, shards: readonly string[][]): Promise<void> {
    await world.clock.advance(60_000);
    const wanted = shards.flat();
    expect([...world.carriers().keys()].sort()).toEqual(wanted.toSorted());
    expect(world.verdict(since).silent.filter(({ symbol }) => wanted.includes(symbol))).toEqual([]);
    expectEnded(world.gaps);
    const records = await world.store.leases.records([KEY]);
    const recorded = records.map(({ shard: { shard }, covered }) => [
      shard,
      covered.flatMap(({ symbols }) => symbols).sort(),
    ]);
    expect(recorded.sort()).toEqual(
      shards.flatMap((symbols, shard) => (symbols.length > 0 ? [[shard, symbols]] : [])),
    );
  }

  test.each([
    ['beside another', [['C0'], ['C1', 'C2']]],
    ['the last of its shard', [[], ['C0', 'C1', 'C2']]],
  ])('to one that cannot hear of it: nobody has it meanwhile (%s)', async (_, after) => {
    const { world, to } = await apart();
    to.away = true;
    const since = world.clock.micros();
    await world.desire({ ...streamOf(3, 2), shards: after });
    await world.clock.advance(10_000);
    expect(world.carriers().has('C2')).toBe(false);
    to.away = false;
    await expectTold(world, since, after);
  });

  test('whose own was taken by somebody else before', async () => {
    const world = new World();
    const after = [['C0'], ['C1', 'C2']];
    await world.desire({ ...streamOf(3), shards: [['C0', 'C2'], ['C1']] });
    const first = await world.join('a');
    await world.clock.advance(30_000);
    first.crash();
    const since = world.clock.micros();
    await world.desire({ ...streamOf(3, 2), shards: after });
    await world.clock.advance(TTL_MS);
    const held = { ...KEY, shard: 1 };
    expect(await world.store.leases.acquire([held], 'x', TTL_MS, [], 0)).toMatchObject([
      { lease: { collector: 'x' } },
    ]);
    await world.join('b');
    await world.clock.advance(TTL_MS / 2);
    expect([...world.carriers().keys()]).toEqual(['C0']);
    await expectTold(world, since, after);
  });

  test.each([
    ['beside another', [['C0'], ['C1', 'C2']], [['C0'], ['C1']]],
    ['the last of its shard', [[], ['C0', 'C1', 'C2']], [[], ['C0', 'C1']]],
    ['with all of its stream', [['C0'], ['C1', 'C2']], []],
  ])(
    'and is wanted nowhere before anybody has it there: its gap ends then (%s)',
    async (_, after, shards) => {
      const { world, to } = await apart();
      to.away = true;
      const since = world.clock.micros();
      await world.desire({ ...streamOf(3, 2), shards: after });
      await world.clock.advance(8000);
      await world.desire({ ...streamOf(3, 3), codes: shards.flat(), shards });
      const removed = world.clock.micros();
      await world.clock.advance(2000);
      to.away = false;
      await expectTold(world, removed, shards);
      const gaps = world.gaps.filter(({ codes, cause }) => codes.includes('KRW-C2') && cause !== 'takeover');
      expect(gaps).toHaveLength(1);
      expect(gaps[0]?.from).toBeLessThanOrEqual(since);
      expect(gaps[0]?.to).toBeGreaterThanOrEqual(removed - 200_000);
      expect(gaps[0]?.to).toBeLessThan(removed + 2 * TTL_MS * 1000);
    },
  );

  test('all of whose rows were delivered long ago: no gap', async () => {
    const { world } = await apart();
    await move(world, 30_000);
    await world.clock.advance(20_000);
    expect(world.gaps.filter(({ codes, cause }) => codes.includes('KRW-C2') && cause !== 'takeover')).toEqual(
      [],
    );
    expect(world.dropped()).toEqual([]);
  });
});

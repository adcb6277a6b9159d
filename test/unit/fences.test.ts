import { describe, expect, test } from 'bun:test';
import { Fences } from '../../src/application/leases/fences.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { KEY } from './collector-rig.ts';
import { streamOf, TTL_MS, World } from './lease-rig.ts';
import { ManualClock } from './manual-clock.ts';
import { randomOf } from './random.ts';

async function worldOf(codes: number, ttlMs = TTL_MS): Promise<World> {
  const world = new World(ttlMs);
  await world.desire(streamOf(codes));
  return world;
}

/** Every shard has one collector, and every code one socket. */
function expectWhole(world: World, codes: number): void {
  const carriers = world.carriers();
  expect([...carriers].filter(([, by]) => by.length !== 1)).toEqual([]);
  expect(carriers.size).toBe(codes);
}

describe('fences', () => {
  const shardsOf = (version: number, shards: readonly (readonly string[])[]): DesiredStream => ({
    ...emptyStream(KEY),
    version,
    codes: shards.flat(),
    shards,
  });

  /** Codes of which a reader keeps nothing that was traded in the last second. */
  function dark(world: World, codes: readonly string[]): string[] {
    const since = world.clock.micros() - 1_500_000;
    const ids = new Set(
      world.traded.filter(({ at }) => at >= since).map(({ symbol, id }) => `${symbol} ${id}`),
    );
    const seen = new Set(
      world.read().flatMap(({ symbol, id }) => (ids.has(`${symbol} ${id}`) ? [symbol] : [])),
    );
    return codes.filter((code) => !seen.has(code));
  }

  test('a code that leaves and comes back in a shard whose lease is older is not dropped by readers', async () => {
    const world = new World();
    await world.desire(shardsOf(1, [['C1'], ['C0']]));
    await world.join('a');
    await world.clock.advance(2000);
    const [older, newer] = ['C1', 'C0'].map(
      (code) => world.read().find(({ symbol }) => symbol === code)?.fence,
    );
    expect(older).toBeLessThan(newer ?? 0);
    await world.desire(shardsOf(2, [['C1'], []]));
    await world.clock.advance(20_000);
    await world.desire(shardsOf(3, [['C1', 'C0'], []]));
    await world.clock.advance(20_000);
    expect(dark(world, ['C0', 'C1'])).toEqual([]);
    expect(world.dropped()).toEqual([]);
    expect(world.read().findLast(({ symbol }) => symbol === 'C0')?.fence).toBeGreaterThan(newer ?? 0);
  });

  test('codes that move between shards and collectors, whoever hears late of it: readers keep the place that is', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = randomOf(seed);
      const pick = (count: number) => Math.floor(random() * count);
      const world = new World();
      const codes = Array.from({ length: 6 }, (_, at) => `C${at}`);
      await world.desire(shardsOf(1, [codes.slice(0, 3), codes.slice(3), [], []]));
      const members = [await world.join('a'), await world.join('b')];
      for (let version = 2; version < 22; version++) {
        const shards: string[][] = [[], [], [], []];
        for (const code of codes) if (random() < 0.8) shards[pick(4)]?.push(code);
        const deaf = random() < 0.4 ? members[pick(2)] : undefined;
        if (deaf) deaf.away = true;
        await world.desire(shardsOf(version, shards));
        await world.clock.advance(pick(4) * 1000);
        if (deaf) deaf.away = false;
        if (random() < 0.2) await world.clock.advance(2 * TTL_MS);
        else if (random() < 0.5) continue;
        await world.clock.advance(12_000);
        expect({ seed, version, dark: dark(world, shards.flat()) }).toEqual({ seed, version, dark: [] });
      }
    }
  }, 60_000);

  test('a store that was emptied, its clock an hour behind: no fence falls', async () => {
    const world = await worldOf(4);
    await world.join('a');
    await world.join('b');
    await world.clock.advance(2 * TTL_MS);
    world.clock.step(-3_600_000_000);
    world.emptied();
    await world.clock.advance(2 * TTL_MS);
    expect(world.dropped()).toEqual([]);
    expect(await world.store.desired.read(KEY)).toEqual(streamOf(4));
    world.members[0]?.crash();
    await world.clock.advance(3 * TTL_MS);
    expectWhole(world, 4);
    expect(dark(world, ['C0', 'C1', 'C2', 'C3'])).toEqual([]);
  });

  test('a collector that stood still for longer than its leases live hands nothing over under its old fences', async () => {
    const world = await worldOf(6);
    const a = await world.join('a');
    const b = await world.join('b');
    await world.clock.advance(4 * TTL_MS);
    const since = world.clock.micros() - 10_000_000;
    const mine = a.held();
    a.freeze();
    await world.clock.advance(2 * TTL_MS);
    expect(b.held()).toHaveLength(6);
    const before = world.delivered.length;
    a.thaw();
    await world.clock.advance(1000);
    const late = world.delivered.slice(before).filter(({ by }) => by === 'a');
    expect(late).toEqual([]);
    expect(a.superseded).toBeGreaterThan(mine.length * 100);
    expect(a.carries()).toEqual([]);
    expect(a.leases.view().lost).toBe(mine.length);
    await world.clock.advance(4 * TTL_MS);
    expectWhole(world, 6);
    expect(world.dropped()).toEqual([]);
    expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
  });

  test('one that stood still, and whose leases nobody took, goes on at once with what it has', async () => {
    const world = await worldOf(3);
    const a = await world.join('a');
    await world.clock.advance(20_000);
    const since = world.clock.micros() - 10_000_000;
    a.freeze();
    await world.clock.advance(3 * TTL_MS);
    a.thaw();
    await world.clock.advance(2000);
    expect(a.superseded).toBe(0);
    expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
  });

  test('a store that stands still, so that attempts fail late, holds nothing up', async () => {
    const world = await worldOf(3);
    const a = await world.join('a');
    await world.clock.advance(20_000);
    a.silentMs = 10_000;
    a.away = true;
    const rows: number[] = [];
    for (let second = 0; second < 60; second++) {
      const before = world.delivered.length;
      await world.clock.advance(1000);
      rows.push(world.delivered.length - before);
    }
    expect(Math.min(...rows)).toBeGreaterThan(0);
    expect(a.superseded).toBe(0);
  });

  test('one that stood still while the store is away waits for it a moment, then goes on', async () => {
    const world = await worldOf(3);
    const a = await world.join('a');
    await world.clock.advance(20_000);
    a.away = true;
    await world.clock.advance(60_000);
    expect(dark(world, ['C0', 'C1', 'C2'])).toEqual([]);
    a.freeze();
    await world.clock.advance(2 * TTL_MS);
    a.thaw();
    const before = world.delivered.length;
    await world.clock.advance(2000);
    expect(world.delivered.length).toBe(before);
    await world.clock.advance(3000);
    expect(dark(world, ['C0', 'C1', 'C2'])).toEqual([]);
    expect(a.superseded).toBe(0);
  });
});

describe('the standing of a fence', () => {
  function made() {
    const clock = new ManualClock();
    let asked = 0;
    const fences = new Fences(clock, 10_000);
    fences.onUnsure(() => asked++);
    fences.add(7);
    fences.sure(fences.moment());
    return { clock, fences, asked: () => asked };
  }

  test('held for a life after it was asked for, unsure then, until the store says who has it', () => {
    const { clock, fences, asked } = made();
    expect(fences.standing(8)).toBe('ended');
    clock.jump(9400);
    expect(fences.standing(7)).toBe('held');
    clock.jump(200);
    expect(fences.standing(7)).toBe('unsure');
    expect(asked()).toBe(1);
    fences.sure(fences.moment());
    expect(fences.standing(7)).toBe('held');
    clock.jump(9600);
    fences.end([7]);
    expect(fences.standing(7)).toBe('ended');
  });

  test('an answer that was asked for before the process stood still says nothing about now', () => {
    const { clock, fences } = made();
    const asked = fences.moment();
    clock.jump(60_000);
    fences.sure(asked);
    expect(fences.standing(7)).toBe('unsure');
  });

  test('held as long as the store is found away in time; not by an attempt that failed after the process stood still', () => {
    const { clock, fences } = made();
    for (let n = 0; n < 20; n++) {
      clock.jump(8000);
      fences.away();
      expect(fences.standing(7)).toBe('held');
    }
    clock.jump(60_000);
    fences.away();
    expect(fences.standing(7)).toBe('unsure');
  });

  test('a store that does not answer is waited for 3 s; standing still once more is no waiting', () => {
    const { clock, fences, asked } = made();
    clock.jump(60_000);
    const waited = () => {
      for (let ms = 0; ms <= 10_000; ms += 100) {
        if (fences.standing(7) === 'held') return ms;
        clock.jump(100);
      }
      return Number.POSITIVE_INFINITY;
    };
    fences.standing(7);
    clock.jump(60_000);
    const ms = waited();
    expect(ms).toBeGreaterThan(2500);
    expect(ms).toBeLessThan(4500);
    expect(asked()).toBeGreaterThan(5);
  });

  test('a wall clock that leaps shows a machine that was suspended', () => {
    const { clock, fences } = made();
    clock.step(3_600_000_000);
    expect(fences.standing(7)).toBe('unsure');
    fences.sure(fences.moment());
    clock.step(-7_200_000_000);
    expect(fences.standing(7)).toBe('held');
    clock.jump(9600);
    expect(fences.standing(7)).toBe('unsure');
  });
});

import { describe, expect, test } from 'bun:test';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { KEY, streamOf, TTL_MS, World } from './lease-rig.ts';
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
    await world.desire(streamOf(4));
    world.members[0]?.crash();
    await world.clock.advance(3 * TTL_MS);
    expectWhole(world, 4);
    expect(dark(world, ['C0', 'C1', 'C2', 'C3'])).toEqual([]);
  });
});

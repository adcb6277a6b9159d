import { describe, expect, test } from 'bun:test';
import type { Trade } from '../../src/core/market/rows.ts';
import { later } from '../../src/core/pipeline/later-trade.ts';
import { STYLES, type Style } from './backfill-parts.ts';
import { BY_ID, cut, fills, verdict, worldOf } from './backfill-world.ts';
import { KEY } from './collector-rig.ts';
import { type Member, streamOf, type World } from './lease-rig.ts';

/** How much further back a topic is read, µs. */
const APART = 2_000_000;

/** The topic, as whoever joins the world can read it. */
function seesTopic(world: World): void {
  world.written = {
    async before(_exchange, { symbol }, { since, fence }, from) {
      let highest = Number.NEGATIVE_INFINITY;
      let last: Trade | null = null;
      const known: Trade[] = [];
      for (const { batch } of world.delivered) {
        const own = batch.fence ?? 0;
        if (batch.market.symbol !== symbol || (!batch.late && own < highest)) continue;
        if (!batch.late) highest = own;
        for (const row of own < fence || batch.late ? batch.rows : []) {
          if (row.kind !== 'trade' || row.timestamp < Math.min(since, from) - APART) continue;
          if (!batch.late && row.received_at < from) last = later(last, row);
          else known.push(row);
        }
      }
      return { last, known, empty: last === null && known.length === 0, whole: highest >= fence };
    },
    async behind(_exchange, { symbol }, { before, from, to, fence }) {
      let highest = Number.NEGATIVE_INFINITY;
      let first: Trade | null = null;
      const known: Trade[] = [];
      for (const { batch } of world.delivered) {
        const own = batch.fence ?? 0;
        if (batch.market.symbol !== symbol || (!batch.late && own < highest)) continue;
        if (!batch.late) highest = own;
        for (const row of batch.rows) {
          if (
            row.kind !== 'trade' ||
            (before ? later(before as Trade, row) === before : row.timestamp < from)
          )
            continue;
          const over = !batch.late && (row.received_at >= to || (fence !== null && own > fence));
          if (over) first ??= row;
          else known.push(row);
        }
      }
      return { first, known };
    },
  };
}

/** A code that a collector holds, and a topic that whoever has it next can read. */
async function held(style: Style = BY_ID): Promise<{ world: World; a: Member }> {
  const { world } = worldOf(style);
  seesTopic(world);
  await world.desire(streamOf(1));
  return { world, a: await world.join('a') };
}

/** It is killed, and another one has the time to fetch what is missing. @param afterMs how long nobody is there */
async function takenOver(world: World, killed: Member, afterMs = 0): Promise<void> {
  killed.crash();
  if (afterMs > 0) await world.clock.advance(afterMs);
  await world.join('b');
  await world.clock.advance(90_000);
}

describe('where the topic can be read', () => {
  test.each(STYLES.map((style) => [style.name, { ...style, page: Math.max(20, style.page) }] as const))(
    '%s: of a holder that was killed nothing is missing and nothing comes twice',
    async (_name, style) => {
      const { world, a } = await held(style);
      // Between two notes of how far it got: what Kafka has is not what is noted.
      await world.clock.advance(5850);
      await takenOver(world, a, 1000);
      const at = new Map<number, number>();
      const rows = world.delivered.flatMap(({ batch }) => batch.rows);
      for (const { timestamp } of rows) at.set(timestamp, (at.get(timestamp) ?? 0) + 1);
      expect([...at.values()].filter((count) => count > 1)).toEqual([]);
      // Pages of the newest rows alone do not reach back over the life of a lease.
      if (style.way === 'newest') return;
      const first = Math.min(...at.keys());
      const until = world.clock.micros() - 1_000_000;
      const due = world.traded.filter((one) => one.at >= first && one.at < until);
      expect(due.filter((one) => !at.has(one.at))).toEqual([]);
      for (const { fill } of fills(world))
        expect(fill).toMatchObject({ state: 'complete', proof: style.proof });
    },
  );

  test('what its outbox kept alone is fetched: nobody knows whether it comes back', async () => {
    const { world, a } = await held();
    await world.clock.advance(3000);
    // From now on Kafka has nothing of what it receives, and its outbox all of it.
    a.shelves = true;
    await world.clock.advance(3000);
    await takenOver(world, a);
    expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
  });

  test('a holder that was killed before it noted anything had written all the same', async () => {
    const { world, a } = await held();
    await world.clock.advance(5000);
    // In order: what is noted now is where the one before ended.
    await a.stop();
    const b = await world.join('b');
    b.away = true;
    await world.clock.advance(3000);
    b.crash();
    await world.join('c');
    await world.clock.advance(90_000);
    expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
  });

  test.each([100, 500, 900])(
    'a holder that was killed %d ms after a cut had written what came behind it',
    async (afterMs) => {
      const { world, a } = await held();
      await world.clock.advance(5000);
      await cut(world, 2000);
      await world.clock.advance(afterMs);
      await takenOver(world, a, 1000);
      expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
    },
  );

  test('what a holder takes for written lies behind the rows of the next one, where nobody reads it', async () => {
    const { world, a } = await held();
    await world.clock.advance(20_000);
    a.crash();
    // As if it had been told of them when it had lost the code: the topic has in order what was there long before.
    const cutOff = world.clock.micros() - 12_000_000;
    const ordered = world.delivered.splice(0);
    world.delivered.push(
      ...ordered.filter(({ batch }) => batch.rows.every((row) => row.received_at < cutOff)),
    );
    await world.clock.advance(1000);
    await world.join('b');
    await world.clock.advance(90_000);
    expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
  });

  test('a task that somebody left for a code after it had lost it is taken up, and what others wrote since is known', async () => {
    const { world, a } = await held();
    await world.clock.advance(5000);
    await cut(world, 2000);
    const tasks = () => world.store.fills.tasks(KEY.exchange);
    for (let n = 0; n < 30 && (await tasks()).length === 0; n++) await world.clock.advance(100);
    const [task] = await tasks();
    if (!task) throw new Error('the cut left no task');
    a.crash();
    await world.clock.advance(1000);
    await world.join('b');
    await world.clock.advance(60_000);
    expect(await tasks()).toEqual([]);
    await world.store.fills.put(KEY.exchange, [
      { ...task, name: `${task.name}|late`, after: null, result: null },
    ]);
    await world.clock.advance(45_000);
    expect(await tasks()).toEqual([]);
    expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
  });

  test('a first holder that was killed before it noted anything', async () => {
    const { world, a } = await held();
    await world.clock.advance(300);
    await takenOver(world, a);
    const { missing, twice } = verdict(world, 'C0');
    expect([missing, twice]).toEqual([[], []]);
  });

  test('a topic that tells nothing is not asked for ever: then the last note holds', async () => {
    const { world } = worldOf(BY_ID);
    let asked = 0;
    world.written = {
      async before() {
        asked++;
        throw new Error('no right to read it');
      },
      async behind() {
        asked++;
        throw new Error('no right to read it');
      },
    };
    await world.desire(streamOf(1));
    const a = await world.join('a');
    await world.clock.advance(5850);
    a.crash();
    await world.join('b');
    await world.clock.advance(300_000);
    expect(asked).toBeWithin(10, 200);
    expect(verdict(world, 'C0').missing).toEqual([]);
    expect(fills(world).map(({ fill }) => fill.state)).toEqual(['complete']);
  });
});

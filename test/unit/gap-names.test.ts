import { describe, expect, test } from 'bun:test';
import type { Covered } from '../../src/application/state-store.ts';
import { GapNames } from '../../src/application/streams/gap-names.ts';
import type { Gap } from '../../src/core/events.ts';
import { coin } from './connection-parts.ts';
import { streamOf, TTL_MS, World } from './lease-rig.ts';

/** Codes whose gap was told as open and did not end under the id it was told by. */
function dangling(gaps: readonly Gap[]): string[] {
  const last = new Map<string, Gap>();
  for (const gap of gaps) for (const code of gap.codes) last.set(`${gap.gap_id} ${code}`, gap);
  return [...last].flatMap(([name, { to }]) => (to === null ? [name] : []));
}

describe('a gap that was told as open by a collector that is killed in it', () => {
  test.each([
    ['the next life of it', 'a'],
    ['another', 'b'],
  ])('ends under its id by %s', async (_name, next) => {
    const world = new World();
    await world.desire(streamOf(4));
    const first = await world.join('a');
    await world.clock.advance(25_000);
    first.ban(600_000);
    await world.clock.advance(11_000);
    const open = world.gaps.filter(({ to }) => to === null);
    expect(open.flatMap(({ codes }) => codes)).toHaveLength(4);
    first.crash();
    await world.clock.advance(1000);
    await world.join(next);
    await world.clock.advance(TTL_MS * 3);
    expect(dangling(world.gaps)).toEqual([]);
    for (const { gap_id, from } of open) {
      const end = world.gaps.findLast((gap) => gap.gap_id === gap_id);
      expect(end?.from).toBeLessThanOrEqual(from);
    }
    expect(world.verdict(0).silent).toEqual([]);
  });

  test('ends under its id after lives too short to close it', async () => {
    const world = new World();
    await world.desire(streamOf(3));
    const first = await world.join('a');
    await world.clock.advance(25_000);
    first.ban(600_000);
    await world.clock.advance(11_000);
    first.crash();
    for (const ms of [3, 15, 400, 12_000]) {
      await world.clock.advance(500);
      const member = world.begin('a');
      member.ban(600_000);
      await world.clock.advance(ms);
      member.crash();
    }
    await world.clock.advance(500);
    await world.join('a');
    await world.clock.advance(20_000);
    expect(new Set(world.gaps.flatMap(({ to, gap_id }) => (to === null ? [gap_id] : []))).size).toBe(3);
    expect(dangling(world.gaps)).toEqual([]);
    expect(world.verdict(0).silent).toEqual([]);
  });
});

describe('names of gaps', () => {
  const names = () => new GapNames((symbols) => symbols.map(coin));
  const gap = (gap_id: string, symbols: string[], from: number, to: number | null): Gap => ({
    gap_id,
    from,
    to,
    cause: 'cut',
    codes: symbols.map((symbol) => coin(symbol).code),
    first_missing_id: null,
    last_missing_id: null,
  });
  const left: Covered[] = [
    { until: 10, symbols: ['A', 'B'], gap_id: 'old' },
    { until: 10, symbols: ['C'] },
  ];

  test('codes of one gap are told apart by the ids that they had', () => {
    const one = names();
    one.inherit(left);
    expect(one.named(gap('new', ['A', 'C'], 10, 20))).toEqual([
      gap('old', ['A'], 10, 20),
      gap('new', ['C'], 10, 20),
    ]);
    // The same record is taken once.
    one.inherit(left);
    expect(one.named(gap('later', ['A'], 10, 30))).toEqual([gap('later', ['A'], 10, 30)]);
    expect(one.marked([{ until: 40, symbols: ['A', 'B', 'C'] }])).toEqual([
      { until: 40, symbols: ['A', 'C'] },
      { until: 40, symbols: ['B'], gap_id: 'old' },
    ]);
  });

  test('a later gap of the code does not take the place of what is on record', () => {
    const one = names();
    one.inherit(left);
    expect(one.named(gap('new', ['A'], 11, 20))).toEqual([gap('new', ['A'], 11, 20)]);
    expect(one.named(gap('newer', ['A'], 9, 21))).toEqual([gap('old', ['A'], 9, 21)]);
  });
});

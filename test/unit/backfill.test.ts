import { describe, expect, test } from 'bun:test';
import type { Exchange } from '../../src/core/exchange.ts';
import { STYLES, type Style } from './backfill-parts.ts';
import { BY_ID, cut, fills, OK, verdict, worldOf } from './backfill-world.ts';
import { fakeExchange } from './connection-parts.ts';
import { streamOf, type World } from './lease-rig.ts';

describe.each(
  [BY_ID, ...STYLES.filter(({ otherIds }) => !otherIds)].map((style) => [style.name, style] as const),
)('after a cut, %s', (name, style) => {
  test('what was missed is fetched once, and the gap says so', async () => {
    const { world } = worldOf({ ...style, page: Math.max(style.page, style.way === 'newest' ? 60 : 7) });
    await world.desire(streamOf(3));
    await world.join('a');
    await world.clock.advance(5000);
    await cut(world, 3000);
    await world.clock.advance(40_000);
    for (const symbol of ['C0', 'C1', 'C2'])
      expect(verdict(world, symbol), `${name} ${symbol}`).toEqual({ missing: [], twice: [] });
    const told = fills(world);
    const cuts = told.filter(({ cause }) => cause === 'cut');
    expect(cuts.flatMap(({ codes }) => codes).toSorted()).toEqual(['KRW-C0', 'KRW-C1', 'KRW-C2']);
    for (const { fill } of told)
      expect(fill).toMatchObject({ state: 'complete', proof: style.proof, reason: null });
    // Under the id by which the gap was told first.
    for (const { gap_id } of told)
      expect(world.gaps.some((gap) => gap.gap_id === gap_id && !gap.fill)).toBe(true);
    const brought = world.delivered.filter(({ batch }) => batch.late === 'backfill');
    expect(brought.length).toBeGreaterThan(0);
    for (const { batch } of brought) {
      expect(batch.correlationId).toBe(null);
      expect(batch.fence).not.toBe(null);
      for (const row of batch.rows) expect(row.stream_type).toBe('BACKFILL');
    }
    expect(await world.store.fills.tasks('fake')).toEqual([]);
  });
});

test('a cut in which nothing was missed takes no request where the exchange counts', async () => {
  const { world, rest } = worldOf(BY_ID);
  await world.desire(streamOf(2));
  await world.join('a');
  await world.clock.advance(2050);
  // Between two trades.
  world.members[0]?.ban(1);
  await world.clock.advance(30_000);
  const cuts = fills(world).filter(({ cause }) => cause === 'cut');
  expect(cuts.length).toBeGreaterThan(0);
  for (const { fill } of cuts) expect(fill).toMatchObject({ state: 'complete', proof: 'ids' });
  if (fills(world).every(({ fill }) => fill.rows === 0)) expect(rest.asked).toBe(0);
});

test('trades that an exchange shows late are asked for again, and none is called there before', async () => {
  const { world, rest } = worldOf(BY_ID);
  rest.lateMs = 6000;
  await world.desire(streamOf(1));
  await world.join('a');
  await world.clock.advance(5000);
  await cut(world, 3000);
  await world.clock.advance(3000);
  expect(fills(world)).toEqual([]);
  await world.clock.advance(30_000);
  expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
  for (const { fill } of fills(world)) expect(fill.state).toBe('complete');
});

test('what an exchange never shows stays on record by its ids', async () => {
  const { world, rest } = worldOf(BY_ID);
  await world.desire(streamOf(1));
  await world.join('a');
  await world.clock.advance(5000);
  const begin = world.clock.micros();
  await cut(world, 3000);
  const hidden = world.traded.filter(({ at }) => at > begin).slice(5, 8);
  for (const one of hidden) world.traded.splice(world.traded.indexOf(one), 1);
  await world.clock.advance(60_000);
  const [told] = fills(world).filter(({ cause }) => cause === 'cut');
  expect(told?.fill).toMatchObject({ state: 'partial', proof: 'none' });
  expect(told?.fill.codes[0]).toMatchObject({ code: 'KRW-C0', state: 'partial', rows: told?.fill.rows ?? 0 });
  const ids = hidden.map(({ id }) => id);
  const rest_ = world.gaps.find(
    ({ first_missing_id, last_missing_id, fill }) =>
      !fill && first_missing_id === ids[0] && last_missing_id === ids.at(-1),
  );
  expect(rest_).toMatchObject({ cause: 'missing_ids', codes: ['KRW-C0'] });
  expect(verdict(world, 'C0').missing).toEqual([]);
  expect(rest.asked).toBeLessThan(40);
});

test('an exchange that wants no requests is left alone for as long as it says, and asked then', async () => {
  const { world, rest } = worldOf(BY_ID);
  rest.refusal = { status: 429, retryAfterMs: 20_000, text: '' };
  await world.desire(streamOf(3));
  await world.join('a');
  await world.clock.advance(5000);
  await cut(world, 3000);
  await world.clock.advance(10_000);
  expect(rest.asked).toBeGreaterThan(0);
  expect(rest.asked).toBeLessThan(4);
  rest.refusal = null;
  await world.clock.advance(60_000);
  for (const symbol of ['C0', 'C1', 'C2']) expect(verdict(world, symbol)).toEqual({ missing: [], twice: [] });
});

test('a market that the exchange does not know over REST cannot be filled, and that is told', async () => {
  const { world, rest } = worldOf(BY_ID);
  rest.refusal = { ...OK, text: '!never such a market' };
  await world.desire(streamOf(1));
  await world.join('a');
  await world.clock.advance(5000);
  await cut(world, 3000);
  await world.clock.advance(20_000);
  const [told] = fills(world).filter(({ cause }) => cause === 'cut');
  expect(told?.fill).toMatchObject({
    state: 'impossible',
    proof: 'none',
    rows: 0,
    reason: 'never such a market',
  });
});

test('after a restart the new process goes on where the trades of the old one ended', async () => {
  const { world } = worldOf(BY_ID);
  await world.desire(streamOf(2));
  const a = await world.join('a');
  await world.clock.advance(5000);
  await a.stop();
  await world.clock.advance(5000);
  await world.join('b');
  await world.clock.advance(40_000);
  for (const symbol of ['C0', 'C1']) expect(verdict(world, symbol)).toEqual({ missing: [], twice: [] });
  const told = fills(world);
  expect(told.length).toBeGreaterThan(0);
  for (const { fill } of told) expect(fill).toMatchObject({ state: 'complete', proof: 'ids' });
});

test('what is found missing at the stop is left to the next life', async () => {
  const { world, rest } = worldOf(BY_ID);
  rest.refusal = { status: 503, retryAfterMs: null, text: '' };
  await world.desire(streamOf(1));
  const a = await world.join('a');
  await world.clock.advance(5000);
  await cut(world, 3000);
  await world.clock.advance(3500);
  await a.stop();
  const told = world.gaps.filter(({ to, fill }) => to !== null && !fill);
  expect(told.map(({ cause }) => cause)).toContain('missing_ids');
  rest.refusal = null;
  await world.join('b');
  await world.clock.advance(60_000);
  const filled = new Set(fills(world).map(({ gap_id }) => gap_id));
  for (const { gap_id, cause } of told) expect(filled, cause).toContain(gap_id);
  expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
});

test('who is killed in the middle leaves the rest to whoever has the codes next', async () => {
  const { world, rest } = worldOf(BY_ID);
  await world.desire(streamOf(2));
  const a = await world.join('a');
  await world.clock.advance(5000);
  rest.refusal = { status: 503, retryAfterMs: null, text: '' };
  await cut(world, 4000);
  await world.clock.advance(10_000);
  expect(fills(world)).toEqual([]);
  expect((await world.store.fills.tasks('fake')).length).toBeGreaterThan(1);
  a.crash();
  rest.refusal = null;
  await world.join('b');
  await world.clock.advance(60_000);
  for (const symbol of ['C0', 'C1']) {
    const { missing, twice } = verdict(world, symbol);
    expect(missing).toEqual([]);
    // What Kafka had and nobody had noted yet when it was killed may come again; a reader knows it by its id.
    expect(twice.length).toBeLessThan(15);
  }
  expect(await world.store.fills.tasks('fake')).toEqual([]);
  for (const { fill } of fills(world)) expect(fill.state).toBe('complete');
});

test('while the store is away what is in memory goes on', async () => {
  const { world } = worldOf(BY_ID);
  await world.desire(streamOf(1));
  const a = await world.join('a');
  await world.clock.advance(5000);
  a.away = true;
  await cut(world, 2000);
  await world.clock.advance(8000);
  expect(fills(world).map(({ fill }) => fill.state)).toContain('complete');
  a.away = false;
  await world.clock.advance(20_000);
  expect(verdict(world, 'C0').missing).toEqual([]);
});

test('many codes are fetched as fast as the exchange lets it, not as often as somebody looks', async () => {
  const { world } = worldOf({ ...BY_ID, page: 100 });
  await world.desire(streamOf(40));
  await world.join('a');
  await world.clock.advance(5000);
  await cut(world, 2000);
  const since = world.clock.now();
  const done = () => fills(world).flatMap(({ fill }) => (fill.state === 'complete' ? [fill] : [])).length;
  while (done() < 40 && world.clock.now() - since < 30_000) await world.clock.advance(250);
  expect(done()).toBeGreaterThanOrEqual(40);
  expect(world.clock.now() - since).toBeLessThan(6_000);
});

describe('where REST has ids of its own', () => {
  const style: Style = { name: 'other ids', proof: 'time', way: 'down', page: 20, otherIds: true };

  /** Times of the trades that lie in Kafka: each happened at its own. */
  function times(world: World): { missing: number[]; twice: number[] } {
    const rows = world.delivered.flatMap(({ batch }) => batch.rows.map(({ timestamp }) => timestamp));
    const there = new Map<number, number>();
    for (const at of rows) there.set(at, (there.get(at) ?? 0) + 1);
    const [first = 0] = rows.toSorted();
    const until = world.clock.micros() - 1_000_000;
    const due = world.traded.filter(({ at }) => at >= first && at < until);
    return {
      missing: due.flatMap(({ at }) => (there.has(at) ? [] : [at])),
      twice: [...there].flatMap(([at, count]) => (count > 1 ? [at] : [])),
    };
  }

  test('what was missed is known by its value, and none of it is written twice', async () => {
    const { world } = worldOf(style);
    await world.desire(streamOf(1));
    await world.join('a');
    await world.clock.advance(5000);
    await cut(world, 3000);
    await world.clock.advance(30_000);
    expect(times(world)).toEqual({ missing: [], twice: [] });
    for (const { fill } of fills(world)) expect(fill).toMatchObject({ state: 'complete', proof: 'time' });
  });

  test('after a stop in order nothing is left out', async () => {
    const { world } = worldOf(style);
    await world.desire(streamOf(1));
    const a = await world.join('a');
    await world.clock.advance(5750);
    await a.stop();
    await world.clock.advance(5000);
    await world.join('b');
    await world.clock.advance(60_000);
    expect(times(world)).toEqual({ missing: [], twice: [] });
    for (const { fill } of fills(world)) expect(fill).toMatchObject({ state: 'complete', proof: 'time' });
  });

  test('after a kill what its last moments may have written is left out, and told', async () => {
    const { world } = worldOf(style);
    await world.desire(streamOf(1));
    const a = await world.join('a');
    await world.clock.advance(5750);
    const killed = world.clock.micros();
    a.crash();
    await world.clock.advance(5000);
    await world.join('b');
    await world.clock.advance(60_000);
    const { missing, twice } = times(world);
    expect(twice).toEqual([]);
    // Everything else is there.
    for (const at of missing) expect(at).toBeWithin(killed - 1_500_000, killed + 2_600_000);
    const [told] = fills(world);
    expect(told?.fill).toMatchObject({ state: 'partial', proof: 'none' });
    for (const at of missing)
      expect(
        world.gaps.some(
          (gap) => !gap.fill && gap.cause === told?.cause && at >= gap.from && at <= (gap.to ?? 0),
        ),
      ).toBe(true);
  });
});

describe('what an exchange allows an address', () => {
  const windows = { rest: [{ count: 4, perMs: 120_000 }], shutOutMs: 40_000 };
  const over: Partial<Exchange> = { limits: { ...fakeExchange().limits, ...windows } };

  test('outlasts kills: all lives together ask no more often than one', async () => {
    const { world, rest } = worldOf({ ...BY_ID, page: 2 }, over);
    await world.desire(streamOf(2));
    for (let life = 0; life < 4; life++) {
      const member = await world.join(`life-${life}`);
      await world.clock.advance(25_000);
      member.crash();
      await world.clock.advance(2_000);
    }
    expect(rest.asked).toBeGreaterThan(1);
    expect(rest.asked).toBeLessThanOrEqual(4);
  });

  test('a refusal outlasts a kill, for as long as the exchange shuts an address out', async () => {
    const { world, rest } = worldOf({ ...BY_ID, page: 500 }, over);
    await world.desire(streamOf(1));
    const a = await world.join('a');
    await world.clock.advance(5_000);
    rest.refusal = { status: 429, retryAfterMs: null, text: '' };
    await cut(world, 2_000);
    await world.clock.advance(2_000);
    expect(rest.asked).toBe(1);
    a.crash();
    await world.join('b');
    rest.refusal = null;
    await world.clock.advance(30_000);
    expect(rest.asked).toBe(1);
    await world.clock.advance(60_000);
    expect(rest.asked).toBeGreaterThan(1);
    expect(verdict(world, 'C0').missing).toEqual([]);
  });
});

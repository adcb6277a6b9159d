import { describe, expect, test } from 'bun:test';
import type { RestAnswer } from '../../src/application/rest/book-fetches.ts';
import type { Fill, Gap } from '../../src/core/events.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import { later } from '../../src/core/pipeline/later-trade.ts';
import { answer, pastTrades, STYLES, type Style, type TradeFacts } from './backfill-parts.ts';
import { KEY } from './collector-rig.ts';
import { fakeExchange } from './connection-parts.ts';
import { streamOf, World } from './lease-rig.ts';

const BY_ID: Style = { name: 'down by id', proof: 'ids', way: 'down', page: 20 };
const OK = { status: 200, retryAfterMs: null };

interface RestSide {
  /** Trades younger than this are not shown yet, in ms. */
  lateMs: number;
  /** Said instead of an answer. */
  refusal: RestAnswer | null;
  asked: number;
}

/** Collectors of an exchange that gives its past trades in this style. */
function worldOf(style: Style, over: Partial<Exchange> = {}): { world: World; rest: RestSide } {
  const rest: RestSide = { lateMs: 300, refusal: null, asked: 0 };
  const exchange: Partial<Exchange> = {
    tradeIds: style.proof === 'ids' ? 'consecutive' : 'increasing',
    pastTrades: pastTrades(style),
    ...over,
  };
  const ask = async (world: World, url: string): Promise<RestAnswer> => {
    rest.asked++;
    await new Promise<void>((resolve) => world.clock.after(50, resolve));
    if (rest.refusal) return rest.refusal;
    const symbol = new URL(url).pathname.slice(1);
    const until = world.clock.micros() - rest.lateMs * 1000;
    const shown = world.traded.filter((one) => one.symbol === symbol && one.at <= until);
    const facts = shown.map(({ id, at }): TradeFacts => {
      return { id, restId: String(BigInt(at / 1000) * 10_000n), at, price: 1, volume: 1 };
    });
    return { ...OK, text: answer(style, url, facts) };
  };
  return { world: new World(15_000, exchange, ask), rest };
}

/** Ids of what lies in Kafka of a code, by how often each does. */
function counts(world: World, symbol: string): Map<string, number> {
  const all = new Map<string, number>();
  for (const { batch } of world.delivered) {
    if (batch.market.symbol !== symbol) continue;
    for (const row of batch.rows) {
      const id = row.kind === 'trade' ? row.trade_id : '';
      all.set(id, (all.get(id) ?? 0) + 1);
    }
  }
  return all;
}

/** Trades since the first delivered one that are not there, and those that are there twice. */
function verdict(world: World, symbol: string): { missing: string[]; twice: string[] } {
  const there = counts(world, symbol);
  const first = Math.min(...[...there.keys()].map(Number));
  const until = world.clock.micros() - 1_000_000;
  const due = world.traded.filter(
    (one) => one.symbol === symbol && one.at < until && Number(one.id) >= first,
  );
  return {
    missing: due.flatMap(({ id }) => (there.has(id) ? [] : [id])),
    twice: [...there].flatMap(([id, count]) => (count > 1 ? [id] : [])),
  };
}

function fills(world: World): (Gap & { fill: Fill })[] {
  return world.gaps.flatMap((gap) => (gap.fill ? [{ ...gap, fill: gap.fill }] : []));
}

/** Ends the sockets of a collector; the exchange lets it in again after so long. */
async function cut(world: World, ms: number): Promise<void> {
  world.members.at(-1)?.ban(ms);
  await world.clock.advance(ms);
}

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

describe('where the topic can be read', () => {
  test.each(STYLES.map((style) => [style.name, { ...style, page: Math.max(20, style.page) }] as const))(
    '%s: of a holder that was killed nothing is missing and nothing comes twice',
    async (_name, style) => {
      const { world } = worldOf(style);
      seesTopic(world);
      await world.desire(streamOf(1));
      const a = await world.join('a');
      // Between two notes of how far it got: what Kafka has is not what is noted.
      await world.clock.advance(5850);
      a.crash();
      await world.clock.advance(1000);
      await world.join('b');
      await world.clock.advance(90_000);
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
    const { world } = worldOf(BY_ID);
    seesTopic(world);
    await world.desire(streamOf(1));
    const a = await world.join('a');
    await world.clock.advance(3000);
    // From now on Kafka has nothing of what it receives, and its outbox all of it.
    a.shelves = true;
    await world.clock.advance(3000);
    a.crash();
    await world.join('b');
    await world.clock.advance(90_000);
    expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
  });

  test('a holder that was killed before it noted anything had written all the same', async () => {
    const { world } = worldOf(BY_ID);
    seesTopic(world);
    await world.desire(streamOf(1));
    const a = await world.join('a');
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
      const { world } = worldOf(BY_ID);
      seesTopic(world);
      await world.desire(streamOf(1));
      const a = await world.join('a');
      await world.clock.advance(5000);
      await cut(world, 2000);
      await world.clock.advance(afterMs);
      a.crash();
      await world.clock.advance(1000);
      await world.join('b');
      await world.clock.advance(90_000);
      expect(verdict(world, 'C0')).toEqual({ missing: [], twice: [] });
    },
  );

  test('what a holder takes for written lies behind the rows of the next one, where nobody reads it', async () => {
    const { world } = worldOf(BY_ID);
    seesTopic(world);
    await world.desire(streamOf(1));
    const a = await world.join('a');
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
    const { world } = worldOf(BY_ID);
    seesTopic(world);
    await world.desire(streamOf(1));
    const a = await world.join('a');
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
    const { world } = worldOf(BY_ID);
    seesTopic(world);
    await world.desire(streamOf(1));
    const a = await world.join('a');
    await world.clock.advance(300);
    a.crash();
    await world.join('b');
    await world.clock.advance(90_000);
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

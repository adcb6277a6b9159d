import { describe, expect, test } from 'bun:test';
import { seeded } from './connection-parts.ts';
import { settle } from './manual-clock.ts';
import { type Rig, rig, tickerFrame, tradeFrame } from './pipeline-parts.ts';

const TYPES = ['ticker', 'trade'] as const;
type Type = (typeof TYPES)[number];

/** Event number `n` of a code: its price or id. */
function frame(type: Type, n: number, atMs = 1_788_335_180_000 + n): string {
  return type === 'ticker' ? tickerFrame('KRW-BTC', n, atMs) : tradeFrame('KRW-BTC', n);
}

async function written({ clock, batches }: Rig): Promise<number[]> {
  await clock.advance(150);
  return batches.flatMap(({ rows }) =>
    rows.map((row) => (row.kind === 'ticker' ? row.close : row.kind === 'trade' ? Number(row.trade_id) : 0)),
  );
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Two sockets, the second of which replaces the first. */
function pair(type: Type) {
  const made = rig(type);
  const first = made.socket();
  const old = made.pipeline.attach(first);
  const young = made.pipeline.attach(made.socket(first.id));
  let at = 0;
  return {
    ...made,
    old: { push: (text: string) => old.push(text, ++at), end: () => old.end() },
    young: { push: (text: string) => young.push(text, ++at), end: () => young.end() },
  };
}

describe.each(TYPES)('%s: two sockets while one takes over', (type) => {
  test.each(upTo(60))('each event once and in order, whoever is ahead (%p)', async (seed) => {
    const random = seeded(seed);
    const made = pair(type);
    const { old, young, stats } = made;
    const last = 30 + Math.floor(random() * 30);
    /** The old socket brings what comes before its end, the young one what comes after its subscription. */
    const begin = 2 + Math.floor(random() * 20);
    const end = begin - 1 + Math.floor(random() * (last - begin));
    const lag = random() * 12 - 6;
    const arrivals = [
      ...upTo(end).map((n) => ({ at: n, from: old, n })),
      ...upTo(last, begin).map((n) => ({ at: Math.max(n + lag, begin - 1), from: young, n })),
    ].sort((a, b) => a.at - b.at);
    let brought = 0;
    for (const { from, n } of arrivals) {
      from.push(frame(type, n));
      if (from === old && ++brought === end) old.end();
      if (random() < 0.4) await settle();
    }
    expect(await written(made)).toEqual(upTo(last));
    expect(stats.repeats).toBe(arrivals.length - last);
  });

  test('what the old socket took with it comes from the successor, at its end and not before', async () => {
    const made = pair(type);
    const { old, young } = made;
    for (const n of [1, 2]) old.push(frame(type, n));
    for (const n of [2, 3, 4]) young.push(frame(type, n));
    expect(await written(made)).toEqual([1, 2]);
    old.end();
    expect(await written(made)).toEqual([1, 2, 3, 4]);
  });

  test('a code on which the old socket is silent waits two seconds and no longer', async () => {
    const made = pair(type);
    const { old, young, clock } = made;
    old.push(frame(type, 1));
    young.push(frame(type, 2));
    await clock.advance(1900);
    young.push(frame(type, 3));
    expect(await written(made)).toEqual([1]);
    young.push(frame(type, 4));
    expect(await written(made)).toEqual([1, 2, 3, 4]);
    young.push(frame(type, 5));
    old.push(frame(type, 4));
    expect(await written(made)).toEqual([1, 2, 3, 4, 5]);
  });

  test('a successor that fails leaves the codes to the old socket, and nothing it brought is lost', async () => {
    const made = pair(type);
    const { old, young, clock } = made;
    old.push(frame(type, 1));
    for (const n of [1, 2, 3, 4]) young.push(frame(type, n));
    young.end();
    await settle();
    for (const n of [2, 3]) old.push(frame(type, n));
    await clock.advance(2100);
    old.push(frame(type, 5));
    expect((await written(made)).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    old.push(frame(type, 6));
    expect((await written(made)).at(-1)).toBe(6);
  });

  test('what a failed successor brought of several codes waits for each of them alone', async () => {
    const made = pair(type);
    const { old, young, clock } = made;
    const other = (n: number) => frame(type, n).replace('KRW-BTC', 'KRW-ETH');
    young.push(frame(type, 1));
    await clock.advance(1000);
    young.push(other(2));
    young.end();
    for (let n = 10; n < 70; n++) {
      await clock.advance(100);
      old.push(frame(type, n).replace('KRW-BTC', 'KRW-XRP'));
    }
    const rows = await written(made);
    expect([rows.includes(1), rows.includes(2)]).toEqual([true, true]);
  });

  test('what waits is let go although nothing more comes', async () => {
    const made = pair(type);
    const { old, young, clock } = made;
    old.push(frame(type, 1));
    for (const n of [1, 2, 3]) young.push(frame(type, n));
    await clock.advance(1900);
    expect(await written(made)).toEqual([1]);
    await clock.advance(300);
    expect(await written(made)).toEqual([1, 2, 3]);
    expect(made.pipeline.waitedMs()).toBe(0);
  });

  test('a process that stood still takes no socket for silent: what it had not read comes first', async () => {
    const made = pair(type);
    const { old, young, clock } = made;
    old.push(frame(type, 1));
    for (const n of [3, 4]) young.push(frame(type, n));
    await settle();
    clock.jump(30_000);
    await clock.advance(0);
    for (const n of [2, 3, 4, 5]) old.push(frame(type, n));
    expect(await written(made)).toEqual([1, 2, 3, 4, 5]);
  });

  test('the end of the stream delivers what waits', async () => {
    const made = pair(type);
    const { old, young, pipeline, budget } = made;
    old.push(frame(type, 1));
    for (const n of [1, 2, 3]) young.push(frame(type, n));
    young.end();
    await settle();
    old.end();
    await pipeline.finish();
    await pipeline.settled();
    expect(await written(made)).toEqual([1, 2, 3]);
    expect(budget.used).toBe(0);
  });

  test('a third socket takes over from the second before the first has gone', async () => {
    const made = rig(type);
    const sockets = [made.socket(), made.socket(0), made.socket(1)];
    const [first, second, third] = sockets.map((socket) => made.pipeline.attach(socket));
    for (const n of [1, 2, 3]) first?.push(frame(type, n), n);
    for (const n of [2, 3, 4, 5]) second?.push(frame(type, n), n);
    for (const n of [4, 5, 6]) third?.push(frame(type, n), n);
    first?.end();
    await settle();
    second?.push(frame(type, 6), 6);
    second?.end();
    third?.push(frame(type, 7), 7);
    expect(await written(made)).toEqual(upTo(7));
  });
});

describe('tickers', () => {
  test('an answer to the new subscription that repeats the latest ticker is no row', async () => {
    const made = pair('ticker');
    const { old, young } = made;
    old.push(frame('ticker', 1));
    await settle();
    young.push(frame('ticker', 1).replace('}', ',"stream_type":"SNAPSHOT"}'));
    old.end();
    young.push(frame('ticker', 2));
    expect(await written(made)).toEqual([1, 2]);
  });

  test('equal events in a row are as many rows', async () => {
    const made = pair('ticker');
    const { old, young } = made;
    for (let i = 0; i < 3; i++) {
      old.push(frame('ticker', 1));
      young.push(frame('ticker', 1));
      await settle();
    }
    old.end();
    young.push(frame('ticker', 1));
    expect(await written(made)).toEqual([1, 1, 1, 1]);
  });

  test('an exchange that stamps what it sends gives each socket another time', async () => {
    const made = pair('ticker');
    const { old, young } = made;
    for (const n of [1, 2, 3, 4]) {
      young.push(frame('ticker', n, 1_788_335_180_002 + 5 * n));
      await settle();
      if (n < 3) old.push(frame('ticker', n, 1_788_335_180_000 + 5 * n));
      await settle();
    }
    old.end();
    expect(await written(made)).toEqual([1, 2, 3, 4]);
  });

  test('where the exchange sends each socket others, only what is newer follows', async () => {
    const made = pair('ticker');
    const { old, young } = made;
    for (const n of [1, 3, 5]) {
      old.push(frame('ticker', n));
      young.push(frame('ticker', n + 1));
      await settle();
    }
    old.end();
    young.push(frame('ticker', 8));
    expect(await written(made)).toEqual([1, 3, 5, 6, 8]);
  });
});

test('tickers in a row that say the same are told apart by their times, the answer to a subscription among them', async () => {
  const made = pair('ticker');
  const { old, young, batches } = made;
  const at = (ms: number) => frame('ticker', 7, 1_788_335_180_000 + ms);
  old.push(at(0));
  // What the successor's subscription is answered with, at a time of its own.
  young.push(at(1300));
  old.push(at(1500));
  young.push(at(1500));
  young.push(at(1800));
  old.push(at(1800));
  old.end();
  young.push(at(2900));
  await written(made);
  const times = batches.flatMap(({ rows }) =>
    rows.map(({ timestamp }) => timestamp / 1000 - 1_788_335_180_000),
  );
  expect(times).toEqual([0, 1500, 1800, 2900]);
});

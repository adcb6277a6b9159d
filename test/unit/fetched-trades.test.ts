import { expect, test } from 'bun:test';
import { okx } from '../../exchanges/okx.ts';
import { upbit } from '../../exchanges/upbit.ts';
import type { FilledExchange } from '../../src/application/backfill/fill-parts.ts';
import { writeRows } from '../../src/application/backfill/write-rows.ts';
import { Fault } from '../../src/common/errors.ts';
import type { Lane } from '../../src/core/pipeline/lane.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import type { Batch, Writer } from '../../src/core/ports.ts';
import { START, tradeOf } from './backfill-parts.ts';
import { ids, type Rig, rig, tradeFrame } from './pipeline-parts.ts';

const CODE = 'KRW-BTC';
/** What Kafka has of fetched trades. */
type Fetched = Batch[];

function theLane({ pipeline }: Rig): Lane {
  const [lane] = pipeline.lanes.all();
  if (!lane) throw new Error('no lane');
  return lane;
}

/** Writes trades that were fetched. @param meanwhile while Kafka is being waited for; what it throws is Kafka's answer */
function writeFetched(
  { clock, budget }: Rig,
  exchange: typeof upbit,
  lane: Lane,
  trades: readonly number[],
  there: Fetched,
  meanwhile: () => Promise<void> | void = () => {},
) {
  const rows = trades.map((id) =>
    tradeOf({ id: String(id), restId: '', at: START + id, price: 1, volume: 1 }, START + 100),
  );
  const writer: Pick<Writer, 'write'> = {
    async write(batch) {
      await meanwhile();
      there.push(batch);
      return { at: clock.micros(), bytes: 1 };
    },
  };
  const deps = { clock, writer, budget };
  return writeRows(
    deps,
    exchange as FilledExchange,
    lane.market,
    rows,
    lane,
    () => 7,
    () => {},
  );
}

/** A trade of OKX that merges `count` fills, the last of which is `id`. */
function mergedFrame(id: number, count: number): string {
  const row = { instId: 'BTC-USDT', tradeId: String(id), px: '5', sz: '2', side: 'buy', ts: '1788335180377' };
  const data = [{ ...row, count: String(count), source: '0', seqId: id }];
  return JSON.stringify({ arg: { channel: 'trades', instId: 'BTC-USDT' }, data });
}

test('a trade that a socket brings late is written once: not fetched where it came before, no more where it comes after', async () => {
  const { pipeline, socket, clock, batches, budget, stats } = rig('trade');
  const sink = pipeline.attach(socket());
  for (const id of [1, 2, 9]) sink.push(tradeFrame('KRW-BTC', id), 1);
  await clock.advance(150);
  const [lane] = pipeline.lanes.all();
  if (!lane) throw new Error('no lane');

  const rows = [3, 4, 5, 6].map((id) =>
    tradeOf({ id: String(id), restId: '', at: START + id, price: 1, volume: 1 }, START + 100),
  );
  sink.push(tradeFrame('KRW-BTC', 5), 2);
  await clock.advance(150);
  const fetched: Batch[] = [];
  const writer = {
    async write(batch: Batch) {
      fetched.push(batch);
      // What comes while Kafka is being waited for.
      sink.push(tradeFrame('KRW-BTC', 4), 3);
      await clock.advance(150);
      return { at: clock.micros(), bytes: 1 };
    },
  };
  const written: string[] = [];
  const deps = { clock, writer, budget };
  const end = await writeRows(
    deps,
    upbit as FilledExchange,
    lane.market,
    rows,
    lane,
    () => 7,
    (part) => written.push(...part.map(({ trade_id }) => trade_id)),
  );
  sink.push(tradeFrame('KRW-BTC', 6), 4);
  sink.push(tradeFrame('KRW-BTC', 10), 5);
  await clock.advance(150);

  expect(end).toBe('written');
  expect(ids(fetched)).toEqual(['3', '4', '6']);
  expect(written).toEqual(['3', '4', '6']);
  expect(ids(batches)).toEqual(['1', '2', '9', '5', '10']);
  expect(stats.repeats).toBe(2);
});

test('fills that a received trade merges are not fetched beside it, and one that is of fetched fills does not follow them', async () => {
  const one = rig('trade', okx);
  const sink = one.pipeline.attach(one.socket());
  for (const [id, count] of [
    [10, 1],
    [20, 3],
    [14, 3],
  ] as const)
    sink.push(mergedFrame(id, count), id);
  await one.clock.advance(150);
  const there: Fetched = [];
  const missing = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
  expect(await writeFetched(one, okx, theLane(one), missing, there)).toBe('written');
  expect(ids(there)).toEqual(['11', '15', '16', '17']);
  // All of it was fetched, or the first of it: twice would be more than was traded.
  sink.push(mergedFrame(16, 2), 30);
  sink.push(mergedFrame(19, 3), 31);
  sink.push(mergedFrame(24, 4), 32);
  await one.clock.advance(150);
  expect(ids(one.batches)).toEqual(['10', '20', '14', '24']);
});

test('a received trade that merges fills of two messages of fetched ones costs none of them', async () => {
  const one = rig('trade', okx);
  const sink = one.pipeline.attach(one.socket());
  sink.push(mergedFrame(1, 1), 1);
  sink.push(mergedFrame(700, 1), 2);
  await one.clock.advance(150);
  const there: Fetched = [];
  const missing = Array.from({ length: 698 }, (_, n) => n + 2);
  // Fills 499 to 504: the first message of fetched trades ends with 501.
  const meanwhile = async () => {
    if (there.length === 0) sink.push(mergedFrame(504, 6), 3);
    await one.clock.advance(150);
  };
  expect(await writeFetched(one, okx, theLane(one), missing, there, meanwhile)).toBe('written');
  expect(ids(there)).toEqual(missing.map(String));
  expect(ids(one.batches)).toEqual(['1', '700']);
});

test('what was fetched is known when the code leaves and returns', async () => {
  const remembered = new RememberedIds();
  const before = rig('trade', {}, 1e6, remembered);
  const sink = before.pipeline.attach(before.socket());
  sink.push(tradeFrame(CODE, 9), 1);
  await before.clock.advance(150);
  const there: Fetched = [];
  await writeFetched(before, upbit, theLane(before), [6, 7], there);
  sink.end();
  await before.pipeline.finish();
  const after = rig('trade', {}, 1e6, remembered, before.clock);
  const again = after.pipeline.attach(after.socket());
  for (const id of [5, 6, 7, 9, 10]) again.push(tradeFrame(CODE, id), id);
  await after.clock.advance(150);
  expect(ids([...there, ...before.batches, ...after.batches])).toEqual(['6', '7', '9', '5', '10']);
});

test.each([upbit, okx])(
  'what Kafka did not take is fetched again, whatever a socket brought meanwhile: $id',
  async (exchange) => {
    const one = rig('trade', exchange);
    const sink = one.pipeline.attach(one.socket());
    const frame = (id: number): string => (exchange === okx ? mergedFrame(id, 1) : tradeFrame(CODE, id));
    for (const id of [1, 9]) sink.push(frame(id), 1);
    await one.clock.advance(150);
    const lane = theLane(one);
    const there: Fetched = [];
    const refused = async (): Promise<void> => {
      sink.push(frame(4), 2);
      await one.clock.advance(150);
      throw new Fault('undelivered', 'trade-data.korea', 'Not delivered.', 'None.');
    };
    expect(await writeFetched(one, exchange, lane, [3, 4, 5], there, refused)).toBe('left');
    // One comes by itself before it is fetched again.
    sink.push(frame(5), 3);
    await one.clock.advance(150);
    expect(await writeFetched(one, exchange, lane, [3, 4, 5], there)).toBe('written');
    expect(ids(there)).toEqual(['3', '4']);
    expect(ids(one.batches)).toEqual(['1', '9', '5']);
  },
);

test.each([upbit, okx])(
  'a trade that was received and did not get to Kafka is fetched: $id',
  async (exchange) => {
    const one = rig('trade', exchange);
    const sink = one.pipeline.attach(one.socket());
    const frame = (id: number): string => (exchange === okx ? mergedFrame(id, 1) : tradeFrame(CODE, id));
    sink.push(frame(1), 1);
    await one.clock.advance(150);
    one.refuse();
    sink.push(frame(2), 2);
    await one.clock.advance(150);
    const there: Fetched = [];
    await writeFetched(one, exchange, theLane(one), [1, 2], there);
    expect(ids(there)).toEqual(['2']);
  },
);

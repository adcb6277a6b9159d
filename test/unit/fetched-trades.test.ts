import { expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import type { FilledExchange } from '../../src/application/backfill/fill-parts.ts';
import { writeRows } from '../../src/application/backfill/write-rows.ts';
import type { Batch } from '../../src/core/ports.ts';
import { START, tradeOf } from './backfill-parts.ts';
import { ids, rig, tradeFrame } from './pipeline-parts.ts';

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

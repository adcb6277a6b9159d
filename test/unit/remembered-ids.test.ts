import { describe, expect, test } from 'bun:test';
import { Markets } from '../../src/core/market/markets.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import { SeenIds } from '../../src/core/pipeline/seen-ids.ts';
import { settle } from './manual-clock.ts';
import { ids, rig, tradeFrame } from './pipeline-parts.ts';

const HOUR_MS = 3_600_000;
const CODE = 'KRW-BTC';
const none = () => false;
const all = () => true;

describe('a code that is not wanted any more', () => {
  test('keeps the rows that wait, and what is still to come of it', async () => {
    const { pipeline, socket, clock, batches, budget } = rig('trade');
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame(CODE, 1), 1);
    sink.push(tradeFrame(CODE, 2), 2);
    await settle();
    pipeline.retain(none);
    expect([...pipeline.lanes.all()].map((lane) => [lane.market.code, lane.pending])).toEqual([[CODE, 2]]);
    expect(pipeline.oldest()).toBe(1);
    for (const id of [2, 3]) sink.push(tradeFrame(CODE, id), id);
    await clock.advance(100);
    expect(batches.map((batch) => ids([batch]))).toEqual([['1', '2', '3']]);
    expect(budget.used).toBe(0);
  });

  test('is known until its last row is acknowledged, and no longer', async () => {
    const { pipeline, socket, clock, hold } = rig('trade');
    const release = hold();
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame(CODE, 1), 1);
    await clock.advance(150);
    pipeline.retain(none);
    await clock.advance(1000);
    expect([...pipeline.lanes.all()]).toHaveLength(1);
    release();
    await clock.advance(100);
    expect([...pipeline.lanes.all()]).toHaveLength(0);
  });

  test('keeps the rows that are held back during a takeover', async () => {
    const { pipeline, socket, clock, batches } = rig('trade');
    const first = socket();
    pipeline.attach(first);
    const young = pipeline.attach(socket(first.id));
    young.push(tradeFrame(CODE, 1), 1);
    await settle();
    pipeline.retain(none);
    await clock.advance(2300);
    expect(ids(batches)).toEqual(['1']);
  });

  test.each([0, 10 * 60_000])(
    'writes no trade twice when it returns after %p ms, to the same socket or another',
    async (ms) => {
      const { pipeline, socket, clock, batches, stats, missing } = rig('trade', { tradeIds: 'consecutive' });
      const first = pipeline.attach(socket());
      for (let id = 1; id <= 30; id++) first.push(tradeFrame(CODE, id), id);
      await clock.advance(150);
      pipeline.retain(none);
      await clock.advance(ms);
      pipeline.retain(all);
      const second = pipeline.attach(socket());
      for (const sink of [first, second])
        for (let id = 11; id <= 30; id++) sink.push(tradeFrame(CODE, id), id);
      second.push(tradeFrame(CODE, 40), 40);
      await clock.advance(3000);
      expect(ids(batches)).toEqual([...Array.from({ length: 30 }, (_, n) => String(n + 1)), '40']);
      expect(stats.repeats).toBe(40);
      // Nobody wanted what came meanwhile.
      expect(missing).toEqual([]);
    },
  );

  test('nor when its stream was stopped and started', async () => {
    const remembered = new RememberedIds();
    const before = rig('trade', {}, 1e6, remembered);
    const sink = before.pipeline.attach(before.socket());
    for (let id = 1; id <= 5; id++) sink.push(tradeFrame(CODE, id), id);
    sink.end();
    await before.pipeline.finish();
    const after = rig('trade', {}, 1e6, remembered, before.clock);
    const again = after.pipeline.attach(after.socket());
    for (let id = 4; id <= 7; id++) again.push(tradeFrame(CODE, id), id);
    await after.clock.advance(150);
    expect(ids([...before.batches, ...after.batches])).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  });
});

describe('what is remembered', () => {
  test('is forgotten an hour after the code left, once no socket is left that had it', () => {
    const remembered = new RememberedIds();
    remembered.opened(7);
    remembered.keep(CODE, { seen: new SeenIds(), fetched: null }, 1000);
    remembered.opened(8);
    remembered.look(1000 + HOUR_MS - 1, Number.POSITIVE_INFINITY);
    expect(remembered.size).toBe(1);
    remembered.look(1000 + HOUR_MS, 7);
    expect(remembered.size).toBe(1);
    remembered.look(1000 + HOUR_MS, 8);
    expect(remembered.size).toBe(0);
    expect(remembered.recall(CODE)).toBeUndefined();
  });
});

test('a market that a list drops and names again is the same, so that its rows keep their order', () => {
  const listed = { symbol: CODE, base: 'BTC', quote: 'KRW' };
  const markets = new Markets(() => null, [listed]);
  const market = markets.get(CODE);
  expect(markets.replace([]).left).toEqual([market as never]);
  expect(markets.get(CODE)).toBe(market as never);
  expect(markets.all()).toEqual([]);
  markets.replace([]);
  expect(markets.replace([listed]).joined[0]).toBe(market as never);
});

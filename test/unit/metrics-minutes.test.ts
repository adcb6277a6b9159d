import { describe, expect, test } from 'bun:test';
import { parseSchema } from '../../src/infra/avro/codec.ts';
import { prometheus } from '../../src/infra/http/prometheus.ts';
import { minuteRig, NOON, tradeFrame, UPBIT_TRADES } from './metrics-rig.ts';
import { observed } from './observed.ts';

const SECOND = NOON / 1e6;

describe('metrics of a minute', () => {
  test('are three messages, at the boundary, that say what arrived and became of it', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    const frames = [tradeFrame('KRW-BTC', 1), tradeFrame('KRW-ETH', 2), tradeFrame('KRW-BTC', 3)];
    await run.arrive(...frames, frames[0] ?? '', 'no JSON');
    await rig.clock.advance(59_900);
    expect(rig.published).toEqual([]);
    await rig.clock.advance(1000);
    expect(rig.published.map(({ family, key, region }) => [family, key, region])).toEqual([
      ['ws.metrics.reception', 'korea|upbit|trade', 'korea'],
      ['ws.metrics.processing', 'korea|upbit|trade', 'korea'],
      ['ws.metrics.quality', 'korea|upbit|trade', 'korea'],
    ]);
    expect(rig.published[0]?.value.batch).toMatchObject({
      range_start_ts_kst: SECOND,
      range_end_ts_kst: SECOND + 59,
      bucket_size_sec: 60,
      version: 1,
    });
    expect(rig.items('ws.metrics.reception')).toEqual([
      {
        minute_start_ts_kst: SECOND,
        total_received: 5,
        total_parsed: 4,
        total_parse_failed: 1,
        bytes_received: frames.join('').length + (frames[0]?.length ?? 0) + 'no JSON'.length,
      },
    ]);
    expect(rig.items('ws.metrics.processing')).toEqual([
      {
        minute_start_ts_kst: SECOND,
        total_processed: 4,
        total_failed: 1,
        total_acknowledged: 3,
        details: { 'KRW-BTC': 3, 'KRW-ETH': 1 },
      },
    ]);
    // Three rows of the four that should have reached Kafka did: the repeat need not, the bad frame should have.
    expect(rig.items('ws.metrics.quality')[0]).toMatchObject({ data_completeness: 0.75, symbol_coverage: 2 });
  });

  test('say how many codes have fallen silent, and score by it, before the first empty minute', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    const minute = async (subscribed: number, stale: number) => {
      await run.arrive(tradeFrame('KRW-BTC', rig.published.length + 1));
      rig.codesAre({ subscribed, stale });
      await rig.clock.advance(60_000);
      const { codes_subscribed, codes_stale, health_score } = rig.items('ws.metrics.quality').at(-1) ?? {};
      return [codes_subscribed, codes_stale, health_score];
    };
    await rig.clock.advance(1000);
    expect(await minute(1, 0)).toEqual([1, 0, 100]);
    expect(await minute(4, 1)).toEqual([4, 1, 70]);
    expect(await minute(4, 4)).toEqual([4, 4, 0]);
    expect(await minute(1, 0)).toEqual([1, 0, 100]);
  });

  test('say what the codes were at the end of the minute, also when it is told later or after the stop', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    rig.brokerAway(true);
    await run.arrive(tradeFrame('KRW-BTC', 1));
    rig.codesAre({ subscribed: 3, stale: 2 });
    await rig.clock.advance(61_000);
    rig.codesAre({ subscribed: 3, stale: 1 });
    await rig.clock.advance(60_000);
    expect(rig.published).toEqual([]);
    rig.codesAre({ subscribed: 3, stale: 0 });
    rig.brokerAway(false);
    await rig.clock.advance(1000);
    const stale = () => rig.items('ws.metrics.quality').map(({ codes_stale }) => codes_stale);
    expect(stale()).toEqual([2, 1]);
    rig.codesAre(null);
    await run.stop();
    rig.metrics.stop();
    expect(stale()).toEqual([2, 1, 1]);
  });

  test('count a frame in the minute of its arrival, though its rows are acknowledged in the next', async () => {
    const rig = minuteRig(59_990);
    rig.metrics.start();
    const run = rig.run();
    await run.arrive(tradeFrame('KRW-BTC', 1));
    run.sink.push(tradeFrame('KRW-BTC', 2), NOON + 59_999_999);
    run.sink.push(tradeFrame('KRW-BTC', 3), NOON + 60_000_000);
    await rig.clock.advance(20);
    await run.arrive(tradeFrame('KRW-BTC', 4));
    await rig.clock.advance(60_500);
    const counted = rig
      .items('ws.metrics.processing')
      .map((item) => [item.total_processed, item.total_acknowledged]);
    expect(counted).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(rig.items('ws.metrics.reception').map((item) => item.total_received)).toEqual([2, 2]);
  });

  test('of a minute in which nothing came are zeros, and its health is 0', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    rig.run();
    await rig.clock.advance(121_000);
    expect(rig.items('ws.metrics.reception').map((item) => item.total_received)).toEqual([0, 0]);
    expect(rig.items('ws.metrics.quality')).toEqual(
      [SECOND, SECOND + 60].map((start) => ({
        minute_start_ts_kst: start,
        data_completeness: 1,
        symbol_coverage: 0,
        codes_subscribed: 2,
        codes_stale: 0,
        avg_latency_ms: 0,
        p95_latency_ms: 0,
        p99_latency_ms: 0,
        avg_exchange_latency_ms: null,
        p95_exchange_latency_ms: null,
        p99_exchange_latency_ms: null,
        health_score: 0,
      })),
    );
  });

  test('of a perfect feed have full health, and both latencies', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    await rig.clock.advance(250);
    await run.arrive(
      tradeFrame('KRW-BTC', 1, NOON / 1000 + 230),
      tradeFrame('KRW-ETH', 2, NOON / 1000 + 230),
    );
    await rig.clock.advance(61_000);
    const [quality] = rig.items('ws.metrics.quality');
    expect(quality).toMatchObject({ data_completeness: 1, symbol_coverage: 2, health_score: 100 });
    expect(quality?.avg_exchange_latency_ms).toBe(20);
    expect(quality?.avg_latency_ms).toBeWithin(100, 120);
  });

  test("say a negative latency where the exchange's clock is ahead", async () => {
    const rig = minuteRig();
    rig.metrics.start();
    await rig.run().arrive(tradeFrame('KRW-BTC', 1, NOON / 1000 + 40));
    await rig.clock.advance(61_000);
    const [quality] = rig.items('ws.metrics.quality');
    expect(quality?.avg_exchange_latency_ms).toBe(-40);
    expect(quality?.p99_exchange_latency_ms as number).toBeWithin(-43, -39);
  });

  test('wait while rows of the minute are not acknowledged, without those of other streams', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const upbit = rig.run();
    rig.run({ ...UPBIT_TRADES, exchange: 'bithumb' });
    rig.brokerAway(true);
    await upbit.arrive(tradeFrame('KRW-BTC', 1));
    await rig.clock.advance(85_000);
    expect(rig.items('ws.metrics.processing', 'upbit')).toEqual([]);
    expect(rig.items('ws.metrics.processing', 'bithumb')).toHaveLength(1);
    rig.brokerAway(false);
    await rig.clock.advance(1000);
    expect(rig.items('ws.metrics.processing', 'upbit')).toMatchObject([
      { minute_start_ts_kst: SECOND, total_processed: 1, total_acknowledged: 1 },
    ]);
    await rig.clock.advance(60_000);
    expect(rig.items('ws.metrics.processing', 'upbit').map((item) => item.minute_start_ts_kst)).toEqual([
      SECOND,
      SECOND + 60,
    ]);
  });

  test('do not wait for ever', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    rig.brokerAway(true);
    await run.arrive(tradeFrame('KRW-BTC', 1));
    await rig.clock.advance(361_000);
    expect(rig.items('ws.metrics.quality')[0]).toMatchObject({
      data_completeness: 0,
      health_score: 10 * 0.5,
    });
    rig.brokerAway(false);
    await rig.clock.advance(120_000);
    const acked = rig.items('ws.metrics.processing').map((item) => item.total_acknowledged as number);
    expect(acked.reduce((sum, one) => sum + one, 0)).toBe(0);
    expect(run.stats.acked).toBe(1);
  });

  test('wait longer for rows that lie in the outbox, which are not lost, and not for ever', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    rig.brokerAway(true);
    await run.arrive(tradeFrame('KRW-BTC', 1));
    run.stats.shelf.enter(NOON, { at: NOON, ms: rig.clock.now() });
    await rig.clock.advance(1_500_000);
    expect(rig.items('ws.metrics.processing')).toEqual([]);
    await rig.clock.advance(600_000);
    expect(rig.items('ws.metrics.processing').length).toBeGreaterThan(0);
  });

  test('of a stream that stopped within the minute are told, once, and then no more', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    await run.arrive(tradeFrame('KRW-BTC', 1));
    await rig.clock.advance(500);
    await run.stop();
    await rig.clock.advance(300_000);
    expect(rig.items('ws.metrics.processing')).toMatchObject([{ total_processed: 1, total_acknowledged: 1 }]);
  });

  test('of a stream that stopped and ran again are of both runs together', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const first = rig.run();
    await first.arrive(tradeFrame('KRW-BTC', 1));
    await rig.clock.advance(500);
    await first.stop();
    const second = rig.run();
    await second.arrive(tradeFrame('KRW-BTC', 2), tradeFrame('KRW-ETH', 3));
    await rig.clock.advance(61_000);
    expect(rig.items('ws.metrics.processing')).toMatchObject([
      { total_processed: 3, total_acknowledged: 3, details: { 'KRW-BTC': 2, 'KRW-ETH': 1 } },
    ]);
  });

  test('are told up to now at the stop, undelivered rows being missing', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    await run.arrive(tradeFrame('KRW-BTC', 1));
    await rig.clock.advance(500);
    rig.brokerAway(true);
    await run.arrive(tradeFrame('KRW-BTC', 2));
    await rig.clock.advance(500);
    rig.giveUp();
    await run.stop();
    rig.metrics.stop();
    expect(rig.items('ws.metrics.processing')).toMatchObject([{ total_processed: 2, total_acknowledged: 1 }]);
    expect(rig.items('ws.metrics.quality')).toMatchObject([{ data_completeness: 0.5 }]);
    expect(rig.clock.pending).toBe(0);
  });

  test('of a clock that was set are about what arrived, by the clock of its arrival', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    const run = rig.run();
    await run.arrive(tradeFrame('KRW-BTC', 1));
    await rig.clock.advance(30_000);
    rig.clock.step(50 * 365 * 86_400 * 1e6);
    await run.arrive(tradeFrame('KRW-BTC', 2));
    await rig.clock.advance(60_000);
    expect(rig.published.length).toBeLessThan(3 * 65);
    const told = rig.items('ws.metrics.processing').filter((item) => item.total_processed === 1);
    expect(told).toHaveLength(2);
    const before = rig.published.length;
    rig.clock.step(-50 * 365 * 86_400 * 1e6);
    await rig.clock.advance(60_000);
    await run.arrive(tradeFrame('KRW-BTC', 3), tradeFrame('KRW-BTC', 4));
    await rig.clock.advance(60_000);
    expect(rig.published.length).toBeLessThan(before + 3 * 4);
    expect(rig.items('ws.metrics.processing').filter((item) => item.total_processed === 2)).toHaveLength(1);
  });

  test('fit their schemas', async () => {
    const rig = minuteRig();
    rig.metrics.start();
    await rig.run().arrive(tradeFrame('KRW-BTC', 1));
    rig.run({ ...UPBIT_TRADES, exchange: 'bithumb' });
    await rig.clock.advance(61_000);
    expect(rig.published).toHaveLength(6);
    for (const { family, value } of rig.published) {
      const layer = family.slice('ws.metrics.'.length);
      const file = `${layer}_metrics.avsc`;
      const type = parseSchema(await Bun.file(`${import.meta.dir}/../../schemas/${file}`).text(), file);
      expect(JSON.parse(JSON.stringify(type.fromBuffer(type.toBuffer(value))))).toEqual(value);
    }
  });
});

test('counters of a stream never fall, when it stops and when it runs again', async () => {
  const rig = minuteRig();
  const values = () => {
    const text = prometheus(
      observed({
        figures: rig.figures,
        orchestrator: {
          streams: () => [],
          informed: true,
          idle: () => [],
          unacknowledged: () => [],
          elsewhere: () => [],
          leases: () => null,
        },
      }),
    );
    const lines = text.matchAll(/^(kcs_\w+(?:_total|_count|_sum|_bucket)\{[^}]*"upbit"[^}]*\}) (\S+)$/gm);
    return new Map(Array.from(lines, ([, series, value]) => [series ?? '', Number(value)]));
  };
  let before = values();
  for (let round = 1; round <= 3; round++) {
    const run = rig.run();
    await run.arrive(tradeFrame('KRW-BTC', round), tradeFrame('KRW-BTC', round), 'no JSON');
    await rig.clock.advance(round * 40_000);
    await run.stop();
    const after = values();
    expect(after.size).toBeGreaterThanOrEqual(before.size);
    for (const [series, value] of before) {
      if (series.includes('gap')) continue;
      expect([series, (after.get(series) ?? -1) >= value]).toEqual([series, true]);
    }
    before = after;
  }
  const labels = '{exchange="upbit",request_type="trade"}';
  expect(before.get(`kcs_frames_received_total${labels}`)).toBe(9);
  expect(before.get(`kcs_rows_acknowledged_total${labels}`)).toBe(3);
  expect(before.get(`kcs_acknowledge_delay_seconds_count${labels}`)).toBe(3);
});

test('a minute is found to be over within a second of its end, though the clock was set meanwhile', async () => {
  const rig = minuteRig();
  rig.metrics.start();
  const run = rig.run();
  await run.arrive(tradeFrame('KRW-BTC', 1));
  await rig.clock.advance(1000);
  rig.clock.step(40_000_000);
  await rig.clock.advance(20_000);
  expect(rig.items('ws.metrics.reception')).toMatchObject([{ total_received: 1 }]);
});

import { describe, expect, test } from 'bun:test';
import { Backpressure } from '../../src/application/metrics/backpressure.ts';
import { BatchPerformance } from '../../src/application/metrics/batch-performance.ts';
import { ClockOffsets } from '../../src/application/metrics/clock-offsets.ts';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { GapCounts } from '../../src/application/metrics/gap-counts.ts';
import { Live } from '../../src/application/metrics/live.ts';
import type { RunningStream } from '../../src/application/streams/stream.ts';
import { Histogram } from '../../src/common/histogram.ts';
import { createLog } from '../../src/common/log.ts';
import { Exposition } from '../../src/common/metrics.ts';
import { SignedHistogram } from '../../src/common/signed-histogram.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import type { Message } from '../../src/core/ports.ts';
import { seededRandom } from '../simulator/random.ts';
import { ManualClock } from './manual-clock.ts';
import { minuteRig, NOON, tradeFrame, UPBIT_TRADES } from './metrics-rig.ts';

describe('a histogram of signed values', () => {
  test('orders what is below zero before what is above', () => {
    const histogram = new SignedHistogram();
    for (const value of [-400, -300, -2, -1, 0, 1, 2, 3, 300, 400]) histogram.record(value);
    expect(histogram.count).toBe(10);
    expect(histogram.min).toBe(-400);
    expect(histogram.mean).toBeCloseTo(0.3);
    expect(histogram.percentile(0.3)).toBe(-2);
    expect(histogram.percentile(0.5)).toBe(0);
    expect(histogram.percentile(0.8)).toBe(3);
    expect(histogram.percentile(1)).toBeWithin(400, 425);
    expect(histogram.countUpTo(2)).toBe(7);
  });

  test('percentiles are within a bucket of those of the sorted values, whatever they are', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 50; round++) {
      const values = Array.from({ length: 200 }, () =>
        Math.round((random() - 0.4) * 10 ** (1 + random() * 6)),
      );
      const parts = [new SignedHistogram(), new SignedHistogram()] as const;
      for (const value of values) (value % 2 === 0 ? parts[0] : parts[1]).record(value);
      parts[0].merge(parts[1]);
      const sorted = values.toSorted((a, b) => a - b);
      for (const fraction of [0.01, 0.5, 0.95, 0.99, 1]) {
        const exact = sorted[Math.ceil(fraction * values.length) - 1] ?? 0;
        const slack = Math.abs(exact) / 16 + 1;
        expect(parts[0].percentile(fraction)).toBeWithin(exact - slack, exact + slack + 1e-9);
      }
    }
  });
});

describe('the exposition', () => {
  const TABLE = {
    kcs_a_total: { type: 'counter', help: 'A.', labels: ['x'] },
    kcs_b_seconds: { type: 'histogram', help: 'B.', labels: [] },
    kcs_c: { type: 'gauge', help: 'C.', labels: [] },
  } as const;

  test('groups families, escapes labels, and leaves out what is not known', () => {
    const out = new Exposition<keyof typeof TABLE>(TABLE);
    const histogram = new Histogram();
    for (const value of [500, 1500, 3_000_000]) histogram.record(value);
    out.addHistogram('kcs_b_seconds', histogram, [0.001, 1]);
    out.add('kcs_a_total', 3, { x: 'a"b\\c\nd' });
    out.add('kcs_a_total', null, { x: 'unknown' });
    out.add('kcs_c', Number.NaN);
    expect(out.text()).toBe(
      [
        '# HELP kcs_a_total A.',
        '# TYPE kcs_a_total counter',
        'kcs_a_total{x="a\\"b\\\\c\\nd"} 3',
        '# HELP kcs_b_seconds B.',
        '# TYPE kcs_b_seconds histogram',
        'kcs_b_seconds_bucket{le="0.001"} 1',
        'kcs_b_seconds_bucket{le="1"} 2',
        'kcs_b_seconds_bucket{le="+Inf"} 3',
        'kcs_b_seconds_sum 3.002',
        'kcs_b_seconds_count 3',
        '',
      ].join('\n'),
    );
  });
});

describe('monitoring.batch.performance', () => {
  test('tells the last batch of a second, and what a minute came to', async () => {
    const rig = minuteRig();
    const told: Message[] = [];
    const performance = new BatchPerformance(rig.clock, rig.figures, (message) => told.push(message));
    performance.start();
    const run = rig.run();
    for (let second = 0; second < 60; second++) {
      if (second % 2 === 0) {
        await run.arrive(tradeFrame('KRW-BTC', 3 * second), tradeFrame('KRW-BTC', 3 * second + 1));
        await run.arrive(tradeFrame('KRW-ETH', 3 * second + 2));
      }
      await rig.clock.advance(1000);
    }
    await rig.clock.advance(1000);
    const kinds = told.map(({ value }) => value.event_type);
    expect(kinds.filter((kind) => kind === 'batch_collected')).toHaveLength(30);
    expect(told[0]).toMatchObject({
      family: 'monitoring.batch.performance',
      key: 'korea:upbit:trade',
      value: {
        ...UPBIT_TRADES,
        stats: { batch_size: 1, unique_symbols: 1, cache_efficiency: 1 },
        event_timestamp_utc: '2026-09-21T14:14:01.000Z',
      },
    });
    const summaries = told.filter(({ value }) => value.event_type === 'performance_summary');
    expect(summaries.map(({ value }) => value)).toMatchObject([
      {
        aggregated_stats: {
          total_batches: 60,
          total_messages: 90,
          avg_batch_size: 1.5,
          avg_symbols_per_batch: 1,
          avg_cache_efficiency: 1,
          messages_per_second: 1.5,
          batches_per_minute: 60,
          elapsed_seconds: 60,
        },
        summary_period_seconds: 60,
      },
    ]);
  });
});

describe('ws.backpressure.events', () => {
  function rig() {
    const clock = new ManualClock(NOON);
    const budget = new ByteBudget(1000, 0.5);
    const told: Message[] = [];
    const stats = new StreamFigures().begin(UPBIT_TRADES, NOON);
    const stream = { target: UPBIT_TRADES, stats, queuedBytes: 0, shareBytes: 500, paused: false };
    const account = budget.open('trade', (stop) => {
      stream.paused = stop;
      if (stop) stats.pauses++;
    });
    const reserve = (bytes: number) => {
      account.reserve(bytes);
      stream.queuedBytes = account.used;
    };
    let streams = [stream];
    const backpressure = new Backpressure({
      clock,
      budget,
      log: createLog('silent', false),
      streams: () => streams as unknown as RunningStream[],
      publish: (message) => told.push(message),
    });
    backpressure.start();
    const actions = () => told.map(({ key, value }) => `${key} ${value.action}`);
    return { clock, told, reserve, actions, gone: () => (streams = []) };
  }

  test('tell when a stream passes its marks, and no more often', async () => {
    const { clock, told, reserve, actions } = rig();
    await clock.advance(1000);
    expect(told).toEqual([]);
    reserve(501);
    await clock.advance(1000);
    reserve(-200);
    await clock.advance(1000);
    expect(actions()).toEqual([
      'upbit/korea/trade backpressure_activated',
      'upbit/korea/trade backpressure_deactivated',
    ]);
    expect(told[0]?.value).toMatchObject({
      producer_name: 'upbit/korea/trade',
      producer_type: 'stream',
      status: {
        queue_size: 501,
        queue_max_size: 500,
        usage_percent: 100.2,
        is_throttled: true,
        high_watermark: 500,
        low_watermark: 350,
      },
      message: 'upbit/korea/trade backpressure_activated',
    });
  });

  test('tell a throttling that is over before anybody looked', async () => {
    const { clock, reserve, actions } = rig();
    reserve(600);
    reserve(-600);
    await clock.advance(100);
    expect(actions()).toEqual([
      'upbit/korea/trade backpressure_activated',
      'upbit/korea/trade backpressure_deactivated',
    ]);
  });

  test('tell of the queue of all streams, and end with a stream that goes', async () => {
    const { clock, reserve, actions, gone } = rig();
    reserve(900);
    await clock.advance(100);
    gone();
    await clock.advance(100);
    expect(actions()).toEqual([
      'writer backpressure_activated',
      'upbit/korea/trade backpressure_activated',
      'upbit/korea/trade backpressure_deactivated',
    ]);
  });

  test('report every 30 s', async () => {
    const { clock, actions } = rig();
    await clock.advance(60_000);
    expect(actions()).toEqual([
      'writer queue_status_report',
      'upbit/korea/trade queue_status_report',
      'writer queue_status_report',
      'upbit/korea/trade queue_status_report',
    ]);
  });
});

describe('the clock of an exchange', () => {
  test('is known from whole seconds, better with every answer', () => {
    const clock = new ManualClock(NOON);
    const offsets = new ClockOffsets(clock, new StreamFigures());
    expect(offsets.of('upbit')).toBeNull();
    const ahead = 300_000;
    for (const at of [NOON + 100_000, NOON + 650_000, NOON + 720_000, NOON + 690_000]) {
      const date = Math.floor((at + ahead) / 1e6) * 1000;
      offsets.date('upbit', date, at - 10_000, at + 10_000);
    }
    const { offset, uncertainty } = offsets.of('upbit') ?? { offset: 0, uncertainty: 1 };
    expect(Math.abs(offset - 0.3)).toBeLessThan(uncertainty);
    expect(uncertainty).toBeLessThan(0.05);
  });

  test('is not taken from answers of before it was set', () => {
    const clock = new ManualClock(NOON);
    const offsets = new ClockOffsets(clock, new StreamFigures());
    offsets.date('upbit', NOON / 1000 + 5000, NOON, NOON);
    offsets.date('upbit', NOON / 1000, NOON, NOON);
    expect(offsets.of('upbit')?.offset).toBeWithin(0, 1);
  });

  test('is bounded by the times of rows', async () => {
    const rig = minuteRig();
    const offsets = new ClockOffsets(rig.clock, rig.figures);
    offsets.date('upbit', NOON / 1000, NOON, NOON);
    await rig.run().arrive(tradeFrame('KRW-BTC', 1, NOON / 1000 + 800));
    await rig.clock.advance(500);
    const { offset, uncertainty } = offsets.of('upbit') ?? { offset: 0, uncertainty: 1 };
    expect(offset - uncertainty).toBeCloseTo(0.8);
    expect(offset + uncertainty).toBeCloseTo(1);
  });

  test('is told truly also of a server whose date is up to a second late', async () => {
    for (const ahead of [-3_000_000, 0, 250_000, 7_400_000]) {
      const rig = minuteRig();
      const offsets = new ClockOffsets(rig.clock, rig.figures);
      const run = rig.run();
      for (let answer = 0; answer < 60; answer++) {
        const now = rig.clock.micros();
        await run.arrive(tradeFrame('KRW-BTC', answer, Math.floor((now + ahead) / 1000) - 20));
        const late = (answer * 370_000) % 1_000_000;
        offsets.date('upbit', Math.floor((now + ahead - late) / 1e6) * 1000, now - 30_000, now + 30_000);
        await rig.clock.advance(1310);
      }
      const { offset, uncertainty } = offsets.of('upbit') ?? { offset: Number.NaN, uncertainty: 0 };
      expect([ahead, Math.abs(offset - ahead / 1e6) <= uncertainty]).toEqual([ahead, true]);
      expect(uncertainty).toBeLessThan(0.6);
    }
  });
});

describe('what the page looks at', () => {
  test('rates are those of the last seconds, the history those of the last 15 minutes', async () => {
    const rig = minuteRig();
    const live = new Live(rig.clock, rig.figures);
    live.start();
    const run = rig.run();
    expect(live.of(UPBIT_TRADES).rows).toBe(0);
    for (let second = 0; second < 20; second++) {
      await run.arrive(...Array.from({ length: 10 }, (_, n) => tradeFrame('KRW-BTC', second * 10 + n)));
      await rig.clock.advance(1000);
    }
    expect(live.of(UPBIT_TRADES).rows).toBe(10);
    expect(live.of(UPBIT_TRADES).history).toEqual(
      [10, 10, 10, 10].slice(0, live.of(UPBIT_TRADES).history.length),
    );
    await rig.clock.advance(1_000_000);
    const { rows, history } = live.of(UPBIT_TRADES);
    expect(rows).toBe(0);
    expect(history).toHaveLength(180);
    expect(history.every((rate) => rate === 0)).toBe(true);
  });

  test('a gap counts once, when it is over', () => {
    const counts = new GapCounts();
    const gap = {
      from: NOON,
      cause: 'cut',
      codes: ['KRW-BTC', 'KRW-ETH'],
      first_missing_id: null,
      last_missing_id: null,
    } as const;
    counts.take({ kind: 'gap', target: UPBIT_TRADES, gap: { ...gap, to: null } });
    counts.take({ kind: 'gap', target: UPBIT_TRADES, gap: { ...gap, to: NOON + 3_000_000 } });
    expect(counts.of(UPBIT_TRADES, 'cut')).toEqual({ gaps: 1, codeSeconds: 6 });
    expect(counts.of(UPBIT_TRADES, 'stale')).toEqual({ gaps: 0, codeSeconds: 0 });
    expect(counts.latest(UPBIT_TRADES)).toHaveLength(1);
    expect(counts.latest({ ...UPBIT_TRADES, exchange: 'bithumb' })).toEqual([]);
    for (let i = 0; i < 5000; i++)
      counts.take({ kind: 'gap', target: UPBIT_TRADES, gap: { ...gap, to: NOON + 10_000_000 } });
    expect(counts.recent(UPBIT_TRADES, NOON + 600_000_000)).toBe(5001);
    expect(counts.recent(UPBIT_TRADES, NOON + 1_200_000_000)).toBe(0);
  });
});

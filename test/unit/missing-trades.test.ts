import { expect, test } from 'bun:test';
import { MissingTrades } from '../../src/application/reporting/missing-trades.ts';
import type { Reporter } from '../../src/application/reporting/reporter.ts';
import type { Gap, StreamEvent } from '../../src/core/events.ts';
import { type Market, market } from '../../src/core/market/market.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import { HoleReport } from '../../src/core/pipeline/hole-report.ts';
import { Lane } from '../../src/core/pipeline/lane.ts';
import { SeenIds } from '../../src/core/pipeline/seen-ids.ts';
import { ManualClock } from './manual-clock.ts';
import { UPBIT_TRADES } from './metrics-rig.ts';

const BTC = market('BTCUSDT', 'BTC', 'USDT');
const ETH = market('ETHUSDT', 'ETH', 'USDT');
const SECOND = 1_000_000;
const TICK_MS = 100;

/** Lanes whose holes are told; times are seconds since the start. */
function rig() {
  const clock = new ManualClock();
  const start = clock.micros();
  const events: StreamEvent[] = [];
  const errors: string[] = [];
  const reporter = {
    tell: (event: StreamEvent) => void events.push(event),
    error: (fault: Error) => void errors.push(fault.message),
  } as unknown as Reporter;
  const missing = new MissingTrades(UPBIT_TRADES, reporter, clock, () => 'who-asked');
  const holes = new HoleReport(
    (told) => missing.report(told),
    () => false,
  );
  const lanes = new Map<Market, Lane>();
  return {
    async advance(ms: number) {
      for (let passed = 0; passed < ms; passed += TICK_MS) {
        await clock.advance(TICK_MS);
        holes.look(clock.now());
        missing.look(clock.now());
      }
    },
    clock,
    events,
    errors,
    flush: () => missing.flush(),
    /** A trade that happened now and arrives now. */
    trade(of: Market, id: number) {
      const lane = lanes.get(of) ?? new Lane(of, new SeenIds(), true);
      lanes.set(of, lane);
      const at = clock.micros();
      const row = { trade_id: String(id), fills: 1, timestamp: at, received_at: at } as Trade;
      if (lane.watch?.see(row, clock.now())) holes.opened(lane);
    },
    gap(fromS: number, toS: number | null, codes: string[], cause: Gap['cause'] = 'cut') {
      const to = toS === null ? null : start + toS * SECOND;
      const ids = { first_missing_id: null, last_missing_id: null };
      missing.gap({ from: start + fromS * SECOND, to, cause, codes, ...ids });
    },
    at: (s: number) => start + s * SECOND,
  };
}

test('a hole of its own is an event and an error; it lies between the trades around it', async () => {
  const { advance, trade, events, errors, at } = rig();
  await advance(10_000);
  trade(BTC, 5);
  await advance(20_000);
  trade(BTC, 8);
  await advance(5000);
  trade(BTC, 9);
  expect(events).toEqual([
    {
      kind: 'gap',
      target: UPBIT_TRADES,
      correlationId: 'who-asked',
      gap: {
        gap_id: expect.any(String),
        from: at(10),
        to: at(30),
        cause: 'missing_ids',
        codes: ['USDT-BTC'],
        first_missing_id: '6',
        last_missing_id: '7',
      },
      detail: null,
    },
  ]);
  expect(errors).toEqual(['Trades 6 to 7 were never received.']);
});

test('holes of a cut that is on record are one event for all codes, with their ids, and no error', async () => {
  const { advance, trade, gap, events, errors, at } = rig();
  trade(BTC, 5);
  trade(ETH, 50);
  await advance(10_000);
  gap(8, 9.5, ['USDT-BTC']);
  gap(8, 9.9, ['USDT-ETH']);
  trade(BTC, 8);
  await advance(1000);
  trade(ETH, 52);
  await advance(1000);
  trade(BTC, 12);
  await advance(10_000);
  const [second, event, ...more] = events;
  expect(event?.gap).toMatchObject({ from: at(0), to: at(11), cause: 'missing_ids' });
  expect(event?.gap?.codes).toEqual(['USDT-BTC', 'USDT-ETH']);
  expect(event?.detail).toEqual({
    within: 'cut',
    trades: 3,
    missing: [
      { code: 'USDT-BTC', first_missing_id: '6', last_missing_id: '7', from: at(0), to: at(10) },
      { code: 'USDT-ETH', first_missing_id: '51', last_missing_id: '51', from: at(0), to: at(11) },
    ],
  });
  // What went missing after the cut is not the cut's, and waits for nothing.
  expect(second?.gap).toMatchObject({ first_missing_id: '9', last_missing_id: '11' });
  expect(more).toEqual([]);
  expect(errors).toEqual(['Trades 9 to 11 were never received.']);
});

test('trades that went missing long after a cut are not told with the time of the cut', async () => {
  const { advance, trade, gap, events, at } = rig();
  await advance(9000);
  trade(BTC, 5);
  trade(ETH, 50);
  gap(9, 10, ['USDT-BTC', 'USDT-ETH']);
  await advance(2000);
  trade(ETH, 52);
  await advance(1000);
  // Rare, and lost at 100 s, far outside the cut.
  await advance(88_500);
  trade(BTC, 7);
  await advance(10_000);
  const told = events.map(({ gap: record }) => record);
  expect(told).toMatchObject([
    { codes: ['USDT-ETH'], from: at(9), to: at(11) },
    { codes: ['USDT-BTC'], from: at(9), to: at(100.5) },
  ]);
});

test('a gap of another code, before or after the hole, explains nothing', async () => {
  const { advance, trade, gap, errors } = rig();
  gap(0, 4, ['USDT-BTC']);
  await advance(10_000);
  trade(BTC, 1);
  gap(10.2, 10.6, ['USDT-ETH'], 'pause');
  await advance(1000);
  trade(BTC, 3);
  gap(12, 13, ['USDT-BTC']);
  gap(10.5, null, ['USDT-BTC']);
  await advance(10_000);
  expect(errors).toEqual(['Trades 2 to 2 were never received.']);
});

test('a single hole within a gap has its ids in the gap too; a stop tells it at once', async () => {
  const { clock, advance, trade, gap, events, errors, flush } = rig();
  trade(BTC, 1);
  await advance(1000);
  gap(0.5, 0.9, ['USDT-BTC'], 'stale');
  trade(BTC, 4);
  await advance(2500);
  expect(events).toEqual([]);
  flush();
  flush();
  expect(events.map(({ gap }) => [gap?.first_missing_id, gap?.last_missing_id])).toEqual([['2', '3']]);
  expect(events[0]?.detail).toMatchObject({ within: 'stale', trades: 2 });
  expect(errors).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('of an exchange whose ids turn out not to be consecutive every hole is told, however many there are', async () => {
  const { advance, trade, events } = rig();
  for (let id = 0; id < 1000; id += 2) trade(BTC, id);
  await advance(5000);
  expect(events).toHaveLength(499);
});

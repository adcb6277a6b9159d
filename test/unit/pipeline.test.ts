import { describe, expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import type { SocketHandle } from '../../src/core/connection/pipe.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { cut, Markets } from '../../src/core/market/markets.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import type { Rejected } from '../../src/core/pipeline/chunks.ts';
import { StreamPipeline } from '../../src/core/pipeline/stream-pipeline.ts';
import { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import type { Batch, Writer } from '../../src/core/ports.ts';
import { ManualClock, settle } from './manual-clock.ts';

function tradeFrame(code: string, id: number | string): string {
  return (
    `{"type":"trade","code":"${code}","trade_timestamp":1788335180377,"trade_price":5,"trade_volume":2,` +
    `"ask_bid":"BID","sequential_id":${id},"stream_type":"REALTIME"}`
  );
}

function tickerFrame(code: string, price: number): string {
  return `{"type":"ticker","code":"${code}","timestamp":1788335180377,"trade_price":${price}}`;
}

interface Rig {
  readonly clock: ManualClock;
  readonly pipeline: StreamPipeline;
  readonly batches: Batch[];
  readonly rejected: Rejected[];
  readonly missing: [string, number, number][];
  readonly stats: StreamStats;
  readonly budget: ByteBudget;
  readonly pressure: boolean[];
  socket(primary?: boolean): SocketHandle;
  hold(): () => void;
}

function rig(type: 'trade' | 'ticker', overrides: Partial<Exchange> = {}, budgetBytes = 1e6): Rig {
  const exchange: Exchange = { ...upbit, ...overrides };
  const clock = new ManualClock();
  const batches: Batch[] = [];
  const rejected: Rejected[] = [];
  const missing: [string, number, number][] = [];
  const pressure: boolean[] = [];
  const budget = new ByteBudget(budgetBytes);
  const stats = new StreamStats();
  const markets = new Markets((symbol) => {
    const parts = cut(symbol, '-');
    return parts && { quote: parts[0], base: parts[1] };
  });
  let held: (() => void)[] | null = null;
  const writer: Writer = {
    write(batch) {
      batches.push(batch);
      const ack = { at: clock.micros(), bytes: 10 };
      return held ? new Promise((resolve) => held?.push(() => resolve(ack))) : Promise.resolve(ack);
    },
  };
  const pipeline = new StreamPipeline({
    exchange,
    type,
    limits: { windowMs: 100, maxRows: 500, maxBytes: 262_144 },
    clock,
    writer,
    account: budget.open('last', (stop) => pressure.push(stop)),
    stats,
    onRejected: (one) => rejected.push(one),
    onMissing: (holes) => {
      for (const { lane, hole } of holes) missing.push([lane.market.code, hole.first, hole.last]);
    },
    stamp: () => ({ correlationId: null, fence: null }),
  });
  let sockets = 0;
  return {
    clock,
    pipeline,
    batches,
    rejected,
    missing,
    stats,
    budget,
    pressure,
    socket: (primary = true) => ({
      id: sockets++,
      session: exchange.session(type, markets),
      primary,
      primaryAt: () => primary,
      control() {},
      data() {},
    }),
    hold() {
      const waiting: (() => void)[] = [];
      held = waiting;
      return () => {
        held = null;
        for (const release of waiting) release();
      };
    },
  };
}

function ids(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ rows }) => rows.map((row) => (row.kind === 'trade' ? row.trade_id : '')));
}

describe('the way of the data', () => {
  test('rows of a code become one batch when the window is over, in order, ids to the last digit', async () => {
    const { pipeline, socket, clock, batches } = rig('trade');
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BTC', '17883351803770005'), 1);
    sink.push(tradeFrame('KRW-ETH', '17883351803770006'), 2);
    sink.push(Buffer.from(tradeFrame('KRW-BTC', '17883351803770007')), 3);
    await clock.advance(90);
    expect(batches).toHaveLength(0);
    await clock.advance(30);
    expect(batches.map(({ market, rows }) => [market.code, rows.length])).toEqual([
      ['KRW-BTC', 2],
      ['KRW-ETH', 1],
    ]);
    expect(ids(batches)).toEqual(['17883351803770005', '17883351803770007', '17883351803770006']);
    expect(batches[0]?.rows[0]?.received_at).toBe(1);
  });

  test('a batch goes out at its maximum without waiting', async () => {
    const { pipeline, socket, batches } = rig('trade');
    const sink = pipeline.attach(socket());
    for (let i = 0; i < 501; i++) sink.push(tradeFrame('KRW-BTC', i + 1), 1);
    await settle();
    expect(batches.map(({ rows }) => rows.length)).toEqual([500]);
  });

  test('a trade that two sockets bring is written once, and never out of order within a socket', async () => {
    const { pipeline, socket, clock, batches, stats } = rig('trade');
    const a = pipeline.attach(socket());
    const b = pipeline.attach(socket(false));
    for (let i = 1; i <= 40; i++) {
      a.push(tradeFrame('KRW-BTC', i), i);
      if (i > 20) b.push(tradeFrame('KRW-BTC', i), i);
    }
    for (let i = 41; i <= 60; i++) b.push(tradeFrame('KRW-BTC', i), i);
    await clock.advance(150);
    expect(ids(batches)).toEqual(Array.from({ length: 60 }, (_, i) => String(i + 1)));
    expect(stats.acked).toBe(60);
  });

  test('tickers come from the primary socket only', async () => {
    const { pipeline, socket, clock, batches } = rig('ticker');
    pipeline.attach(socket(false)).push(tickerFrame('KRW-BTC', 1), 1);
    pipeline.attach(socket(true)).push(tickerFrame('KRW-BTC', 2), 1);
    await clock.advance(150);
    expect(batches.flatMap(({ rows }) => rows.map((row) => row.kind === 'ticker' && row.close))).toEqual([2]);
  });

  test('a ticker that each of two sockets brings on its own wrong side of a takeover counts once', async () => {
    const { pipeline, socket, clock, batches } = rig('ticker');
    const old = pipeline.attach({ ...socket(), primaryAt: (at) => at < 10 });
    const young = pipeline.attach({ ...socket(), primaryAt: (at) => at >= 10 });
    const frame = (price: number) =>
      tickerFrame('KRW-BTC', price).replace(/"timestamp":\d+/g, `"timestamp":${1_700_000_000_000 + price}`);
    old.push(frame(1), 1);
    young.push(frame(1), 2);
    await settle();
    young.push(frame(2), 9);
    await settle();
    old.push(frame(2), 11);
    await settle();
    young.push(frame(3), 12);
    await settle();
    old.push(frame(3), 13);
    old.push(frame(2), 14);
    await clock.advance(150);
    expect(batches.flatMap(({ rows }) => rows.map((row) => row.kind === 'ticker' && row.close))).toEqual([
      1, 2, 3,
    ]);
  });

  test('a bad frame is reported with its number and harms no neighbour', async () => {
    const { pipeline, socket, clock, batches, rejected, stats } = rig('trade');
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BTC', 1), 1);
    sink.push('{"type":"trade"', 2);
    sink.push(new Uint8Array([0x7b, 0xff, 0xfe]), 3);
    sink.push(tradeFrame('KRW-BTC', 2).replace('"trade_price":5', '"trade_price":null'), 4);
    sink.push(tradeFrame('KRW-BTC', 3), 5);
    await clock.advance(150);
    expect(ids(batches)).toEqual(['1', '3']);
    expect(rejected.map(({ number, row }) => [number, row])).toEqual([
      [2, null],
      [1, null],
      [3, null],
    ]);
    expect([stats.frames, stats.parsed, stats.failed, stats.rejected]).toEqual([5, 2, 3, 3]);
  });

  test('a throwing plug-in loses one frame, not the socket', async () => {
    const broken: Exchange['session'] = (type, markets) => {
      const session = upbit.session(type, markets);
      return {
        ...session,
        read(text, at, emit) {
          if (text.includes('KRW-BAD')) throw new Error('boom');
          session.read(text, at, emit);
        },
      };
    };
    const { pipeline, socket, clock, batches, rejected } = rig('trade', { session: broken });
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BAD', 1), 1);
    sink.push(tradeFrame('KRW-BTC', 2), 1);
    await clock.advance(150);
    expect(ids(batches)).toEqual(['2']);
    expect(rejected[0]?.reason).toContain('boom');
  });

  test('a hole in consecutive ids is told once its grace is over; a late trade fills it', async () => {
    const { pipeline, socket, clock, missing, batches } = rig('trade', { tradeIds: 'consecutive' });
    const sink = pipeline.attach(socket());
    for (const id of [1, 2, 6, 4, 7]) sink.push(tradeFrame('KRW-BTC', id), 1);
    await clock.advance(1500);
    expect(missing).toEqual([]);
    await clock.advance(1000);
    expect(missing).toEqual([
      ['KRW-BTC', 3, 3],
      ['KRW-BTC', 5, 5],
    ]);
    expect(ids(batches)).toEqual(['1', '2', '6', '4', '7']);
  });

  test('the budget stops reading while acknowledgements are away and lets it go on afterwards', async () => {
    const { pipeline, socket, clock, pressure, budget, hold } = rig('trade', {}, 40_000);
    const release = hold();
    const sink = pipeline.attach(socket());
    for (let i = 0; i < 100; i++) sink.push(tradeFrame('KRW-BTC', i + 1), 1);
    await clock.advance(150);
    expect(pressure).toEqual([true]);
    release();
    await clock.advance(50);
    expect(pressure).toEqual([true, false]);
    expect(budget.used).toBe(0);
  });

  test('draining delivers what waits and holes still in their grace', async () => {
    const { pipeline, socket, batches, missing, budget } = rig('trade', { tradeIds: 'consecutive' });
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BTC', 1), 1);
    sink.push(tradeFrame('KRW-BTC', 3), 1);
    sink.end();
    await pipeline.finish();
    await pipeline.settled();
    expect(ids(batches)).toEqual(['1', '3']);
    expect(missing).toEqual([['KRW-BTC', 2, 2]]);
    expect(budget.used).toBe(0);
  });
});

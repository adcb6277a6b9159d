import { upbit } from '../../exchanges/upbit.ts';
import type { SocketHandle } from '../../src/core/connection/pipe.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { cut, Markets } from '../../src/core/market/markets.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import type { Rejected } from '../../src/core/pipeline/chunks.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../src/core/pipeline/stream-pipeline.ts';
import { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import type { Batch, RowJournal, Writer } from '../../src/core/ports.ts';
import { bothBy } from '../../src/core/writer-forms.ts';
import { ManualClock } from './manual-clock.ts';

/** A frame of Upbit. */
export function tradeFrame(code: string, id: number | string): string {
  return (
    `{"type":"trade","code":"${code}","trade_timestamp":1788335180377,"trade_price":5,"trade_volume":2,` +
    `"ask_bid":"BID","sequential_id":${id},"stream_type":"REALTIME"}`
  );
}

export function tickerFrame(code: string, price: number, atMs = 1788335180377): string {
  return `{"type":"ticker","code":"${code}","timestamp":${atMs},"trade_price":${price}}`;
}

export interface Rig {
  readonly clock: ManualClock;
  readonly pipeline: StreamPipeline;
  readonly batches: Batch[];
  readonly rejected: Rejected[];
  readonly missing: [string, number, number][];
  readonly stats: StreamStats;
  readonly budget: ByteBudget;
  readonly pressure: boolean[];
  /** @param predecessor id of the socket that it is to replace */
  socket(predecessor?: number): SocketHandle;
  /** The next message does not get to Kafka. */
  refuse(): void;
  /** Keeps acknowledgements back until the call of what it returns. */
  hold(): () => void;
}

/**
 * The pipeline of one stream, on a clock that stands still and with a writer that keeps what it gets.
 * @param remembered of earlier runs of the stream, with their `clock`
 * @param outbox where rows that wait are written down, and whether batches lie on disk alone
 * @param gatherMs how long frames of a busy socket gather
 * @param inTurns whether the types take turns
 */
export function rig(
  type: 'trade' | 'ticker',
  overrides: Partial<Exchange> = {},
  budgetBytes = 1e6,
  remembered = new RememberedIds(),
  clock = new ManualClock(),
  outbox: { readonly journal?: RowJournal; readonly shelves?: () => boolean } = {},
  gatherMs = 0,
  inTurns = false,
): Rig {
  const exchange: Exchange = { ...upbit, ...overrides };
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
  let refuses = false;
  const writer: Writer = {
    journal: outbox.journal,
    ...bothBy((batch) => {
      if (refuses) {
        refuses = false;
        return Promise.reject(new Error('not delivered'));
      }
      batches.push(batch);
      if (outbox.shelves?.()) return Promise.resolve({ at: clock.micros(), bytes: 0, shelved: true });
      const ack = { at: clock.micros(), bytes: 10 };
      return held ? new Promise((resolve) => held?.push(() => resolve(ack))) : Promise.resolve(ack);
    }),
  };
  const pipeline = new StreamPipeline({
    exchange,
    type,
    limits: { windowMs: 100, maxRows: 500, maxBytes: 262_144, gatherMs, inTurns },
    clock,
    grid: new Grid(clock, 50, (error) => {
      throw error;
    }),
    remembered,
    writer,
    account: budget.open('trade', (stop) => pressure.push(stop)),
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
    socket: (predecessor) => ({
      id: sockets++,
      session: exchange.session(type, markets),
      predecessor: predecessor ?? null,
      control() {},
      data() {},
    }),
    refuse() {
      refuses = true;
    },
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

export function ids(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ rows }) => rows.map((row) => (row.kind === 'trade' ? row.trade_id : '')));
}

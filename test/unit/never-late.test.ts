import { describe, expect, test } from 'bun:test';
import { market } from '../../src/core/market/market.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import { type BatchLimits, batch, gridMs } from '../../src/core/pipeline/batch.ts';
import type { LaneChunk } from '../../src/core/pipeline/chunks.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { Lane } from '../../src/core/pipeline/lane.ts';
import type { LaneBatch } from '../../src/core/pipeline/lane-batch.ts';
import { SeenIds } from '../../src/core/pipeline/seen-ids.ts';
import { seeded } from './connection-parts.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { rig, tradeFrame } from './pipeline-parts.ts';

const WINDOW_MS = 100;
const TICK_MS = 50;
const CODES = 24;
const SEEDS = Array.from({ length: 30 }, (_, seed) => seed + 1);

/** Rows that were pushed and are not written yet: of each code the ids in their order, with the time awake. */
class Ledger {
  readonly #waiting = new Map<string, { readonly id: number; readonly at: number }[]>();
  readonly #ids = new Map<string, number>();
  worst = 0;

  /** @returns the id of the new row */
  push(code: string, at: number): number {
    const id = (this.#ids.get(code) ?? 0) + 1;
    this.#ids.set(code, id);
    const waiting = this.#waiting.get(code) ?? [];
    waiting.push({ id, at });
    this.#waiting.set(code, waiting);
    return id;
  }

  written(code: string, id: number, at: number): void {
    const first = this.#waiting.get(code)?.shift();
    expect([code, first?.id]).toEqual([code, id]);
    this.worst = Math.max(this.worst, at - (first?.at ?? 0));
  }

  /** How long the oldest that waits has done so. */
  oldest(at: number): number {
    let oldest = 0;
    for (const [first] of this.#waiting.values()) oldest = Math.max(oldest, at - (first?.at ?? at));
    return oldest;
  }

  get left(): number {
    return [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
  }
}

/**
 * How long frames of a busy socket gather, ms, and whether the types take turns: the first frame is read at once and the others by
 * the next tick of their stream.
 */
const GATHERING = [
  [0, false],
  [10, false],
  [0, true],
  [WINDOW_MS, true],
] as const;

test.each(SEEDS.flatMap((seed) => GATHERING.map((gathering) => [seed, ...gathering] as const)))(
  'whenever the process stands still, no row waits longer than its window and a tick beside (%p, frames gather for %p ms, in turns: %p)',
  async (seed, gatherMs, inTurns) => {
    const random = seeded(seed);
    const { clock, pipeline, socket, batches } = rig(
      ...(['trade', {}, 1e6, undefined, undefined, {}, gatherMs, inTurns] as const),
    );
    const sink = pipeline.attach(socket());
    const ledger = new Ledger();
    let stood = 0;
    let read = 0;
    const awake = () => clock.now() - stood;
    const look = () => {
      for (; read < batches.length; read++)
        for (const row of batches[read]?.rows ?? [])
          ledger.written(row.market.code, Number((row as Trade).trade_id), awake());
      // What is due is found at a tick, which the stall itself made late.
      expect(ledger.oldest(awake())).toBeLessThanOrEqual(WINDOW_MS + TICK_MS);
    };
    for (let step = 0; step < 400; step++) {
      // What arrived while the process stood still is often read before the late timers run.
      const ms = random() < 0.3 ? (random() < 0.5 ? 20 + random() * 30 : random() * 500) : 0;
      clock.jump(ms);
      stood += ms;
      for (let n = Math.floor(random() * 4); n > 0; n--) {
        const code = `KRW-C${Math.floor(random() ** 3 * CODES)}`;
        sink.push(tradeFrame(code, ledger.push(code, awake())), clock.micros());
      }
      await settle();
      await clock.advance(ms > 0 ? 0 : random() * 25);
      look();
    }
    await clock.advance(WINDOW_MS + TICK_MS);
    look();
    expect(ledger.left).toBe(0);
    expect(pipeline.waitedMs()).toBe(0);
  },
);

const LIMITS: BatchLimits = { windowMs: WINDOW_MS, maxRows: 40, maxBytes: 1e6 };
const STREAM = { exchange: 'upbit', region: 'korea', requestType: 'trade' } as const;
const PARTS = { limits: LIMITS, stream: STREAM, taken() {}, batched() {} };

/** The stage alone, with somebody behind it who does not always take what it has. */
function stage(turn: number | null = null) {
  const clock = new ManualClock();
  const faults: unknown[] = [];
  const grid = new Grid(clock, gridMs(LIMITS), (error) => faults.push(error));
  const taken: LaneBatch[] = [];
  const { readable, writable } = batch({ ...PARTS, grid, turn });
  const reader = readable.getReader();
  const writer = writable.getWriter();
  let open = true;
  let go = () => {};
  void (async () => {
    for (;;) {
      if (!open) await new Promise<void>((resolve) => (go = resolve));
      const { done, value } = await reader.read();
      if (done) return;
      taken.push(...value);
      for (const { lane } of value) lane.underWay--;
    }
  })();
  return {
    clock,
    grid,
    faults,
    taken,
    write: (chunk: LaneChunk) => void writer.write(chunk),
    shut() {
      open = false;
    },
    reopen() {
      open = true;
      go();
    },
  };
}

describe('the stage of batches', () => {
  const lanes = Array.from(
    { length: CODES },
    (_, n) => new Lane(market(`C${n}`, `C${n}`, 'KRW'), new SeenIds(), false),
  );

  test('behind acknowledgements that take longer than the window, rows gather and wait for three of them at most', async () => {
    const ROUND_TRIP_MS = 250;
    const clock = new ManualClock();
    const grid = new Grid(clock, gridMs(LIMITS), (error) => {
      throw error;
    });
    const lane = new Lane(market('SLOW', 'SLOW', 'KRW'), new SeenIds(), false);
    const waiting: LaneBatch[] = [];
    let longest = 0;
    let acknowledged = 0;
    // A key has one message under way.
    const send = () => {
      const [first] = waiting;
      if (!first) return;
      clock.after(ROUND_TRIP_MS, () => {
        longest = Math.max(longest, clock.now() - first.arrival.ms);
        acknowledged += first.rows.length;
        waiting.shift();
        lane.underWay--;
        send();
      });
    };
    const { readable, writable } = batch({ ...PARTS, limits: { ...LIMITS, maxRows: 500 }, grid });
    const writer = writable.getWriter();
    const written = readable.pipeTo(
      new WritableStream({
        write(batches) {
          for (const one of batches) if (waiting.push(one) === 1) send();
        },
      }),
    );
    for (let id = 1; id <= 3000; id++) {
      const row = { kind: 'trade', market: lane.market, trade_id: String(id) } as Trade;
      void writer.write({
        rows: [row],
        lanes: [lane],
        arrival: { at: clock.micros(), ms: clock.now(), number: 0 },
      });
      await clock.advance(10);
    }
    void writer.close();
    await clock.advance(4 * ROUND_TRIP_MS);
    await written;
    expect(acknowledged).toBe(3000);
    expect(longest).toBeLessThanOrEqual(WINDOW_MS + TICK_MS + 3 * ROUND_TRIP_MS);
  });

  test.each(SEEDS)(
    'loses, delays and disorders nothing while what is behind it is full (%p)',
    async (seed) => {
      const random = seeded(seed);
      const { clock, taken, write, shut, reopen } = stage([null, 0, 1][seed % 3]);
      const ledger = new Ledger();
      let stood = 0;
      const awake = () => clock.now() - stood;
      let read = 0;
      const look = () => {
        for (; read < taken.length; read++)
          for (const row of taken[read]?.rows ?? [])
            ledger.written(row.market.code, Number((row as Trade).trade_id), awake());
        expect(ledger.oldest(awake())).toBeLessThanOrEqual(WINDOW_MS + TICK_MS);
      };
      for (let step = 0; step < 200; step++) {
        const ms = random() < 0.2 ? random() * 300 : 0;
        clock.jump(ms);
        stood += ms;
        const rows: Trade[] = [];
        const beside: Lane[] = [];
        for (let n = Math.floor(random() * 30); n >= 0; n--) {
          const lane = lanes[Math.floor(random() ** 3 * CODES)] as Lane;
          const trade_id = String(ledger.push(lane.market.code, awake()));
          rows.push({ kind: 'trade', market: lane.market, trade_id } as Trade);
          beside.push(lane);
        }
        write({ rows, lanes: beside, arrival: { at: clock.micros(), ms: clock.now(), number: 0 } });
        await settle();
        if (random() < 0.1) {
          // For long enough that the queue behind it fills.
          const before = clock.now();
          shut();
          await clock.advance(200 + random() * 2000);
          reopen();
          stood += clock.now() - before;
          await settle();
        } else await clock.advance(ms > 0 ? 0 : random() * 40);
        look();
      }
      await clock.advance(WINDOW_MS + TICK_MS);
      look();
      expect(ledger.left).toBe(0);
    },
  );

  test('hands over the codes of one tick together', async () => {
    const { clock, taken, write } = stage();
    await clock.advance(3);
    for (const lane of lanes) {
      write({
        rows: [{ kind: 'trade', market: lane.market, trade_id: '1' } as Trade],
        lanes: [lane],
        arrival: { at: clock.micros(), ms: clock.now(), number: 0 },
      });
      await clock.advance(2);
    }
    await clock.advance(96 - 2 * CODES);
    expect(taken).toHaveLength(0);
    await clock.advance(2);
    expect(taken).toHaveLength(CODES);
  });

  test.each([0, 1])('writes all rows at the tick whose turn it is, once a window (%p)', async (turn) => {
    const { clock, taken, write } = stage(turn);
    const written: number[] = [];
    await clock.advance(5);
    for (let ms = 0; ms < 1_000; ms += 10) {
      const before = taken.length;
      for (const lane of lanes)
        write({
          rows: [{ kind: 'trade', market: lane.market, trade_id: '1' } as Trade],
          lanes: [lane],
          arrival: { at: clock.micros(), ms: clock.now(), number: 0 },
        });
      await clock.advance(10);
      if (taken.length > before) written.push(clock.now() - 5);
      expect((taken.length - before) % CODES).toBe(0);
    }
    expect(written).toEqual(
      Array.from({ length: 10 }, (_, n) => n * 100 + (turn === 1 ? 50 : 100)).slice(0, 10),
    );
  });
});

describe('the grid', () => {
  function grid() {
    const clock = new ManualClock();
    const faults: unknown[] = [];
    return { clock, faults, grid: new Grid(clock, TICK_MS, (error) => faults.push(error)) };
  }

  test('asks all members at the same multiples of its interval, whenever they came', async () => {
    const made = grid();
    const ticks: [string, number][] = [];
    await made.clock.advance(30);
    made.grid.join((now) => ticks.push(['first', now]));
    await made.clock.advance(45);
    made.grid.join((now) => ticks.push(['second', now]));
    await made.clock.advance(50);
    expect(ticks).toEqual([
      ['first', 50],
      ['first', 100],
      ['second', 100],
    ]);
  });

  test('a member that fails is told of, and neither it nor the others miss the next tick', async () => {
    const { clock, faults, grid: made } = grid();
    const asked: string[] = [];
    made.join(() => {
      asked.push('broken');
      throw new Error('boom');
    });
    made.join(() => asked.push('sound'));
    await clock.advance(2 * TICK_MS);
    expect(asked).toEqual(['broken', 'sound', 'broken', 'sound']);
    expect(faults).toHaveLength(2);
  });

  test('a late turn is one tick, and the next comes in its time', async () => {
    const { clock, grid: made } = grid();
    const ticks: number[] = [];
    made.join((now) => ticks.push(now));
    clock.jump(330);
    await clock.advance(70);
    expect(ticks).toEqual([330, 350, 400]);
  });

  test('stands still without members', async () => {
    const { clock, grid: made } = grid();
    const leave = [made.join(() => {}), made.join(() => {})];
    expect(clock.pending).toBe(1);
    leave[0]?.();
    expect(clock.pending).toBe(1);
    leave[1]?.();
    expect(clock.pending).toBe(0);
  });
});

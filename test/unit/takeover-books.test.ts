import { describe, expect, test } from 'bun:test';
import { openSession } from '../../src/core/books/open-session.ts';
import type { ControlEvent, SocketHandle } from '../../src/core/connection/pipe.ts';
import type { BookStart, Orderbooks } from '../../src/core/exchange.ts';
import { plainLevels } from '../../src/core/market/levels.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type { Orderbook } from '../../src/core/market/rows.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../src/core/pipeline/stream-pipeline.ts';
import { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import { bothBy } from '../../src/core/writer-forms.ts';
import { bookExchange } from './book-parts.ts';
import { seeded } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

/** The pipeline of order books of one exchange; sockets are attached by hand. */
function rig(start: BookStart, keyframeMs = 60_000, rules: Partial<Orderbooks> = {}) {
  const clock = new ManualClock();
  const exchange = bookExchange(start, rules);
  const rows: Orderbook[] = [];
  const stats = new StreamStats();
  const pipeline = new StreamPipeline({
    exchange,
    type: 'orderbook',
    limits: { windowMs: 100, maxRows: 500, maxBytes: 262_144 },
    clock,
    grid: new Grid(clock, 50, (error) => {
      throw error;
    }),
    remembered: new RememberedIds(),
    writer: bothBy((batch) => {
      rows.push(...(batch.rows as Orderbook[]));
      return Promise.resolve({ at: clock.micros(), bytes: 10 });
    }),
    account: new ByteBudget(1e9).open('orderbook', () => {}),
    stats,
    onRejected: ({ reason }) => {
      throw new Error(reason);
    },
    onMissing: () => {},
    stamp: () => ({ correlationId: null, fence: null }),
  });
  let sockets = 0;
  const attach = (before: SocketHandle | null) => {
    const control: ControlEvent[] = [];
    const session = openSession(exchange, 'orderbook', new Markets(() => null), {
      keyframeMs,
      before: before?.session ?? null,
    });
    const handle: SocketHandle = {
      id: sockets++,
      session,
      predecessor: before?.id ?? null,
      control: (event) => void control.push(event),
      data() {},
    };
    const sink = pipeline.attach(handle);
    return {
      handle,
      control,
      push: (frame: object) => sink.push(JSON.stringify(frame), clock.micros()),
      end: () => sink.end(),
    };
  };
  const settle = async (ms = 200): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    await clock.advance(ms);
    for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { clock, pipeline, rows, stats, attach, settle };
}

/** A market whose book is bids 1…9 and asks 11…19, of which each change sets one. */
class Truth {
  sequence = 100;
  readonly bids = new Map<number, number>([[5, 1]]);
  readonly asks = new Map<number, number>([[15, 1]]);
  readonly states = new Map<number, string>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
    this.states.set(this.sequence, this.spell());
  }

  spell(): string {
    return JSON.stringify([
      [...this.bids].sort(([a], [b]) => b - a),
      [...this.asks].sort(([a], [b]) => a - b),
    ]);
  }

  change(): object {
    const pick = (most: number) => Math.floor(this.#random() * most);
    const side = this.#random() < 0.5 ? 'bids' : 'asks';
    const level: [number, number] = [1 + pick(9) + (side === 'asks' ? 10 : 0), pick(4)];
    if (level[1] === 0) this[side].delete(level[0]);
    else this[side].set(...level);
    const prev = this.sequence;
    this.sequence += 1 + pick(3);
    this.states.set(this.sequence, this.spell());
    return { book: 'A', [side]: [level], seq: this.sequence, prev };
  }

  whole(): object {
    return { book: 'A', whole: true, bids: [...this.bids], asks: [...this.asks], seq: this.sequence };
  }
}

/** The reader's rule. @throws Error where a row shows a hole */
class Reader {
  #bids = new Map<number, number>();
  #asks = new Map<number, number>();
  sequence: number | null = null;
  #any = false;

  take({ type, bids, asks, sequence, prev_sequence: follows }: Orderbook): void {
    if (type === 'SNAPSHOT') {
      this.#bids = new Map();
      this.#asks = new Map();
      this.#any = true;
    } else {
      if (!this.#any) throw new Error('a change before a book');
      const at = this.sequence;
      if (follows !== null && at !== null && sequence !== null && follows !== at) {
        if (sequence <= at) return;
        if (follows > at) throw new Error(`a hole: ${at} … ${follows}`);
      } else if (follows === null && sequence !== null && at !== null && sequence <= at) return;
    }
    for (const [levels, side] of [
      [bids, this.#bids],
      [asks, this.#asks],
    ] as const)
      for (const { price, size } of plainLevels(levels))
        size === 0 ? side.delete(price) : side.set(price, size);
    this.sequence = sequence ?? this.sequence;
  }

  spell(): string {
    return JSON.stringify([
      [...this.#bids].sort(([a], [b]) => b - a),
      [...this.#asks].sort(([a], [b]) => a - b),
    ]);
  }
}

const unnumbered = (frame: object): object => ({ ...frame, seq: null, prev: null });
/** As an exchange does that numbers the frames of a socket. */
const counted = (frame: object, seq: number): object => ({ ...frame, seq, prev: null });
const SEEDS = Array.from({ length: 40 }, (_, at) => at + 1);

describe.each(['linked', 'unnumbered', 'counted', 'whole'] as const)(
  '%s books, two sockets while one takes over',
  (way) => {
    test.each(SEEDS)(
      'a reader has the book of the exchange at every row and at the end (%p)',
      async (seed) => {
        const random = seeded(seed);
        const truth = new Truth(random);
        const spelling = way === 'unnumbered' ? unnumbered : (frame: object) => frame;
        const made = rig(way === 'whole' ? 'whole' : 'sent');
        const old = made.attach(null);
        const queues: {
          to: ReturnType<typeof made.attach>;
          frames: object[];
          ended: boolean;
          count: number;
        }[] = [{ to: old, frames: [spelling(truth.whole())], ended: false, count: 0 }];
        const states: string[] = [truth.spell()];
        const push = (queue: (typeof queues)[number]): void => {
          const frame = queue.frames.shift() ?? {};
          queue.to.push(way === 'counted' ? counted(frame, ++queue.count) : frame);
        };
        const begin = 5 + Math.floor(random() * 20);
        const end = begin + Math.floor(random() * 20);
        /** The successor may end first, or the old socket be cut with frames on their way. */
        const fails = random() < 0.2;
        for (let n = 0; n < 80; n++) {
          if (n === begin)
            queues.push({
              to: made.attach(old.handle),
              frames: [spelling(truth.whole())],
              ended: false,
              count: 0,
            });
          const change = truth.change();
          const frame = spelling(way === 'whole' ? truth.whole() : change);
          states.push(truth.spell());
          const leaver = queues[fails ? 1 : 0];
          if (n === end && leaver) leaver.ended = true;
          for (const queue of queues) if (!queue.ended) queue.frames.push(frame);
          // Each way is slow by its own chance, and now and then all of it arrives.
          for (const queue of queues) {
            while (queue.frames.length > 0 && random() < 0.6) push(queue);
            if (queue.ended && queue.frames.length === 0) queue.to.end();
          }
          if (random() < 0.3) await made.settle(random() * 300);
          made.clock.step(0);
          await made.clock.advance(1);
        }
        for (const queue of queues) while (queue.frames.length > 0) push(queue);
        await made.settle(5000);
        const reader = new Reader();
        for (const row of made.rows) {
          reader.take(row);
          // What readers have is a state that the exchange had.
          expect(
            way === 'linked' ? truth.states.get(reader.sequence ?? 0) : states.includes(reader.spell()),
          ).toEqual(way === 'linked' ? reader.spell() : true);
        }
        expect(reader.spell()).toBe(truth.spell());
        const { rows, repeats, acked } = made.stats;
        expect(rows).toBe(repeats + acked);
        if (way === 'linked' && !fails) {
          const changes = made.rows.filter(({ type }) => type === 'DELTA').map(({ sequence }) => sequence);
          expect(new Set(changes).size).toBe(changes.length);
          // One more where the old socket was silent, or ended, before it had come as far as the successor began.
          expect(made.rows.filter(({ type }) => type === 'SNAPSHOT').length).toBeLessThanOrEqual(2);
          expect(made.rows.filter(({ stream_type }) => stream_type === 'KEYFRAME')).toEqual([]);
        }
      },
    );
  },
);

const A = { book: 'A', whole: true, bids: [[5, 1]], asks: [[15, 1]], seq: 100 };
const changeTo = (seq: number, prev = seq - 1) => ({ book: 'A', bids: [[Math.abs(seq - 95), 1]], seq, prev });
const words = (rows: readonly Orderbook[]) =>
  rows.map(
    ({ type, stream_type, sequence }) => `${stream_type === 'KEYFRAME' ? 'K' : type[0]}${sequence ?? ''}`,
  );

describe('a takeover of books', () => {
  test('without numbers begins with the successor’s own book, and nothing of the old socket follows', async () => {
    const { rows, attach, settle } = rig('sent');
    const old = attach(null);
    old.push(unnumbered(A));
    await settle();
    const young = attach(old.handle);
    young.push({ ...unnumbered(A), bids: [[7, 1]] });
    await settle();
    old.push(unnumbered(changeTo(104)));
    young.push(unnumbered(changeTo(103)));
    await settle();
    expect(rows.map(({ type, bids }) => [type, ...bids])).toEqual([
      ['SNAPSHOT', 5, 1],
      ['SNAPSHOT', 7, 1],
      ['DELTA', 8, 1],
    ]);
  });

  test('whose successor ends first: the old socket begins with a whole book of its own', async () => {
    const { rows, attach, settle } = rig('sent');
    const old = attach(null);
    old.push(unnumbered(A));
    await settle();
    const young = attach(old.handle);
    young.push(unnumbered(A));
    await settle();
    young.end();
    await settle();
    old.push(unnumbered(changeTo(103)));
    await settle();
    old.push(unnumbered(changeTo(104)));
    await settle();
    expect(words(rows)).toEqual(['S', 'S', 'K', 'D']);
    expect([...(rows[2]?.bids ?? [])]).toEqual([8, 1, 5, 1]);
  });

  test('of numbered books: what the old socket lost the successor has, once and in order', async () => {
    const { rows, attach, settle } = rig('sent');
    const old = attach(null);
    old.push(A);
    old.push(changeTo(101));
    const young = attach(old.handle);
    young.push({ ...A, seq: 101 });
    for (const seq of [102, 103, 104]) young.push(changeTo(seq));
    old.push(changeTo(102));
    await settle();
    expect(words(rows)).toEqual(['S100', 'D101', 'D102']);
    old.end();
    await settle();
    young.push(changeTo(105));
    await settle();
    expect(words(rows)).toEqual(['S100', 'D101', 'D102', 'D103', 'D104', 'D105']);
  });

  test('where the old socket falls silent on a code, the successor goes on with it alone', async () => {
    const { rows, attach, settle } = rig('sent');
    const old = attach(null);
    old.push(A);
    old.push(changeTo(101));
    await settle();
    const young = attach(old.handle);
    young.push({ ...A, seq: 101 });
    young.push(changeTo(102));
    await settle();
    expect(words(rows)).toEqual(['S100', 'D101']);
    for (let n = 0; n < 30; n++) await settle(100);
    expect(words(rows)).toEqual(['S100', 'D101', 'D102']);
  });

  test('where the numbers were set back: a whole book of the successor, out of our own hand or asked for', async () => {
    for (const keyframeMs of [60_000, 0]) {
      const { rows, attach, settle } = rig('sent', keyframeMs);
      const old = attach(null);
      old.push(A);
      old.push(changeTo(101));
      await settle();
      const young = attach(old.handle);
      young.push({ ...A, seq: 7 });
      await settle();
      old.end();
      await settle();
      for (let n = 0; n < 20; n++) await settle(100);
      young.push(changeTo(8));
      await settle();
      young.push(changeTo(9));
      await settle();
      const asked = young.control.filter((event) => event.kind === 'book' && !event.whole);
      expect([words(rows), asked.length > 0]).toEqual(
        keyframeMs > 0 ? [['S100', 'D101', 'K8', 'D9'], false] : [['S100', 'D101'], true],
      );
    }
  });

  test('of books over REST takes the old socket’s book: nothing is fetched, no row is missing or doubled', async () => {
    for (const busy of [true, false]) {
      const { clock, rows, attach, settle } = rig('fetched');
      const old = attach(null);
      old.push(A);
      await settle();
      const young = attach(old.handle);
      const market = rows[0]?.market;
      if (!market) throw new Error('no row');
      expect(young.handle.session.books?.inherit(market, clock.micros())).toBe(true);
      if (busy) {
        for (const seq of [101, 102, 103]) young.push(changeTo(seq));
        await settle();
        expect(young.control.filter(({ kind }) => kind === 'book')).toEqual([
          { kind: 'book', symbol: 'A', whole: true },
        ]);
        for (const seq of [101, 102]) old.push(changeTo(seq));
      } else for (let n = 0; n < 40; n++) await settle(100);
      expect(young.control.filter(({ kind }) => kind === 'book')).toEqual([
        { kind: 'book', symbol: 'A', whole: true },
      ]);
      await settle();
      old.end();
      await settle();
      const from = busy ? 104 : 101;
      young.push(changeTo(from));
      await settle();
      expect(words(rows)).toEqual(busy ? ['S100', 'D101', 'D102', 'D103', 'D104'] : ['S100', 'D101']);
      expect(young.handle.session.books?.of('A')?.levels?.bids.count).toBe(busy ? 5 : 2);
    }
  });
});

import type { Clock } from '../../common/clock.ts';
import type { FrameSink, SocketHandle } from '../connection/pipe.ts';
import type { Exchange } from '../exchange.ts';
import type { Market, Micros, RequestType } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { Batch, Writer } from '../ports.ts';
import { type BatchLimits, batch, isGathered, turnOf } from './batch.ts';
import type { Account } from './budget.ts';
import { type Incoming, type OnRejected, TICK } from './chunks.ts';
import { decode } from './decode.ts';
import { frameSource } from './frames.ts';
import type { Grid } from './grid.ts';
import { HoleReport, type OnMissing } from './hole-report.ts';
import type { Lane } from './lane.ts';
import type { LaneBatch } from './lane-batch.ts';
import { Lanes } from './lanes.ts';
import { merge } from './merge.ts';
import type { MinuteStats } from './minute-stats.ts';
import { type ChunkDone, normalise } from './normalise.ts';
import type { RememberedIds } from './remembered-ids.ts';
import { RowNotes } from './row-notes.ts';
import type { StreamStats } from './stream-stats.ts';
import { Takeovers } from './takeovers.ts';
import { type Arrival, type ChunkArrival, older, Transit } from './transit.ts';
import { costOf, MESSAGE_COST, rowCost } from './weights.ts';
import { write } from './write.ts';

export interface PipelineOptions {
  readonly exchange: Exchange;
  readonly type: RequestType;
  readonly limits: BatchLimits;
  readonly clock: Clock;
  /** The tick of all streams. */
  readonly grid: Grid;
  /** Of this stream, over all of its runs. */
  readonly remembered: RememberedIds;
  readonly writer: Writer;
  readonly account: Account;
  readonly stats: StreamStats;
  readonly onRejected: OnRejected;
  readonly onMissing: OnMissing;
  /** What a message of this code carries beside its rows. */
  stamp(market: Market): Pick<Batch, 'correlationId' | 'fence'>;
}

/** A socket whose frames may still be on their way. */
interface Attached {
  readonly id: number;
  readonly shard: number;
  /** Resolves when all of them have passed. */
  readonly piped: Promise<void>;
  /** Makes it bring a whole order book of this market. */
  begin(market: Market): void;
  look(at: Micros): void;
  handOver(until: number): boolean;
}

/** The longest time between two ticks that counts as passed, in ticks: what is more, the process stood still. */
const LONGEST_TICK = 2;

/**
 * The way of the data of one stream. Per socket: frames → decode → normalise; for all of its sockets together:
 * merge → batch → write. At every tick of the grid it is looked for what was left behind on the way.
 */
export class StreamPipeline {
  readonly lanes: Lanes;
  readonly #options: PipelineOptions;
  readonly #takeovers: Takeovers;
  readonly #holes: HoleReport;
  readonly #merged: WritableStreamDefaultWriter<Incoming>;
  readonly #sockets = new Set<Attached>();
  readonly #written: Promise<void>;
  readonly #sink: ReturnType<typeof write>;
  /** Frames and rows between their arrival and their lanes; batches until they are settled. */
  readonly #arriving = new Transit();
  readonly #underWay = new Transit();
  readonly #leaveGrid: () => void;
  readonly #gatherMs: number;
  readonly #turn: number | null;
  #ticking = false;

  constructor(options: PipelineOptions) {
    const { exchange, type, limits, clock, grid, remembered, account, stats, writer } = options;
    this.#options = options;
    this.lanes = new Lanes(type, exchange.tradeIds, remembered);
    const repeated = (row: Row, lane: Lane): void => {
      lane.repeats++;
      stats.repeats++;
      stats.minute(row.received_at).repeats++;
      account.release(rowCost(row));
    };
    this.#takeovers = new Takeovers(repeated);
    this.#holes = new HoleReport(options.onMissing, (lane, hole) => this.#takeovers.hold(lane, hole));
    const stage = merge({
      lanes: this.lanes,
      takeovers: this.#takeovers,
      holes: this.#holes,
      clock,
      longestTickMs: grid.tickMs * LONGEST_TICK,
      stats,
      dropped: repeated,
      astray: ({ market }, id) => {
        for (const one of this.#sockets) if (one.id === id) one.begin(market);
      },
      emptied: ({ arrival }) => this.#arriving.leave(arrival.number),
      released: (rows) => this.#arrive(Math.min(...rows.map(({ received_at }) => received_at))),
    });
    const { id, region } = exchange;
    const stream = { exchange: id, region, requestType: type };
    const notes = writer.journal
      ? new RowNotes(writer.journal, stream, (market) => options.stamp(market))
      : null;
    this.#turn = limits.inTurns ? turnOf(type) : null;
    const batches = batch({
      ...{ limits, grid, stream, notes },
      turn: this.#turn,
      pack: (market) => writer.pack?.(type, market) ?? null,
      taken: ({ arrival }, freed) => {
        this.#arriving.leave(arrival.number);
        account.release(freed);
      },
      batched: (one) => {
        one.number = this.#underWay.enter(one.arrival);
        account.reserve(MESSAGE_COST);
      },
    });
    const stamp = (one: LaneBatch): void => {
      const { correlationId, fence } = options.stamp(one.market);
      one.correlationId = correlationId;
      one.fence = fence;
    };
    const sink = write(writer, stamp, stats, account, this.#underWay, notes);
    this.#merged = stage.writable.getWriter();
    this.#written = stage.readable.pipeThrough(batches).pipeTo(sink);
    this.#sink = sink;
    // Rows are written down as they are read, where they are written down at all.
    this.#gatherMs = notes === null ? (limits.gatherMs ?? 0) : 0;
    const leaveBefore = grid.before((nowMs) => this.#handOver(nowMs));
    const leave = grid.join((nowMs) => this.#tick(nowMs));
    this.#leaveGrid = () => {
      leaveBefore();
      leave();
    };
  }

  /**
   * Connects a socket to the stream.
   * @param shard what `passed` knows it by
   */
  attach(socket: SocketHandle, shard = 0): FrameSink {
    const { exchange, account, clock, stats, onRejected, remembered } = this.#options;
    remembered.opened(socket.id);
    this.#takeovers.begin(socket);
    const { sink, frames, look, handOver } = frameSource(
      socket,
      account,
      stats,
      (at) => this.#arrive(at),
      this.#gatherMs,
    );
    const rejected: OnRejected = (one) => {
      stats.rejected++;
      stats.minute(one.receivedAt).rejected++;
      onRejected(one);
    };
    const done: ChunkDone = ({ arrival, bytes }, parsed, failed, rows) => {
      let minute = stats.minute(arrival.at);
      const minuteOf = (at: Micros): MinuteStats => {
        if (at < minute.start || at >= minute.end) minute = stats.minute(at);
        return minute;
      };
      stats.parsed += parsed;
      minute.parsed += parsed;
      stats.failed += failed;
      minute.failed += failed;
      stats.rows += rows.length;
      // Rows that waited for their book count in the minute of their own frame.
      for (const { received_at } of rows) minuteOf(received_at).rows++;
      account.reserve(costOf(rows) - bytes);
      if (rows.length === 0) this.#arriving.leave(arrival.number);
    };
    const piped = frames
      .pipeThrough(decode(exchange.encoding, rejected))
      .pipeThrough(normalise(rejected, done))
      .pipeTo(
        new WritableStream({
          write: (chunk) => this.#merged.write(chunk),
          close: () => this.#merged.write({ ended: socket }),
        }),
      )
      .finally(() => {
        this.#sockets.delete(attached);
        socket.session.books?.close();
      });
    const begin = (market: Market): void => {
      const at = clock.micros();
      if (socket.session.books?.want(market.symbol)) look(at);
      else socket.control({ kind: 'book', symbol: market.symbol, whole: false, cause: null, since: at });
    };
    const attached: Attached = { id: socket.id, shard, piped, begin, look, handOver };
    this.#sockets.add(attached);
    return sink;
  }

  /** Resolves when all that the sockets of a shard brought has come to its lanes, once they have ended. */
  async passed(shard: number): Promise<void> {
    await Promise.all([...this.#sockets].flatMap((one) => (one.shard === shard ? [one.piped] : [])));
  }

  /** When the oldest row, or frame, arrived that Kafka has not acknowledged; null where there is none. */
  oldest(): Micros | null {
    const at = Math.min(this.#takeovers.oldest(), this.#oldest().at);
    return Number.isFinite(at) ? at : null;
  }

  /** How long the oldest row, or frame, has been waiting that Kafka has not acknowledged, in ms; 0 where there is none. */
  waitedMs(): number {
    const { clock } = this.#options;
    const waits = clock.now() - this.#oldest().ms;
    const held = (clock.micros() - this.#takeovers.oldest()) / 1000;
    return Math.max(0, waits, held);
  }

  /** Id of the youngest socket; −1 before the first. */
  get youngest(): number {
    return this.#options.remembered.youngest;
  }

  /** Codes that are wanted from now on. */
  retain(wanted: (market: Market) => boolean): void {
    this.lanes.retain(wanted, this.#options.clock.now());
  }

  /** Ends the stream once its sockets have: resolves when the writer has every row. */
  async finish(): Promise<void> {
    await Promise.all(Array.from(this.#sockets, ({ piped }) => piped));
    this.#leaveGrid();
    await this.#merged.close();
    await this.#written;
    this.lanes.end(this.#options.clock.now());
  }

  /** Resolves when every row that the writer has is acknowledged, or given up on at the stop of the program. */
  settled(): Promise<void> {
    return this.#sink.settled();
  }

  /** Without the rows that are held back. */
  #oldest(): Arrival {
    let oldest = older(this.#arriving.oldest(), this.#underWay.oldest());
    oldest = older(oldest, this.#options.stats.shelf.oldest());
    for (const { arrival } of this.lanes.all()) oldest = older(oldest, arrival);
    return oldest;
  }

  #arrive(at: Micros): ChunkArrival {
    const arrival = { at, ms: this.#options.clock.now(), number: Number.NaN };
    arrival.number = this.#arriving.enter(arrival);
    return arrival;
  }

  /** What has gathered, so that the tick for which its rows wait finds all that came before it. */
  #handOver(nowMs: number): boolean {
    const { grid, limits } = this.#options;
    // At another's tick, what should have gone with a tick of ours that a stall has swallowed.
    const all = isGathered(this.#turn, nowMs, grid.tickMs);
    const until = all ? Number.POSITIVE_INFINITY : nowMs - limits.windowMs + grid.tickMs / 2;
    let any = false;
    for (const { handOver } of this.#sockets) any = handOver(until) || any;
    return any;
  }

  #tick(nowMs: number): void {
    let oldestSocket = Number.POSITIVE_INFINITY;
    const at = this.#options.clock.micros();
    for (const { id, look } of this.#sockets) {
      look(at);
      oldestSocket = Math.min(oldestSocket, id);
    }
    this.lanes.look(nowMs);
    this.#options.remembered.look(nowMs, oldestSocket);
    if (this.#ticking || !(this.#takeovers.any || this.#holes.waiting)) return;
    this.#ticking = true;
    void this.#merged.write(TICK).finally(() => {
      this.#ticking = false;
    });
  }
}

import type { Clock } from '../../common/clock.ts';
import type { FrameSink, SocketHandle } from '../connection/pipe.ts';
import type { Exchange } from '../exchange.ts';
import type { Market, Micros, RequestType } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { Batch, Writer } from '../ports.ts';
import { type BatchLimits, batch, type LaneBatch } from './batch.ts';
import { type Account, costOf, ROW_COST } from './budget.ts';
import type { OnRejected, RowChunk } from './chunks.ts';
import { decode } from './decode.ts';
import { frameSource } from './frames.ts';
import type { OnMissing } from './hole-report.ts';
import type { Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import { merge } from './merge.ts';
import { type ChunkDone, normalise } from './normalise.ts';
import type { StreamStats } from './stream-stats.ts';
import { Takeovers } from './takeovers.ts';
import { write } from './write.ts';

export interface PipelineOptions {
  readonly exchange: Exchange;
  readonly type: RequestType;
  readonly limits: BatchLimits;
  readonly clock: Clock;
  readonly writer: Writer;
  readonly account: Account;
  readonly stats: StreamStats;
  readonly onRejected: OnRejected;
  readonly onMissing: OnMissing;
  /** What a message of this code carries beside its rows. */
  stamp(market: Market): Pick<Batch, 'correlationId' | 'fence'>;
}

/**
 * The way of the data of one stream. Per socket: frames → decode → normalise; for all of its sockets together:
 * merge → batch → write.
 */
export class StreamPipeline {
  readonly lanes: Lanes;
  readonly #options: PipelineOptions;
  readonly #takeovers: Takeovers;
  readonly #merged: WritableStreamDefaultWriter<RowChunk>;
  readonly #sockets = new Map<Promise<void>, number>();
  readonly #written: Promise<void>;
  readonly #sink: ReturnType<typeof write>;

  constructor(options: PipelineOptions) {
    const { exchange, type, limits, clock, account, stats, writer } = options;
    this.#options = options;
    this.lanes = new Lanes(type, exchange.tradeIds);
    const repeated = (row: Row, lane: Lane): void => {
      lane.repeats++;
      stats.repeats++;
      stats.minute(row.received_at).repeats++;
      account.release(ROW_COST[row.kind]);
    };
    this.#takeovers = new Takeovers(repeated);
    const stage = merge(this.lanes, this.#takeovers, clock, options.onMissing, repeated, stats);
    const sink = write(writer, (one) => this.#envelope(one), stats, account);
    this.#merged = stage.writable.getWriter();
    this.#written = stage.readable.pipeThrough(batch(limits, clock)).pipeTo(sink);
    this.#sink = sink;
  }

  /**
   * Connects a socket to the stream.
   * @param shard what `passed` knows it by
   */
  attach(socket: SocketHandle, shard = 0): FrameSink {
    const { exchange, account, stats, onRejected } = this.#options;
    this.#takeovers.begin(socket);
    const { sink, frames } = frameSource(socket, account, stats);
    const rejected: OnRejected = (one) => {
      stats.rejected++;
      stats.minute(one.receivedAt).rejected++;
      onRejected(one);
    };
    const done: ChunkDone = ({ at, bytes }, parsed, failed, rows) => {
      const minute = stats.minute(at);
      stats.parsed += parsed;
      minute.parsed += parsed;
      stats.failed += failed;
      minute.failed += failed;
      stats.rows += rows.length;
      minute.rows += rows.length;
      account.reserve(costOf(rows) - bytes);
    };
    const piped = frames
      .pipeThrough(decode(exchange.encoding, rejected))
      .pipeThrough(normalise(rejected, done))
      .pipeTo(
        new WritableStream({
          write: (chunk) => this.#merged.write(chunk),
          close: () => this.#merged.write({ socket, rows: [] }),
        }),
      )
      .finally(() => this.#sockets.delete(piped));
    this.#sockets.set(piped, shard);
    return sink;
  }

  /** Resolves when all that the sockets of a shard brought has come to its lanes, once they have ended. */
  async passed(shard: number): Promise<void> {
    await Promise.all([...this.#sockets].flatMap(([piped, of]) => (of === shard ? [piped] : [])));
  }

  /** When the oldest row arrived that Kafka has not acknowledged; null where there is none. */
  oldest(): Micros | null {
    let oldest = Math.min(this.#takeovers.oldest(), this.#sink.oldest() ?? Number.POSITIVE_INFINITY);
    for (const { waiting } of this.lanes.all()) oldest = Math.min(oldest, waiting[0]?.received_at ?? oldest);
    return Number.isFinite(oldest) ? oldest : null;
  }

  /** Ends the stream once its sockets have: resolves when the writer has every row. */
  async finish(): Promise<void> {
    await Promise.all(this.#sockets.keys());
    await this.#merged.close();
    await this.#written;
  }

  /** Resolves when every row that the writer has is acknowledged, or given up on at the stop of the program. */
  settled(): Promise<void> {
    return this.#sink.settled();
  }

  #envelope({ lane, rows }: LaneBatch): Batch {
    const { exchange, type } = this.#options;
    const { correlationId, fence } = this.#options.stamp(lane.market);
    return {
      exchange: exchange.id,
      region: exchange.region,
      requestType: type,
      market: lane.market,
      rows,
      correlationId,
      fence,
    };
  }
}

import type { FrameSink, SocketHandle } from '../connection/pipe.ts';
import type { Micros } from '../market/market.ts';
import type { Account } from './budget.ts';
import type { FrameChunk } from './chunks.ts';
import { MINUTE } from './minute-stats.ts';
import type { StreamStats } from './stream-stats.ts';
import type { ChunkArrival } from './transit.ts';

const MAX_FRAMES = 512;
const MAX_BYTES = 1024 * 1024;

const MICROS_PER_MS = 1000;

/**
 * The mouth of the pipe: what a socket hands over until the event loop's next turn becomes one chunk. A microtask
 * would come after every frame and give chunks of one. On a busy socket what comes within `gatherMs` of the last chunk
 * becomes the next one, as a chunk costs more than the frames in it; whoever waits for the rows calls `handOver` before.
 * @param arrives told of the first frame of each chunk; the arrival that it gives stands for the chunk
 * @param gatherMs no chunk follows another sooner, unless it is full or `handOver` is called; 0: each turn gives one
 * @returns the sink for the socket and the stream it feeds; the stream's queue is bounded by the byte budget alone.
 * `handOver` is for whoever waits for the rows, or looks whether frames were left behind: it leaves those of which the first came
 * after `until`, by the monotonic clock in ms, and returns whether there were others.
 */
export function frameSource(
  socket: SocketHandle,
  account: Account,
  stats: Pick<StreamStats, 'frames' | 'bytes' | 'minute'>,
  arrives: (at: Micros) => ChunkArrival,
  gatherMs = 0,
): {
  sink: FrameSink;
  frames: ReadableStream<FrameChunk>;
  handOver(until?: number): boolean;
  /** Time has passed: what the session has to say without a frame follows those that came before. */
  look(at: Micros): void;
} {
  let controller: ReadableStreamDefaultController<FrameChunk>;
  const frames = new ReadableStream<FrameChunk>({
    start(c) {
      controller = c;
    },
  });

  let pending: (string | Uint8Array)[] = [];
  let times: Micros[] = [];
  let arrival: ChunkArrival | null = null;
  let bytes = 0;
  /** When the minute of the pending frames ends. */
  let minuteEnd = 0;
  let handedOver = 0;
  const gather = gatherMs * MICROS_PER_MS;
  /** When the last frame of the latest chunk came. */
  let handedAt = Number.NEGATIVE_INFINITY;
  let scheduled = false;
  let ended = false;

  function handOver(until = Number.POSITIVE_INFINITY): boolean {
    if (arrival === null || ended || arrival.ms > until) return false;
    const minute = stats.minute(times[0] as Micros);
    minute.frames += pending.length;
    minute.bytes += bytes;
    const lookedAt = times.at(-1) as Micros;
    controller.enqueue({
      socket,
      frames: pending,
      receivedAt: times,
      arrival,
      bytes,
      lookedAt,
      first: handedOver,
    });
    handedOver += pending.length;
    handedAt = lookedAt;
    pending = [];
    times = [];
    arrival = null;
    bytes = 0;
    return true;
  }

  function endTurn(): void {
    scheduled = false;
    handOver();
  }

  /** The wall clock may have gone back. */
  function gathers(at: Micros): boolean {
    return at >= handedAt && at - handedAt < gather;
  }

  function look(at: Micros): void {
    if (ended || !socket.session.due?.(at)) return;
    handOver();
    controller.enqueue({
      socket,
      frames: [],
      receivedAt: [],
      arrival: arrives(at),
      bytes: 0,
      lookedAt: at,
      first: handedOver,
    });
  }

  return {
    frames,
    handOver,
    look,
    sink: {
      push(data, receivedAt) {
        if (ended) return;
        if (receivedAt >= minuteEnd) {
          handOver();
          minuteEnd = receivedAt - (receivedAt % MINUTE) + MINUTE;
        }
        arrival ??= arrives(receivedAt);
        pending.push(data);
        times.push(receivedAt);
        const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
        stats.frames++;
        stats.bytes += size;
        account.reserve(size);
        bytes += size;
        if (pending.length >= MAX_FRAMES || bytes >= MAX_BYTES) handOver();
        else if (!scheduled && !gathers(receivedAt)) {
          scheduled = true;
          setImmediate(endTurn);
        }
      },
      end() {
        if (ended) return;
        handOver();
        ended = true;
        controller.close();
      },
    },
  };
}

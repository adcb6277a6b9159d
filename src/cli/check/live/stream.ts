import type { ExchangeDeps } from '../../../application/streams/stream-parts.ts';
import type { Clock } from '../../../common/clock.ts';
import { connectionSettings } from '../../../config/connection-settings.ts';
import type { Settings } from '../../../config/settings.ts';
import { rewriteAddress } from '../../../core/address.ts';
import { Connection } from '../../../core/connection/connection.ts';
import type { FrameSink, SocketHandle } from '../../../core/connection/pipe.ts';
import { BOOK_CAUSES, type Gap } from '../../../core/events.ts';
import { count, type StreamWatch } from '../../../core/live-check/stream-watch.ts';
import { ByteBudget } from '../../../core/pipeline/budget.ts';
import type { RowChunk, TextChunk } from '../../../core/pipeline/chunks.ts';
import { decode, textOrBytes } from '../../../core/pipeline/decode.ts';
import { frameSource } from '../../../core/pipeline/frames.ts';
import { normalise } from '../../../core/pipeline/normalise.ts';
import { StreamStats } from '../../../core/pipeline/stream-stats.ts';
import { bunSockets } from '../../../infra/websocket/open-socket.ts';

/** Connects one stream, through the stages of live data, to its watch. */
export function connectWatch(
  watch: StreamWatch,
  parts: ExchangeDeps,
  settings: Settings,
  clock: Clock,
): Connection {
  const gaps = new Map<string, Gap>();
  let sockets = 0;
  const { type } = watch;
  const connection = new Connection(
    {
      ...parts,
      type,
      url: rewriteAddress(parts.exchange.endpoint(type, parts.book ?? undefined), parts.url),
      // What is compared is what the exchange sends: no books out of our own hand.
      settings: { ...connectionSettings(settings), keyframeMs: 0 },
      clock,
      openSocket: bunSockets(clock, settings.connection.max_frame_bytes),
      pipe: (socket) => watched(socket, watch, clock),
      nextSocketId: () => ++sockets,
    },
    {
      state() {},
      confirmed() {},
      refused(markets, { kind, reason }) {
        for (const { code } of markets) watch.refused.set(code, `${kind}: ${reason}`);
        if (markets.length === 0) watch.notes.add(reason);
      },
      unanswered() {},
      announced: (reason) => void watch.notes.add(`announced: ${reason}`),
      served: ({ code }) => void watch.refused.delete(code),
      gap(gap) {
        const id = gap.gap_id ?? `${gap.cause} ${gap.from}`;
        if (!gaps.has(id)) tellGap(watch, gap);
        gaps.set(id, gap);
        watch.cuts.splice(0, watch.cuts.length, ...gaps.values());
      },
      silent() {},
      failed: (_, { reason }) => void watch.notes.add(reason),
    },
  );
  connection.update([...watch.codes.values()].map(({ market }) => market));
  connection.start();
  return connection;
}

function tellGap(watch: StreamWatch, { cause, codes }: Gap): void {
  if (!BOOK_CAUSES.some((one) => one === cause)) return;
  for (const code of codes) count(watch.breaks, `${cause} ${code}`);
}

/** Frames → the watch and, as with live data, what keeps the connection going. */
function watched(socket: SocketHandle, watch: StreamWatch, clock: Clock): FrameSink {
  const account = new ByteBudget(Number.POSITIVE_INFINITY).open(watch.type, () => {});
  const counted: SocketHandle = {
    ...{ id: socket.id, session: socket.session, predecessor: socket.predecessor },
    control(event) {
      watch.control++;
      socket.control(event);
    },
    data: (...rows) => socket.data(...rows),
  };
  const { sink, frames } = frameSource(counted, account, new StreamStats(), (at) => ({
    at,
    ms: clock.now(),
    number: 0,
  }));
  const look = new TransformStream<TextChunk, TextChunk>({
    transform(chunk, controller) {
      chunk.texts.forEach((frame, nth) => {
        const text = frame === null ? null : textOrBytes(frame);
        if (typeof text === 'string') watch.text(text, chunk.receivedAt[nth] as number);
      });
      controller.enqueue(chunk);
    },
  });
  const take = new WritableStream<RowChunk>({
    write({ rows }) {
      for (const row of rows) {
        socket.data(row.market, clock.now(), row.stream_type === 'SNAPSHOT' ? 0 : 1, row.timestamp);
        watch.row(row);
      }
    },
  });
  void frames
    .pipeThrough(
      decode(watch.exchange.encoding, ({ reason, frame, receivedAt }) =>
        watch.reject(reason, frame, receivedAt),
      ),
    )
    .pipeThrough(look)
    .pipeThrough(
      normalise(
        ({ reason, frame, receivedAt }) => watch.reject(reason, frame, receivedAt),
        () => {},
      ),
    )
    .pipeTo(take);
  return {
    push(data, receivedAt) {
      watch.frame(data, receivedAt);
      sink.push(data, receivedAt);
    },
    end: () => sink.end(),
  };
}

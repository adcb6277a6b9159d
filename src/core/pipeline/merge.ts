import type { Clock } from '../../common/clock.ts';
import type { SocketHandle } from '../connection/pipe.ts';
import type { Row, Trade } from '../market/rows.ts';
import type { Incoming, LaneChunk, RowChunk } from './chunks.ts';
import type { HoleReport } from './hole-report.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import { later } from './later-trade.ts';
import type { StreamStats } from './stream-stats.ts';
import type { Released } from './takeover.ts';
import type { Takeovers } from './takeovers.ts';
import type { ChunkArrival } from './transit.ts';

export interface MergeParts {
  readonly lanes: Lanes;
  readonly takeovers: Takeovers;
  readonly holes: HoleReport;
  readonly clock: Clock;
  /** The longest time, in ms, that counts as passed between two ticks. */
  readonly longestTickMs: number;
  readonly stats: Pick<StreamStats, 'minute'>;
  /** Told of every row that goes no further. */
  dropped(row: Row, lane: Lane): void;
  /** Told where a change belongs to no book that went on: that socket is to begin with a whole one. */
  astray(lane: Lane, socket: number): void;
  /** Told of each chunk of which no row goes on now. */
  emptied(chunk: RowChunk): void;
  /** Told of rows that go on out of their turn; what it gives stands for them. */
  released(rows: readonly Row[]): ChunkArrival;
}

/**
 * All sockets of a stream → one sequence per code. Trades are deduplicated by id over reconnects, and their ids watched
 * where they are consecutive; what two sockets bring while one takes over from the other is written once. Time passes
 * here by ticks that come the same way as the rows: while the process or the stages behind stand still, a socket that
 * still has something to bring is not taken for silent.
 */
export function merge(parts: MergeParts): TransformStream<Incoming, LaneChunk> {
  const { lanes, takeovers, holes, clock, stats, dropped } = parts;
  const touched: Lane[] = [];
  let passedMs = 0;
  let lastTickMs = clock.now();

  function take(row: Row, lane: Lane, socket: number, out: Going): void {
    const passage = takeovers.any ? takeovers.pass(row, lane, socket, passedMs) : 'on';
    if (passage === 'held') return;
    if (passage === 'repeat' || (row.kind === 'trade' && isRepeat(row, lane))) {
      dropped(row, lane);
      return;
    }
    if (row.kind === 'orderbook') {
      const book = lane.book.pass(row, socket);
      if (book === 'astray') parts.astray(lane, socket);
      if (book !== 'on') return dropped(row, lane);
    } else if (row.kind === 'ticker') {
      lane.lastTicker = row;
      lane.lastPrice = row.close;
    } else {
      lane.lastPrice = row.price;
      lane.lastTrade = later(lane.lastTrade, row);
      if (lane.seams) for (const seam of lane.seams) seam.take(row, socket);
      if (lane.watch?.see(row, passedMs)) holes.opened(lane);
    }
    out.rows.push(row);
    out.lanes.push(lane);
  }

  function count(rows: readonly Row[], socket: SocketHandle): void {
    const nowMs = clock.now();
    const minute = stats.minute(rows[0]?.received_at ?? 0);
    const { books } = socket.session;
    for (const lane of touched) {
      if (books) lane.book.look(socket.id, books.of(lane.market.symbol)?.levels ?? null);
      lane.count(minute);
      if (lane.heardInChunk) socket.data(lane.market, nowMs, lane.liveInChunk, lane.lastEventAt);
      lane.inChunk = 0;
      lane.liveInChunk = 0;
      lane.heardInChunk = false;
    }
    touched.length = 0;
  }

  function chunk({ socket, rows }: RowChunk, out: Going): void {
    for (const row of rows) {
      const lane = lanes.of(row.market);
      if (lane.inChunk++ === 0) touched.push(lane);
      // What comes out of our own hand is no sign of life.
      if (row.stream_type === 'REALTIME') lane.liveInChunk++;
      if (row.stream_type !== 'KEYFRAME') {
        lane.heardInChunk = true;
        lane.lastReceivedAt = row.received_at;
        lane.lastEventAt = row.timestamp;
      }
      take(row, lane, socket.id, out);
    }
    count(rows, socket);
  }

  function takeAll(released: readonly Released[]): LaneChunk | null {
    const out: Going = { rows: [], lanes: [] };
    for (const { row, lane, socket } of released) take(row, lane, socket, out);
    return out.rows.length > 0 ? { ...out, arrival: parts.released(out.rows) } : null;
  }

  function tick(): LaneChunk | null {
    const nowMs = clock.now();
    passedMs += Math.min(nowMs - lastTickMs, parts.longestTickMs);
    lastTickMs = nowMs;
    const out = takeAll(takeovers.overdue(passedMs));
    holes.look(passedMs);
    return out;
  }

  return new TransformStream({
    transform(incoming, controller) {
      if ('rows' in incoming) {
        const out: Going = { rows: [], lanes: [] };
        chunk(incoming, out);
        if (out.rows.length > 0) controller.enqueue({ ...out, arrival: incoming.arrival });
        else parts.emptied(incoming);
        return;
      }
      const out = 'ended' in incoming ? takeAll(takeovers.ended(incoming.ended.id, passedMs)) : tick();
      if (out) controller.enqueue(out);
    },
    flush(controller) {
      const out = takeAll(takeovers.end(passedMs));
      if (out) controller.enqueue(out);
      holes.close();
    },
  });
}

/** Rows that go on, each beside its lane. */
type Going = Omit<LaneChunk, 'arrival'>;

function isRepeat(row: Trade, lane: Lane): boolean {
  if (lane.seen !== null && !lane.seen.add(row.trade_id)) return true;
  if (!lane.had(row)) return false;
  // Of its fills the last may be on its way from REST still: what is left out here was not brought.
  if (!lane.fetched?.has(row.trade_id)) lane.seen?.forget(row.trade_id);
  return true;
}

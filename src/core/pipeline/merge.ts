import type { Clock } from '../../common/clock.ts';
import type { SocketHandle } from '../connection/pipe.ts';
import type { Row } from '../market/rows.ts';
import type { LaneChunk, RowChunk } from './chunks.ts';
import { HoleReport, type OnMissing } from './hole-report.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { StreamStats } from './stream-stats.ts';
import type { Released } from './takeover.ts';
import type { Takeovers } from './takeovers.ts';

/**
 * All sockets of a stream → one sequence per code. Trades are deduplicated by id over reconnects, and their ids watched
 * where they are consecutive; what two sockets bring while one takes over from the other is written once.
 * @param missing told of trades that never came, by their ids
 * @param dropped told of every row that goes no further
 */
export function merge(
  lanes: Lanes,
  takeovers: Takeovers,
  clock: Clock,
  missing: OnMissing,
  dropped: (row: Row, lane: Lane) => void,
  stats: Pick<StreamStats, 'minute'>,
): TransformStream<RowChunk, LaneChunk> {
  const holes = new HoleReport(clock, missing);
  const touched: Lane[] = [];

  function take(row: Row, lane: Lane, socket: number, nowMs: number, out: LaneChunk): void {
    const passage = takeovers.any ? takeovers.pass(row, lane, socket, nowMs) : 'on';
    if (passage === 'held') return;
    if (passage === 'repeat' || (row.kind === 'trade' && lane.seen && !lane.seen.add(row.trade_id))) {
      dropped(row, lane);
      return;
    }
    if (row.kind === 'ticker') {
      lane.lastTicker = row;
      lane.lastPrice = row.close;
    } else {
      lane.lastPrice = row.price;
      if (lane.watch?.see(row, nowMs)) holes.opened(lane);
    }
    out.rows.push(row);
    out.lanes.push(lane);
  }

  function count(rows: readonly Row[], socket: SocketHandle, nowMs: number): void {
    const minute = stats.minute(rows[0]?.received_at ?? 0);
    for (const lane of touched) {
      lane.count(minute);
      socket.data(lane.market, nowMs, lane.liveInChunk, lane.lastEventAt);
      lane.inChunk = 0;
      lane.liveInChunk = 0;
    }
    touched.length = 0;
  }

  function takeAll(released: readonly Released[], nowMs: number, out: LaneChunk): void {
    for (const { row, lane, socket } of released) take(row, lane, socket, nowMs, out);
  }

  return new TransformStream({
    transform({ socket, rows }, controller) {
      const nowMs = clock.now();
      const out: LaneChunk = { rows: [], lanes: [] };
      if (takeovers.any) takeAll(takeovers.overdue(nowMs), nowMs, out);
      for (const row of rows) {
        const lane = lanes.of(row.market);
        if (lane.inChunk++ === 0) touched.push(lane);
        if (row.stream_type !== 'SNAPSHOT') lane.liveInChunk++;
        lane.lastReceivedAt = row.received_at;
        lane.lastEventAt = row.timestamp;
        take(row, lane, socket.id, nowMs, out);
      }
      if (rows.length > 0) count(rows, socket, nowMs);
      else takeAll(takeovers.ended(socket.id, nowMs), nowMs, out);
      if (out.rows.length > 0) controller.enqueue(out);
    },
    flush(controller) {
      const out: LaneChunk = { rows: [], lanes: [] };
      takeAll(takeovers.end(clock.now()), clock.now(), out);
      if (out.rows.length > 0) controller.enqueue(out);
      holes.close();
    },
  });
}

import type { Clock } from '../../common/clock.ts';
import type { SocketHandle } from '../connection/pipe.ts';
import type { Row } from '../market/rows.ts';
import type { LaneChunk, RowChunk } from './chunks.ts';
import { HoleReport, type OnMissing } from './hole-report.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { StreamStats } from './stream-stats.ts';

/**
 * All sockets of a stream → one sequence per code. Trades are deduplicated by id over reconnects and overlapping
 * sockets, and their ids watched where they are consecutive; tickers come from the primary socket, as they have no id
 * to deduplicate by.
 * @param missing told of trades that never came, by their ids
 * @param dropped told of every row that goes no further
 */
export function merge(
  lanes: Lanes,
  clock: Clock,
  missing: OnMissing,
  dropped: (row: Row) => void,
  stats: Pick<StreamStats, 'minute'>,
): TransformStream<RowChunk, LaneChunk> {
  const holes = new HoleReport(clock, missing);
  const touched: Lane[] = [];

  function admit(row: Row, lane: Lane, socket: SocketHandle, nowMs: number): boolean {
    if (row.kind === 'ticker') return admitTicker(row, lane, socket);
    if (lane.seen && !lane.seen.add(row.trade_id)) return false;
    if (lane.watch?.see(row, nowMs)) holes.opened(lane);
    return true;
  }

  return new TransformStream({
    transform({ socket, rows }, controller) {
      const nowMs = clock.now();
      const kept: Row[] = [];
      const keptLanes: Lane[] = [];
      for (const row of rows) {
        const lane = lanes.of(row.market);
        if (lane.inChunk++ === 0) touched.push(lane);
        if (row.stream_type !== 'SNAPSHOT') lane.liveInChunk++;
        lane.lastReceivedAt = row.received_at;
        lane.lastEventAt = row.timestamp;
        if (!admit(row, lane, socket, nowMs)) {
          lane.repeats++;
          dropped(row);
          continue;
        }
        lane.lastPrice = row.kind === 'ticker' ? row.close : row.price;
        kept.push(row);
        keptLanes.push(lane);
      }
      const minute = stats.minute(rows[0]?.received_at ?? 0);
      for (const lane of touched) {
        lane.count(minute);
        socket.data(lane.market, nowMs, lane.liveInChunk, lane.lastEventAt);
        lane.inChunk = 0;
        lane.liveInChunk = 0;
      }
      touched.length = 0;
      if (kept.length > 0) controller.enqueue({ rows: kept, lanes: keptLanes });
    },
    flush() {
      holes.close();
    },
  });
}

/**
 * The primary socket's tickers count. One more does: what the successor brought before it took over, and the old
 * socket only afterwards, would otherwise count on neither. Sockets are numbered in the order of their opening.
 */
function admitTicker(row: Row, lane: Lane, socket: SocketHandle): boolean {
  if (socket.primaryAt(row.received_at)) {
    lane.tickerSocket = socket.id;
  } else if (socket.id > lane.tickerSocket) {
    lane.tickerAheadAt = row.timestamp;
    return false;
  } else if (row.timestamp <= lane.tickerAt || row.timestamp > lane.tickerAheadAt) {
    return false;
  }
  lane.tickerAt = row.timestamp;
  return true;
}

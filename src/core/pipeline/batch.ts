import type { Clock } from '../../common/clock.ts';
import type { Row } from '../market/rows.ts';
import { costOf, ROW_COST } from './budget.ts';
import type { LaneChunk } from './chunks.ts';
import type { Lane } from './lane.ts';
import { TimerWheel } from './timer-wheel.ts';

export interface BatchLimits {
  /** A code's rows wait at most this long, in milliseconds. */
  readonly windowMs: number;
  readonly maxRows: number;
  /** Budget bytes of one code's rows. */
  readonly maxBytes: number;
}

/** The rows of one code, to become one message. */
export interface LaneBatch {
  readonly lane: Lane;
  readonly rows: Row[];
  /** What it weighs in the byte budget. */
  readonly cost: number;
}

const TICK_MS = 10;

/**
 * Rows → batches of one code each, full or due. Deadlines of all codes hang on one timer wheel; what falls due while
 * the next stage is full waits for it, as `enqueue` alone would not.
 */
export function batch(limits: BatchLimits, clock: Clock): TransformStream<LaneChunk, LaneBatch[]> {
  let controller: TransformStreamDefaultController<LaneBatch[]>;
  /** Lanes with waiting rows. */
  const open = new Set<Lane>();
  const wheel = new TimerWheel<Lane>(clock, TICK_MS, limits.windowMs, flushDue);

  function take(lane: Lane): LaneBatch {
    const rows = lane.waiting;
    lane.waiting = [];
    wheel.clear(lane);
    open.delete(lane);
    return { lane, rows, cost: costOf(rows) };
  }

  function flushDue(due: Lane[]): void {
    if ((controller.desiredSize ?? 0) > 0) {
      controller.enqueue(due.map(take));
      return;
    }
    for (const lane of due) wheel.schedule(lane, TICK_MS);
  }

  return new TransformStream<LaneChunk, LaneBatch[]>(
    {
      start(c) {
        controller = c;
      },
      transform({ rows, lanes }) {
        const full: LaneBatch[] = [];
        for (let i = 0; i < rows.length; i++) {
          const row = rows[i] as Row;
          const lane = lanes[i] as Lane;
          const weight = ROW_COST[row.kind];
          lane.waiting.push(row);
          const waiting = lane.waiting.length;
          if (waiting === 1) {
            open.add(lane);
            wheel.schedule(lane, limits.windowMs);
          }
          if (waiting >= limits.maxRows || waiting * weight >= limits.maxBytes) full.push(take(lane));
        }
        if (full.length > 0) controller.enqueue(full);
      },
      flush() {
        wheel.stop();
        if (open.size > 0) controller.enqueue([...open].map(take));
      },
    },
    undefined,
    { highWaterMark: 16 },
  );
}

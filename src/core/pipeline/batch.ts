import type { Market, RequestType } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { PackedRows } from '../ports.ts';
import type { LaneChunk } from './chunks.ts';
import type { Grid } from './grid.ts';
import type { Lane } from './lane.ts';
import { LaneBatch, type StreamName } from './lane-batch.ts';
import { LaneRows } from './lane-rows.ts';
import type { RowNotes } from './row-notes.ts';
import { NEVER, older } from './transit.ts';

export interface BatchLimits {
  /** A code's rows wait at most this long, in milliseconds. */
  readonly windowMs: number;
  readonly maxRows: number;
  /** Bytes of one code's rows as JSON, roughly. */
  readonly maxBytes: number;
  /** Whether the types take turns, see `turnOf`; left out: they do not. */
  readonly inTurns?: boolean;
  /** How long frames of a busy socket gather before they are read, see `gatherMs`; left out: 0. */
  readonly gatherMs?: number;
}

/**
 * Messages of one code that may be under way before its rows gather to full batches: one that the producer has and one
 * behind it. A slow broker, or one that takes a key's messages one after the other, makes them larger, not later.
 */
const MOST_UNDER_WAY = 2;
/** But where rows are written down while they wait, the disk takes what no broker does: then no longer than this, in ms. */
const MOST_GATHERED_MS = 500;
/** Ticks of the grid to a window. */
const TICKS = 2;

/** The interval of the grid that all streams flush on, in ms. */
export function gridMs({ windowMs }: BatchLimits): number {
  return Math.max(1, windowMs / TICKS);
}

/** Shorter gains nothing. */
const SHORTEST_GATHER_MS = 2;
/** Timers are late by a millisecond or two: of shorter ticks a stream misses too many of its own to wait for them. */
const SHORTEST_TURN_MS = 10;

/**
 * How long frames of a busy socket gather, in ms: until the tick for which their rows wait anyway, which takes what came
 * before it.
 */
export function gatherMs(limits: BatchLimits): number {
  const tickMs = gridMs(limits);
  const ms = Math.floor(limits.inTurns && tickMs >= SHORTEST_TURN_MS ? limits.windowMs : tickMs);
  return ms < SHORTEST_GATHER_MS ? 0 : ms;
}

/**
 * The ticks of a window take turns with the types, so that the messages of one topic leave together, once a window, and
 * those of another do not leave at the same time: a broker is sent fewer requests, and none waits behind all others.
 */
export function turnOf(type: RequestType): number {
  return type === 'trade' ? 1 : 0;
}

/** Whether frames may gather until this tick, and not beyond it. */
export function isGathered(turn: number | null, nowMs: number, tickMs: number): boolean {
  return turn === null || tickMs < SHORTEST_TURN_MS || isTurn(turn, nowMs, tickMs);
}

/** Whether all codes are due at this tick of the stream whose turn that is. */
function isTurn(turn: number, nowMs: number, tickMs: number): boolean {
  return Math.floor(nowMs / tickMs) % TICKS === turn;
}

export interface BatchParts {
  readonly limits: BatchLimits;
  readonly grid: Grid;
  /** What all of its batches say of the stream. */
  readonly stream: StreamName;
  /** Told of each chunk once its rows wait here, and how much less they weigh by that. */
  taken(chunk: LaneChunk, freed: number): void;
  /** Told of each batch when it goes on. */
  batched(batch: LaneBatch): void;
  /** The stream's own tick of each window, see `turnOf`; null where it has none. */
  readonly turn?: number | null;
  /** Writes down what waits; null: it is in memory alone. */
  readonly notes?: Pick<RowNotes, 'take'> | null;
  /** What takes the rows of a code until its next message; null: they stay objects. */
  pack?(market: Market): PackedRows | null;
}

/**
 * Rows → batches of one code each, full or due. At the tick that is the stream's own, once a window, all codes are due;
 * at any other those whose oldest row would wait longer than the window until the next. What falls due while the next
 * stage is full waits for a later tick, as `enqueue` alone would not; so do codes of which nothing is acknowledged, as a
 * message costs far more than a row.
 */
export function batch(parts: BatchParts): TransformStream<LaneChunk, LaneBatch[]> {
  const { limits, grid, stream, turn = null, notes = null } = parts;
  let controller: TransformStreamDefaultController<LaneBatch[]>;
  /** Lanes with waiting rows. */
  let open: Lane[] = [];
  const longest = limits.windowMs - grid.tickMs;

  /** The rows that wait there. */
  function waiting(lane: Lane): LaneRows {
    if (lane.waiting) return lane.waiting;
    open.push(lane);
    lane.waiting = new LaneRows(parts.pack?.(lane.market) ?? null);
    return lane.waiting;
  }

  function take(lane: Lane, rows: LaneRows): LaneBatch {
    const one = new LaneBatch(stream, lane, rows);
    if (notes) lane.notes = [];
    lane.underWay++;
    parts.batched(one);
    lane.waiting = null;
    lane.arrival = NEVER;
    return one;
  }

  function flushDue(nowMs: number): void {
    if (open.length === 0 || (controller.desiredSize ?? 0) <= 0) return;
    const own = turn !== null && isTurn(turn, nowMs, grid.tickMs);
    const due = takeWhere((lane) => isDue(lane, nowMs, own));
    if (due.length > 0) controller.enqueue(due);
  }

  function takeWhere(goes: (lane: Lane) => boolean): LaneBatch[] {
    const gone: LaneBatch[] = [];
    const left: Lane[] = [];
    for (const lane of open) {
      if (lane.waiting && goes(lane)) gone.push(take(lane, lane.waiting));
      else left.push(lane);
    }
    open = left;
    return gone;
  }

  function isDue({ arrival, underWay }: Lane, nowMs: number, own: boolean): boolean {
    const age = nowMs - arrival.ms;
    if (underWay >= MOST_UNDER_WAY) return notes !== null && age > MOST_GATHERED_MS;
    return own || age > longest;
  }

  const leave = grid.join(flushDue);

  return new TransformStream<LaneChunk, LaneBatch[]>(
    {
      start(c) {
        controller = c;
      },
      transform(chunk) {
        const { rows, lanes, arrival } = chunk;
        const full: LaneBatch[] = [];
        const note = notes?.take(chunk) ?? null;
        let freed = 0;
        for (let i = 0; i < rows.length; i++) {
          const row = rows[i] as Row;
          const lane = lanes[i] as Lane;
          const waits = waiting(lane);
          freed += waits.add(row);
          if (note && lane.notes.at(-1) !== note) {
            lane.notes.push(note);
            note.open++;
          }
          if (arrival.at < lane.arrival.at || arrival.ms < lane.arrival.ms)
            lane.arrival = older(lane.arrival, arrival);
          if (waits.length >= limits.maxRows || waits.wireBytes >= limits.maxBytes) {
            full.push(take(lane, waits));
            open.splice(open.indexOf(lane), 1);
          }
        }
        parts.taken(chunk, freed);
        if (full.length > 0) controller.enqueue(full);
      },
      flush() {
        leave();
        const left = takeWhere(() => true);
        if (left.length > 0) controller.enqueue(left);
      },
    },
    undefined,
    { highWaterMark: 16 },
  );
}

import type { Market, RequestType } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { PackedRows } from '../ports.ts';
import type { LaneChunk } from './chunks.ts';
import type { Grid } from './grid.ts';
import type { Lane } from './lane.ts';
import { LaneRows } from './lane-rows.ts';
import type { Note, RowNotes } from './row-notes.ts';
import { type Arrival, NEVER, older } from './transit.ts';
import { MESSAGE_COST } from './weights.ts';

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

/** The rows of one code, to become one message. */
export interface LaneBatch {
  readonly lane: Lane;
  readonly rows: LaneRows;
  /** What it weighs in the byte budget. */
  readonly cost: number;
  /** Of its oldest row. */
  readonly arrival: Arrival;
  /** Its number among those that are under way. */
  number: number;
  /** Where its rows were written down while they waited. */
  readonly notes: readonly Note[];
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

/**
 * How long frames of a busy socket gather, in ms: an interval of the grid, as their rows wait for one of its ticks anyway, and each
 * takes what came before it.
 */
export function gatherMs(limits: BatchLimits): number {
  const ms = Math.floor(gridMs(limits));
  return ms < SHORTEST_GATHER_MS ? 0 : ms;
}

/**
 * The ticks of a window take turns with the types, so that the messages of one topic leave together, once a window, and
 * those of another do not leave at the same time: a broker is sent fewer requests, and none waits behind all others.
 */
export function turnOf(type: RequestType): number {
  return type === 'trade' ? 1 : 0;
}

/**
 * Rows → batches of one code each, full or due. At the tick that is the stream's own, once a window, all codes are due;
 * at any other those whose oldest row would wait longer than the window until the next. What falls due while the next
 * stage is full waits for a later tick, as `enqueue` alone would not; so do codes of which nothing is acknowledged, as a
 * message costs far more than a row.
 * @param moved told of each chunk once its rows wait here, and how much less they weigh by that, and of each batch when it goes on
 * @param turn the stream's own tick of each window, see `turnOf`; null where it has none
 * @param notes writes down what waits; null: it is in memory alone
 * @param pack what takes the rows of a code until its next message
 */
export function batch(
  limits: BatchLimits,
  grid: Grid,
  moved: { taken(chunk: LaneChunk, freed: number): void; batched(batch: LaneBatch): void },
  turn: number | null = null,
  notes: Pick<RowNotes, 'take'> | null = null,
  pack: (market: Market) => PackedRows | null = () => null,
): TransformStream<LaneChunk, LaneBatch[]> {
  let controller: TransformStreamDefaultController<LaneBatch[]>;
  /** Lanes with waiting rows. */
  let open: Lane[] = [];
  const waits = limits.windowMs - grid.tickMs;

  function take(lane: Lane): LaneBatch {
    const { arrival } = lane;
    const rows = lane.waiting ?? new LaneRows(null);
    const one = {
      lane,
      rows,
      cost: rows.cost + MESSAGE_COST,
      arrival,
      number: Number.NaN,
      notes: lane.notes,
    };
    if (notes) lane.notes = [];
    lane.underWay++;
    moved.batched(one);
    lane.waiting = null;
    lane.arrival = NEVER;
    return one;
  }

  function flushDue(nowMs: number): void {
    if (open.length === 0 || (controller.desiredSize ?? 0) <= 0) return;
    const own = turn !== null && Math.floor(nowMs / grid.tickMs) % TICKS === turn;
    const due: LaneBatch[] = [];
    const later: Lane[] = [];
    for (const lane of open)
      if (isDue(lane, nowMs, own)) due.push(take(lane));
      else later.push(lane);
    open = later;
    if (due.length > 0) controller.enqueue(due);
  }

  function isDue({ arrival, underWay }: Lane, nowMs: number, own: boolean): boolean {
    const age = nowMs - arrival.ms;
    if (underWay >= MOST_UNDER_WAY) return notes !== null && age > MOST_GATHERED_MS;
    return own || age > waits;
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
          let waiting = lane.waiting;
          if (waiting === null) {
            waiting = new LaneRows(pack(lane.market));
            lane.waiting = waiting;
            open.push(lane);
          }
          freed += waiting.add(row);
          if (note && lane.notes.at(-1) !== note) {
            lane.notes.push(note);
            note.open++;
          }
          if (arrival.at < lane.arrival.at || arrival.ms < lane.arrival.ms)
            lane.arrival = older(lane.arrival, arrival);
          if (waiting.length >= limits.maxRows || waiting.wireBytes >= limits.maxBytes) {
            full.push(take(lane));
            open.splice(open.indexOf(lane), 1);
          }
        }
        moved.taken(chunk, freed);
        if (full.length > 0) controller.enqueue(full);
      },
      flush() {
        leave();
        if (open.length > 0) controller.enqueue(open.map(take));
      },
    },
    undefined,
    { highWaterMark: 16 },
  );
}

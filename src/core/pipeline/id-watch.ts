import { IdRanges } from '../backfill/id-ranges.ts';
import { numberOfId } from '../market/digits.ts';
import type { Micros } from '../market/market.ts';
import type { Trade } from '../market/rows.ts';

/** Ids that never came: both ends inclusive. */
export interface Hole {
  readonly first: number;
  readonly last: number;
  /** Exchange time of the trade before the hole. */
  readonly from: Micros;
  /** When the trade behind the hole arrived. */
  readonly to: Micros;
}

interface OpenHole extends Hole {
  /** When the trade behind it was seen, ms; −∞ where it lost its time of grace to younger ones. */
  seenAt: number;
}

/** This many unknown ids in a row, below the last and each the next of the other, are a new numbering. */
const RENUMBERED_AFTER = 50;
/** Holes in their time of grace at once; more would be an exchange whose ids are not consecutive after all. */
const MAX_HOLES = 64;

/**
 * Watches the ids of one code where the exchange numbers its trades without a gap. A hole is told only after a time
 * of grace, since trades of two overlapping sockets and of snapshots (newest first) come out of order.
 */
export class IdWatch {
  #last = -1;
  #lastAt: Micros = 0;
  /** Every id since this one came, up to the last; before it these did. */
  #since = 0;
  #earlier = new IdRanges();
  #lateLast = -1;
  #lateRun = 0;
  /** Oldest first. */
  #holes: OpenHole[] = [];

  /**
   * @param row a trade that stands for `fills` consecutive ids, which end at its own
   * @param nowMs monotonic
   * @returns true where a hole opened
   */
  see({ trade_id, fills, timestamp, received_at }: Trade, nowMs: number): boolean {
    const id = numberOfId(trade_id);
    // Beyond it two neighbours are one number: nothing can be said about what lies between them.
    if (!Number.isSafeInteger(id)) return false;
    const first = id - fills + 1;
    const next = this.#last + 1;
    if (next === 0) this.#since = first;
    else if (first !== next) {
      if (first < next) {
        this.#earlier.add(first, id);
        if (!this.#fill(first, id)) this.#late(first, id, timestamp);
        return false;
      }
      this.#holes.push({
        first: next,
        last: first - 1,
        from: this.#lastAt,
        to: received_at,
        seenAt: nowMs,
      });
      this.#earlier.add(this.#since, this.#last);
      this.#since = first;
      const crowded = this.#holes.at(-1 - MAX_HOLES);
      if (crowded) crowded.seenAt = Number.NEGATIVE_INFINITY;
    }
    this.#last = id;
    this.#lastAt = timestamp;
    return first > next && next !== 0;
  }

  #late(first: number, id: number, timestamp: Micros): void {
    this.#lateRun = first === this.#lateLast + 1 ? this.#lateRun + 1 : 0;
    this.#lateLast = id;
    if (this.#lateRun < RENUMBERED_AFTER) return;
    this.#last = id;
    this.#lastAt = timestamp;
    this.#lateRun = 0;
    this.#since = first;
    this.#earlier = new IdRanges();
  }

  /** Whether a trade came that stands for this id, as far as that is remembered. */
  came(id: number): boolean {
    return (id >= this.#since && id <= this.#last) || this.#earlier.has(id);
  }

  /** Nobody is to take what came until now as there. */
  forget(): void {
    this.#since = this.#last + 1;
    this.#earlier = new IdRanges();
  }

  /** Whether holes are to be told. */
  get waiting(): boolean {
    return this.#holes.length > 0;
  }

  /**
   * Takes out the holes that have been open for `graceMs`.
   * @param held whether one is about to be filled, so that nothing can be said of it yet
   */
  missing(nowMs: number, graceMs: number, held: (hole: Hole) => boolean = () => false): Hole[] {
    const due: Hole[] = [];
    const stays = (hole: OpenHole): boolean => {
      if (nowMs - hole.seenAt < graceMs || held(hole)) return true;
      due.push(hole);
      return false;
    };
    this.#holes = this.#holes.filter(stays);
    return due;
  }

  #fill(first: number, last: number): boolean {
    const at = this.#holes.findIndex((hole) => hole.first <= last && hole.last >= first);
    const hole = this.#holes[at];
    if (!hole) return false;
    const rest = [
      { ...hole, last: first - 1 },
      { ...hole, first: last + 1 },
    ].filter((part) => part.first <= part.last);
    this.#holes.splice(at, 1, ...rest);
    return true;
  }
}

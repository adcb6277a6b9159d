/** Ids that never came: both ends inclusive. */
export interface Hole {
  readonly first: number;
  readonly last: number;
}

/** This many unknown ids in a row, below the last and each the next of the other, are a new numbering. */
const RENUMBERED_AFTER = 50;
/** Holes open at once; more would be an exchange whose ids are not consecutive after all. */
const MAX_HOLES = 64;

/**
 * Watches the ids of one code where the exchange numbers its trades without a gap. A hole is told only after a time
 * of grace, since trades of two overlapping sockets and of snapshots (newest first) come out of order.
 */
export class IdWatch {
  #last = -1;
  #lateLast = -1;
  #lateRun = 0;
  #holes: { first: number; last: number; seenAt: number }[] = [];

  /**
   * @param id of the trade, exact
   * @param fills consecutive ids it stands for, ending at `id`
   * @param nowMs monotonic
   * @returns true where a hole opened
   */
  see(id: number, fills: number, nowMs: number): boolean {
    const first = id - fills + 1;
    if (this.#last === -1 || first === this.#last + 1) {
      this.#last = id;
      return false;
    }
    if (first > this.#last) {
      this.#holes.push({ first: this.#last + 1, last: first - 1, seenAt: nowMs });
      if (this.#holes.length > MAX_HOLES) this.#holes.shift();
      this.#last = id;
      return true;
    }
    if (!this.#fill(first, id)) this.#late(first, id);
    return false;
  }

  #late(first: number, id: number): void {
    this.#lateRun = first === this.#lateLast + 1 ? this.#lateRun + 1 : 0;
    this.#lateLast = id;
    if (this.#lateRun < RENUMBERED_AFTER) return;
    this.#last = id;
    this.#lateRun = 0;
  }

  /** Whether holes are in their time of grace. */
  get waiting(): boolean {
    return this.#holes.length > 0;
  }

  /** Takes out the holes that have been open for `graceMs`. */
  missing(nowMs: number, graceMs: number): Hole[] {
    const due = this.#holes.filter((hole) => nowMs - hole.seenAt >= graceMs);
    if (due.length > 0) this.#holes = this.#holes.filter((hole) => !due.includes(hole));
    return due.map(({ first, last }) => ({ first, last }));
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

import type { Micros } from '../market/market.ts';

/** Consecutive ids that were not read; both ends inclusive. */
export interface IdHole {
  readonly first: number;
  readonly last: number;
  /** Exchange time of the trade before it, or its receive time where that is earlier. */
  readonly from: Micros;
  /** Receive time of the trade behind it. */
  readonly to: Micros;
}

/** `next`: it follows; `jump`: it follows a hole; `filled`: it was missing; `repeat`: it was read; `before`: older than the first. */
export type Taken = 'next' | 'jump' | 'filled' | 'repeat' | 'before';

/** What is kept of a trade. */
export interface IdRow {
  readonly id: number;
  readonly timestamp: Micros;
  readonly received: Micros;
}

/** Holes of one code that are kept, since a later row may fill them. */
const MAX_HOLES = 10_000;
const MAX_AHEAD = 100_000;
/** So many rows in a row that are newer than the newest and have lower ids are a new numbering. */
const RENUMBERED_AFTER = 50;

/** Which of the consecutive ids of one code were read; its memory is that of its holes. */
export class IdCoverage {
  readonly #settle: (hole: IdHole) => void;
  #low = Number.NaN;
  #last: IdRow = { id: Number.NaN, timestamp: 0, received: 0 };
  #strange: IdRow[] = [];
  /** By id. */
  #holes: IdHole[] = [];
  /** Ids that were brought afterwards, before a row in its turn came that far. */
  readonly #ahead = new Set<number>();

  /** @param settle told of holes that are one too many to be kept: of them nothing later is taken into account */
  constructor(settle: (hole: IdHole) => void) {
    this.#settle = settle;
  }

  /** Holes that are open still. */
  get holes(): readonly IdHole[] {
    return this.#holes;
  }

  /** @param inTurn whether the row came in its turn; one that was brought afterwards opens no hole */
  take(row: IdRow, inTurn = true): Taken {
    const { id } = row;
    if (Number.isNaN(this.#low)) {
      return inTurn ? this.#start(row) : this.#keepAhead(id);
    }
    if (id > this.#last.id) return inTurn ? this.#forward(row) : this.#keepAhead(id);
    if (id < this.#low) {
      if (this.#ahead.has(id)) return 'repeat';
      if (id === this.#low - 1) this.#low = id;
      if (inTurn) this.#maybeRenumbered(row);
      return 'before';
    }
    if (this.#fill(id)) return 'filled';
    if (inTurn) this.#maybeRenumbered(row);
    return 'repeat';
  }

  #start(row: IdRow): Taken {
    this.#low = row.id;
    this.#last = row;
    return this.#ahead.delete(row.id) ? 'repeat' : 'before';
  }

  #forward(row: IdRow): Taken {
    const before = this.#last;
    this.#last = row;
    this.#strange = [];
    if (row.id === before.id + 1) return this.#ahead.delete(row.id) ? 'repeat' : 'next';
    this.#holes.push({
      first: before.id + 1,
      last: row.id - 1,
      from: Math.min(before.timestamp, before.received),
      to: row.received,
    });
    for (const id of this.#ahead) if (id < row.id && this.#fill(id)) this.#ahead.delete(id);
    if (this.#holes.length > MAX_HOLES) for (const hole of this.#holes.splice(0, 1)) this.#settle(hole);
    return this.#ahead.delete(row.id) ? 'repeat' : 'jump';
  }

  #keepAhead(id: number): Taken {
    if (this.#ahead.has(id)) return 'repeat';
    if (this.#ahead.size < MAX_AHEAD) this.#ahead.add(id);
    return 'filled';
  }

  #fill(id: number): boolean {
    const at = this.#holeAt(id);
    const hole = this.#holes[at];
    if (!hole) return false;
    const rest = [
      { ...hole, last: id - 1 },
      { ...hole, first: id + 1 },
    ].filter(({ first, last }) => first <= last);
    this.#holes.splice(at, 1, ...rest);
    return true;
  }

  #holeAt(id: number): number {
    let low = 0;
    let high = this.#holes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#holes[middle]?.last ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return (this.#holes[low]?.first ?? Number.POSITIVE_INFINITY) <= id ? low : -1;
  }

  /** Trades that are newer than the newest and have lower ids, each the next of the other: the exchange began anew. */
  #maybeRenumbered(row: IdRow): void {
    if (row.timestamp <= this.#last.timestamp) return;
    if (row.id !== (this.#strange.at(-1)?.id ?? Number.NaN) + 1) this.#strange = [];
    this.#strange.push(row);
    const [first] = this.#strange;
    if (this.#strange.length < RENUMBERED_AFTER || !first) return;
    for (const hole of this.#holes) this.#settle(hole);
    this.#holes = [];
    this.#strange = [];
    this.#low = first.id;
    this.#last = row;
  }
}

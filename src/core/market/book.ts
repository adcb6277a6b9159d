import { doubled } from './doubled.ts';
import type { BookSide, Levels } from './levels.ts';
import { joined, type Mark } from './marks.ts';

/** No exchange shows as many levels of a side; a hostile feed must not fill memory. */
const MOST_LEVELS = 100_000;
const FIRST_ROOM = 64;

/** Of fewer levels a loop moves them faster than a call that copies. */
const FEW = 24;

const NOTHING: { readonly levels: number; readonly mark: Mark } = { levels: 0, mark: 0 };

/**
 * One side of a book that is kept, worst level first: most changes are near the best one, and so move little memory.
 */
export class SideBook {
  /** Of each level its price, so signed that the best is the highest, and its size. */
  #levels = new Float64Array(2 * FIRST_ROOM);
  /** What a checksum reads of each level; null where none does. */
  #marks: Float64Array<ArrayBuffer> | null;
  /** Marks of the best levels put together, until one of them changes; of 0 levels where one has. */
  #together = NOTHING;
  #count = 0;
  readonly #sign: 1 | -1;

  constructor(side: BookSide, marked: boolean) {
    this.#sign = side === 'bids' ? 1 : -1;
    this.#marks = marked ? new Float64Array(FIRST_ROOM) : null;
  }

  get count(): number {
    return this.#count;
  }

  /** The best price; NaN where the side is empty. */
  get best(): number {
    return this.price(0);
  }

  /** Of the nth best level, from 0 on; NaN where there are not as many. */
  price(nth: number): number {
    return nth < this.#count
      ? this.#sign * (this.#levels[2 * (this.#count - 1 - nth)] as number)
      : Number.NaN;
  }

  size(nth: number): number {
    return nth < this.#count ? (this.#levels[2 * (this.#count - 1 - nth) + 1] as number) : Number.NaN;
  }

  /** The marks of the best `levels` put together, best first; 0 where the side keeps none. */
  marked(levels: number): Mark {
    if (this.#marks && this.#together.levels !== levels) {
      let mark = 0;
      const end = Math.max(0, this.#count - levels);
      for (let at = this.#count - 1; at >= end; at--) mark = joined(mark, this.#marks[at] as number);
      this.#together = { levels, mark };
    }
    return this.#together.mark;
  }

  clear(): void {
    this.#count = 0;
    this.#together = NOTHING;
  }

  /** @param marks of each level, where the side keeps them */
  apply(levels: Levels, marks: Float64Array | null): void {
    if (this.#count === 0) {
      // A whole side: its worst level first, each lands at the end.
      for (let at = levels.length - 2; at >= 0; at -= 2) {
        const newer = at + 2 < levels.length && levels[at] === levels[at + 2];
        if (!newer) this.set(levels[at] as number, levels[at + 1] as number, marks?.[at >> 1] ?? 0);
      }
      return;
    }
    // Best first: each is found not far behind the one before.
    for (let at = 0, place = this.#count; at < levels.length; at += 2)
      place = this.set(levels[at] as number, levels[at + 1] as number, marks?.[at >> 1] ?? 0, place);
  }

  /**
   * Sets one level; size 0 removes it, which changes nothing where it is not known.
   * @param near where it may be looked for first, from there on towards worse ones
   * @returns where it stands now, or stood
   */
  set(price: number, size: number, mark: Mark, near = this.#count): number {
    const key = this.#sign * price;
    const at = this.#find(key, near);
    const known = at < this.#count && this.#levels[2 * at] === key;
    if (size === 0) {
      if (known) this.#remove(at, 1);
    } else if (known) {
      this.#levels[2 * at + 1] = size;
      if (this.#marks) {
        this.#marks[at] = mark;
        this.#changed(at);
      }
    } else this.#insert(at, key, size, mark);
    return at;
  }

  /** Forgets what is worse than the best `depth` levels. */
  cut(depth: number): void {
    if (this.#count > depth) this.#remove(0, this.#count - depth);
  }

  /** All levels, best first. */
  levels(): Levels {
    const out = new Float64Array(2 * this.#count);
    for (let to = 0, from = 2 * this.#count - 2; from >= 0; to += 2, from -= 2) {
      out[to] = this.#sign * (this.#levels[from] as number);
      out[to + 1] = this.#levels[from + 1] as number;
    }
    return out;
  }

  /** Where the key is, or belongs: in steps that double away from `near`, then by halves. */
  #find(key: number, near: number): number {
    const levels = this.#levels;
    let high = Math.min(near + 1, this.#count);
    if (high < this.#count && (levels[2 * high] as number) <= key) high = this.#count;
    let step = 1;
    let low = high - 1;
    for (; low >= 0 && (levels[2 * low] as number) >= key; low -= step) {
      high = low;
      step *= 2;
    }
    low = Math.max(low + 1, 0);
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((levels[2 * middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(at: number, key: number, size: number, mark: Mark): void {
    if (this.#count === MOST_LEVELS) return;
    if (2 * this.#count === this.#levels.length) this.#grow();
    const levels = this.#levels;
    move(levels, 2 * at, 2 * this.#count, 2);
    levels[2 * at] = key;
    levels[2 * at + 1] = size;
    if (this.#marks) {
      move(this.#marks, at, this.#count, 1);
      this.#marks[at] = mark;
    }
    this.#count++;
    this.#changed(at);
  }

  #remove(at: number, many: number): void {
    move(this.#levels, 2 * (at + many), 2 * this.#count, -2 * many);
    if (this.#marks) move(this.#marks, at + many, this.#count, -many);
    this.#changed(at + many - 1);
    this.#count -= many;
  }

  /** @param at the best place at which something changed */
  #changed(at: number): void {
    if (at >= this.#count - this.#together.levels) this.#together = NOTHING;
  }

  #grow(): void {
    this.#levels = doubled(this.#levels);
    if (this.#marks) this.#marks = doubled(this.#marks);
  }
}

/** Moves what stands from `from` until `end` by so many places. */
function move(values: Float64Array, from: number, end: number, by: number): void {
  if (end - from > 2 * FEW) values.copyWithin(from + by, from, end);
  else if (by > 0) for (let at = end - 1; at >= from; at--) values[at + by] = values[at] as number;
  else for (let at = from; at < end; at++) values[at + by] = values[at] as number;
}

/** What changes a book: a row of one, with what a checksum reads of its levels. */
export interface BookChange {
  readonly type: 'SNAPSHOT' | 'DELTA';
  readonly bids: Levels;
  readonly asks: Levels;
  readonly depth: number | null;
}

/** What a checksum reads of each level, beside the levels of a row. */
export interface LevelMarks {
  readonly bids: Float64Array;
  readonly asks: Float64Array;
}

/** The book of one code, kept by the rule that readers follow. */
export class Book {
  readonly bids: SideBook;
  readonly asks: SideBook;

  constructor(marked = false) {
    this.bids = new SideBook('bids', marked);
    this.asks = new SideBook('asks', marked);
  }

  /** Whether somebody would pay more than somebody else asks; a best price on both sides is crossed too. */
  get crossed(): boolean {
    return this.bids.best >= this.asks.best;
  }

  apply({ type, bids, asks, depth }: BookChange, marks: LevelMarks | null = null): void {
    if (type === 'SNAPSHOT') {
      this.bids.clear();
      this.asks.clear();
    }
    this.bids.apply(bids, marks?.bids ?? null);
    this.asks.apply(asks, marks?.asks ?? null);
    if (depth === null) return;
    this.bids.cut(depth);
    this.asks.cut(depth);
  }
}

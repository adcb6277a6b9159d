import type { BookSide, Levels } from './levels.ts';

/** No exchange shows as many levels of a side; a hostile feed must not fill memory. */
const MOST_LEVELS = 100_000;
const FIRST_ROOM = 64;

/**
 * One side of a book that is kept, worst level first: most changes are near the best one, and so move little memory.
 */
export class SideBook {
  /** Prices so signed that the best is the highest. */
  #keys = new Float64Array(FIRST_ROOM);
  #sizes = new Float64Array(FIRST_ROOM);
  /** What a checksum reads of each level; null where none does. */
  #texts: string[] | null;
  #count = 0;
  readonly #sign: 1 | -1;

  constructor(side: BookSide, withTexts: boolean) {
    this.#sign = side === 'bids' ? 1 : -1;
    this.#texts = withTexts ? [] : null;
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
    return nth < this.#count ? this.#sign * (this.#keys[this.#count - 1 - nth] as number) : Number.NaN;
  }

  size(nth: number): number {
    return nth < this.#count ? (this.#sizes[this.#count - 1 - nth] as number) : Number.NaN;
  }

  text(nth: number): string {
    return this.#texts?.[this.#count - 1 - nth] ?? '';
  }

  clear(): void {
    this.#count = 0;
    if (this.#texts) this.#texts = [];
  }

  /** @param texts of each level, where the side keeps them */
  apply(levels: Levels, texts: readonly string[] | null): void {
    if (this.#count === 0) {
      // A whole side: its worst level first, each lands at the end.
      for (let at = levels.length - 2; at >= 0; at -= 2) {
        const newer = at + 2 < levels.length && levels[at] === levels[at + 2];
        if (!newer) this.set(levels[at] as number, levels[at + 1] as number, texts?.[at / 2] ?? '');
      }
      return;
    }
    for (let at = 0; at < levels.length; at += 2)
      this.set(levels[at] as number, levels[at + 1] as number, texts?.[at / 2] ?? '');
  }

  /** Sets one level; size 0 removes it, which changes nothing where it is not known. */
  set(price: number, size: number, text: string): void {
    const key = this.#sign * price;
    const at = this.#find(key);
    const known = at < this.#count && this.#keys[at] === key;
    if (size === 0) {
      if (known) this.#remove(at, 1);
    } else if (known) {
      this.#sizes[at] = size;
      if (this.#texts) this.#texts[at] = text;
    } else this.#insert(at, key, size, text);
  }

  /** Forgets what is worse than the best `depth` levels. */
  cut(depth: number): void {
    if (this.#count > depth) this.#remove(0, this.#count - depth);
  }

  /** All levels, best first. */
  levels(): Levels {
    const out = new Float64Array(2 * this.#count);
    for (let to = 0, from = this.#count - 1; from >= 0; from--, to += 2) {
      out[to] = this.#sign * (this.#keys[from] as number);
      out[to + 1] = this.#sizes[from] as number;
    }
    return out;
  }

  /** Where the key is, or belongs. */
  #find(key: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(at: number, key: number, size: number, text: string): void {
    if (this.#count === MOST_LEVELS) return;
    if (this.#count === this.#keys.length) this.#grow();
    this.#keys.copyWithin(at + 1, at, this.#count);
    this.#sizes.copyWithin(at + 1, at, this.#count);
    this.#keys[at] = key;
    this.#sizes[at] = size;
    this.#texts?.splice(at, 0, text);
    this.#count++;
  }

  #remove(at: number, many: number): void {
    this.#keys.copyWithin(at, at + many, this.#count);
    this.#sizes.copyWithin(at, at + many, this.#count);
    this.#texts?.splice(at, many);
    this.#count -= many;
  }

  #grow(): void {
    const room = 2 * this.#keys.length;
    const keys = new Float64Array(room);
    const sizes = new Float64Array(room);
    keys.set(this.#keys);
    sizes.set(this.#sizes);
    this.#keys = keys;
    this.#sizes = sizes;
  }
}

/** What changes a book: a row of one, with what a checksum reads of its levels. */
export interface BookChange {
  readonly type: 'SNAPSHOT' | 'DELTA';
  readonly bids: Levels;
  readonly asks: Levels;
  readonly depth: number | null;
}

/** What a checksum reads of each level, beside the levels of a row. */
export interface LevelTexts {
  readonly bids: readonly string[];
  readonly asks: readonly string[];
}

/** The book of one code, kept by the rule that readers follow. */
export class Book {
  readonly bids: SideBook;
  readonly asks: SideBook;

  constructor(withTexts = false) {
    this.bids = new SideBook('bids', withTexts);
    this.asks = new SideBook('asks', withTexts);
  }

  /** Whether somebody would pay more than somebody else asks; a best price on both sides is crossed too. */
  get crossed(): boolean {
    return this.bids.best >= this.asks.best;
  }

  apply({ type, bids, asks, depth }: BookChange, texts: LevelTexts | null = null): void {
    if (type === 'SNAPSHOT') {
      this.bids.clear();
      this.asks.clear();
    }
    this.bids.apply(bids, texts?.bids ?? null);
    this.asks.apply(asks, texts?.asks ?? null);
    if (depth === null) return;
    this.bids.cut(depth);
    this.asks.cut(depth);
  }
}

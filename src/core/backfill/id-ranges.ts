/** Consecutive ids; both ends inclusive. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

/** Ranges kept; beyond, the lowest are forgotten: what was missing so long ago is asked for no more. */
const MOST = 4096;

/** A set of ids, as ranges in their order. */
export class IdRanges {
  #ranges: IdRange[] = [];

  add(first: number, last = first): void {
    if (first > last) return;
    const begin = this.#at(first - 1);
    let end = begin;
    let range: IdRange = { first, last };
    for (; end < this.#ranges.length; end++) {
      const other = this.#ranges[end] as IdRange;
      if (other.first > last + 1) break;
      range = { first: Math.min(range.first, other.first), last: Math.max(range.last, other.last) };
    }
    this.#ranges.splice(begin, end - begin, range);
    if (this.#ranges.length > MOST) this.#ranges.shift();
  }

  has(id: number): boolean {
    const range = this.#ranges[this.#at(id)];
    return range !== undefined && range.first <= id;
  }

  /** The parts of `first` to `last` that are not in it. */
  missing(first: number, last: number): IdRange[] {
    const missing: IdRange[] = [];
    let next = first;
    for (let at = this.#at(first); at < this.#ranges.length && next <= last; at++) {
      const range = this.#ranges[at] as IdRange;
      if (range.first > last) break;
      if (range.first > next) missing.push({ first: next, last: range.first - 1 });
      next = Math.max(next, range.last + 1);
    }
    if (next <= last) missing.push({ first: next, last });
    return missing;
  }

  /** The parts of `first` to `last` that are in it. */
  within(first: number, last: number): IdRange[] {
    const within: IdRange[] = [];
    for (let at = this.#at(first); at < this.#ranges.length; at++) {
      const range = this.#ranges[at] as IdRange;
      if (range.first > last) break;
      within.push({ first: Math.max(first, range.first), last: Math.min(last, range.last) });
    }
    return within;
  }

  /** Index of the first range that ends at `id` or later. */
  #at(id: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle] as IdRange).last < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Ids in ranges that do not overlap. */
export function countIds(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

import type { Place } from './store.ts';

const FIRST_WORDS = 64;

/** Which records from a number on are released: a bit each, and what of it the ledger does not know yet. */
export class Releases {
  readonly #first: Place;
  #words = new Uint32Array(FIRST_WORDS);
  #count = 0;
  /** Changed since `takeChanged`, as indices; none where `from` is above `to`. */
  #changedFrom = Number.POSITIVE_INFINITY;
  #changedTo = -1;

  constructor(first: Place) {
    this.#first = first;
  }

  /** How many are released. */
  get count(): number {
    return this.#count;
  }

  /** Nothing changed since `takeChanged`. */
  get clean(): boolean {
    return this.#changedFrom > this.#changedTo;
  }

  has(place: Place): boolean {
    const index = place - this.#first;
    return ((this.#words[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  /** @returns false where it was released before */
  add(place: Place): boolean {
    const index = place - this.#first;
    const word = index >>> 5;
    if (word >= this.#words.length) this.#grow(word);
    const bits = this.#words[word] ?? 0;
    const bit = 1 << (index & 31);
    if ((bits & bit) !== 0) return false;
    this.#words[word] = bits | bit;
    this.#count++;
    if (index < this.#changedFrom) this.#changedFrom = index;
    if (index > this.#changedTo) this.#changedTo = index;
    return true;
  }

  addAll(from: Place, to: Place): void {
    for (let place = from; place <= to; place++) this.add(place);
  }

  /** The first number from `from` to `to` that is not released; null: all are. */
  nextOpen(from: Place, to: Place): Place | null {
    let index = from - this.#first;
    const end = to - this.#first;
    while (index <= end) {
      const word = this.#words[index >>> 5] ?? 0;
      if (word === 0xffffffff) index = (index | 31) + 1;
      else if ((word & (1 << (index & 31))) !== 0) index++;
      else return this.#first + index;
    }
    return null;
  }

  /** Released ranges between two numbers: first, last, first, last, … */
  ranges(from: Place, to: Place): Place[] {
    const found: Place[] = [];
    let place = from;
    while (place <= to) {
      if (!this.has(place)) {
        place++;
        continue;
      }
      const open = this.nextOpen(place, to) ?? to + 1;
      found.push(place, open - 1);
      place = open;
    }
    return found;
  }

  /** Released ranges around what changed since the last call. */
  takeChanged(): Place[] {
    if (this.clean) return [];
    const ranges = this.ranges(this.#first + this.#changedFrom, this.#first + this.#changedTo);
    this.#changedFrom = Number.POSITIVE_INFINITY;
    this.#changedTo = -1;
    return ranges;
  }

  #grow(word: number): void {
    const words = new Uint32Array(Math.max(word + 1, this.#words.length * 2));
    words.set(this.#words);
    this.#words = words;
  }
}

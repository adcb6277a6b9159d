import { digitsOf, EXACT_DIGITS } from '../market/digits.ts';

const SMALLEST = 16;
const LARGEST = 512;

/**
 * The trade ids of one code seen lately, to drop what overlapping sockets and snapshots repeat. An id above every
 * earlier one is new without a look; only others are searched for among the last 512. Ids are kept as two numbers,
 * since a string cut out of a frame would keep the whole frame in memory.
 */
export class SeenIds {
  #high = new Float64Array(SMALLEST);
  #low = new Float64Array(SMALLEST);
  #count = 0;
  #next = 0;
  #maxHigh = -1;
  #maxLow = -1;
  /** The two numbers of the id in hand. */
  #idHigh = 0;
  #idLow = 0;

  /** Notes an id. @returns false where it was seen before */
  add(id: string): boolean {
    this.#split(id);
    return this.#add(this.#idHigh, this.#idLow);
  }

  has(id: string): boolean {
    this.#split(id);
    const high = this.#idHigh;
    const low = this.#idLow;
    if (high > this.#maxHigh || (high === this.#maxHigh && low > this.#maxLow)) return false;
    return this.#at(high, low) >= 0;
  }

  /** It is new again, should it come. */
  forget(id: string): void {
    this.#split(id);
    const at = this.#at(this.#idHigh, this.#idLow);
    if (at >= 0) this.#low[at] = Number.NaN;
  }

  /** What was seen until now, whatever is added from now on. */
  copy(): SeenIds {
    const copy = new SeenIds();
    copy.#high = this.#high.slice();
    copy.#low = this.#low.slice();
    copy.#count = this.#count;
    copy.#next = this.#next;
    copy.#maxHigh = this.#maxHigh;
    copy.#maxLow = this.#maxLow;
    return copy;
  }

  #split(id: string): void {
    const digits = id.length;
    if (digits <= EXACT_DIGITS) {
      const value = digitsOf(id, 0, digits);
      if (value >= 0) {
        this.#idHigh = 0;
        this.#idLow = value;
        return;
      }
    } else if (digits <= 2 * EXACT_DIGITS) {
      const high = digitsOf(id, 0, digits - EXACT_DIGITS);
      const low = digitsOf(id, digits - EXACT_DIGITS, digits);
      if (high >= 0 && low >= 0) {
        this.#idHigh = high;
        this.#idLow = low;
        return;
      }
    }
    this.#idHigh = hash(id, 0x811c9dc5);
    this.#idLow = hash(id, 0x01000193);
  }

  #add(high: number, low: number): boolean {
    if (high > this.#maxHigh || (high === this.#maxHigh && low > this.#maxLow)) {
      this.#maxHigh = high;
      this.#maxLow = low;
    } else if (this.#at(high, low) >= 0) {
      return false;
    }
    if (this.#count === this.#high.length && this.#count < LARGEST) this.#grow();
    this.#high[this.#next] = high;
    this.#low[this.#next] = low;
    this.#next = (this.#next + 1) % this.#high.length;
    if (this.#count < this.#high.length) this.#count++;
    return true;
  }

  /** Where it stands; −1 where it does not. Newest first, since repeats are of late ids. */
  #at(high: number, low: number): number {
    const size = this.#high.length;
    for (let back = 1; back <= this.#count; back++) {
      const at = (this.#next - back + size) % size;
      if (this.#low[at] === low && this.#high[at] === high) return at;
    }
    return -1;
  }

  #grow(): void {
    const high = new Float64Array(this.#high.length * 2);
    const low = new Float64Array(high.length);
    high.set(this.#high);
    low.set(this.#low);
    this.#high = high;
    this.#low = low;
    this.#next = this.#count;
  }
}

/** FNV-1a over the characters; two of them with different seeds stand for an id that is not a number. */
function hash(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

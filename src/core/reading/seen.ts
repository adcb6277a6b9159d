const SMALLEST = 64;

/**
 * Names seen lately: at least `keep` and at most twice as many, in a memory that is bounded by it. A name is kept as a
 * number of 53 bits, so that two of them are taken for one in some 10^12 cases once.
 */
export class Seen {
  readonly #keep: number;
  #young = new Float64Array(SMALLEST);
  #old = new Float64Array(0);
  #count = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  /** Notes a name. @returns false where it was seen before */
  add(name: string): boolean {
    const number = numberOf(name);
    if (this.#young[place(this.#young, number)] === number) return false;
    const known = this.#old.length > 0 && this.#old[place(this.#old, number)] === number;
    this.#put(number);
    return !known;
  }

  #put(number: number): void {
    if (this.#count >= this.#keep) {
      this.#old = this.#young;
      this.#young = new Float64Array(SMALLEST);
      this.#count = 0;
    } else if (2 * this.#count >= this.#young.length) this.#grow();
    this.#young[place(this.#young, number)] = number;
    this.#count++;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#young.length);
    for (const number of this.#young) if (number !== 0) larger[place(larger, number)] = number;
    this.#young = larger;
  }
}

/** Where a number stands in a table, or where it would. */
function place(table: Float64Array, number: number): number {
  let at = number % table.length;
  while (table[at] !== 0 && table[at] !== number) at = at + 1 === table.length ? 0 : at + 1;
  return at;
}

/** Two hashes (FNV-1a) of a name as one exact number above 0. */
function numberOf(name: string): number {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x85ebca6b);
  }
  low ^= low >>> 15;
  return (high >>> 0) * 0x200000 + (low & 0x1fffff) + 1;
}

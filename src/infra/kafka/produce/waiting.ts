/** What the list holds. */
export interface Ordered {
  /** Its place in the order. */
  readonly seq: number;
  readonly bytes: number;
}

/** When the consumed front of the list is cut off: rarely enough to cost nothing, often enough not to keep memory. */
const CUT_AT = 1024;

/** A first-in-first-out list ordered by `seq`, to which what was taken out can return to its old place. */
export class Waiting<T extends Ordered> implements Iterable<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Sum over the items. */
  get bytes(): number {
    return this.#bytes;
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** The n-th from the front, counted from 0. */
  at(n: number): T | undefined {
    return this.#items[this.#head + n];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#bytes += item.bytes;
  }

  /** Takes the first one out. */
  shift(): void {
    const item = this.peek();
    if (!item) return;
    this.#items[this.#head++] = undefined;
    this.#bytes -= item.bytes;
    if (this.#head < CUT_AT || this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  /** Puts an item behind the last one whose `seq` is not above its own. */
  insert(item: T): void {
    const low = this.#firstAbove(item.seq);
    if (low === this.#head && this.#head > 0) this.#items[--this.#head] = item;
    else this.#items.splice(low, 0, item);
    this.#bytes += item.bytes;
  }

  /** Takes the one with this `seq` out. False where it is not there. */
  remove(seq: number): boolean {
    const at = this.#firstAbove(seq) - 1;
    const item = this.#items[at];
    if (at < this.#head || item?.seq !== seq) return false;
    // Near the front, where few are to be moved: the list may be as long as an outage.
    if (at - this.#head < CUT_AT) {
      this.#items.copyWithin(this.#head + 1, this.#head, at);
      this.#items[this.#head] = item;
      this.shift();
    } else {
      this.#items.splice(at, 1);
      this.#bytes -= item.bytes;
    }
    return true;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  /** Index of the first whose `seq` is above this. */
  #firstAbove(seq: number): number {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#items[middle]?.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i];
      if (item !== undefined) yield item;
    }
  }
}

/**
 * One side of a book: price levels in whole units, sorted, the best last, so that what changes most is moved least. A
 * key is the price of a bid and the negative price of an ask: on both sides a better level has a higher key.
 */
export class Side {
  readonly keys: number[] = [];
  readonly sizes: number[] = [];
  /** Orders behind each level. */
  readonly orders: number[] = [];

  get length(): number {
    return this.keys.length;
  }

  /** Key of the nth best level, 0 the best; undefined beyond the last. */
  key(nth: number): number | undefined {
    return this.keys[this.keys.length - 1 - nth];
  }

  /** Size of the level with this key, 0 where there is none. */
  size(key: number): number {
    const at = this.from(key);
    return this.keys[at] === key ? (this.sizes[at] ?? 0) : 0;
  }

  /** Index of the first level whose key is not below `key`. */
  from(key: number): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.keys[middle] ?? 0) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sets a level; size 0 takes it away. @returns the size before, 0 where there was none */
  set(key: number, size: number, orders: number): number {
    const at = this.from(key);
    if (this.keys[at] !== key) {
      if (size > 0) {
        this.keys.splice(at, 0, key);
        this.sizes.splice(at, 0, size);
        this.orders.splice(at, 0, orders);
      }
      return 0;
    }
    const before = this.sizes[at] ?? 0;
    if (size > 0) {
      this.sizes[at] = size;
      this.orders[at] = orders;
    } else {
      this.keys.splice(at, 1);
      this.sizes.splice(at, 1);
      this.orders.splice(at, 1);
    }
    return before;
  }
}

import { Side } from './side.ts';

/** A part of an order that met a resting level; price and size in whole units. */
export interface Fill {
  readonly price: number;
  readonly size: number;
}

/** Told of every level that changes. @param before its size until now, 0 where it is new */
export type OnChange = (buys: boolean, key: number, before: number) => void;

/**
 * The matching engine of one code: limit orders rest at their price, orders that cross eat the best levels first. All
 * prices and sizes are whole numbers of the code's last decimals, so that nothing is ever rounded.
 */
export class Engine {
  readonly bids = new Side();
  readonly asks = new Side();
  /** Rises by one with each changed level. */
  version: number;
  #onChange: OnChange = () => {};

  /** @param version where the numbers begin */
  constructor(version = 0) {
    this.version = version;
  }

  watch(onChange: OnChange): void {
    this.#onChange = onChange;
  }

  side(buys: boolean): Side {
    return buys ? this.bids : this.asks;
  }

  /** The best price, undefined where the side is empty. */
  best(buys: boolean): number | undefined {
    const key = this.side(buys).key(0);
    return key === undefined ? undefined : Math.abs(key);
  }

  /** An order at a limit: what crosses is filled, the rest rests. @returns fills in the order they happened */
  limit(buys: boolean, price: number, size: number): Fill[] {
    const fills = this.take(buys, size, price);
    const left = fills.reduce((rest, fill) => rest - fill.size, size);
    if (left > 0) this.#add(buys, price, left);
    return fills;
  }

  /** Eats the other side from its best price on, no further than `limit`; what finds nothing lapses. */
  take(buys: boolean, size: number, limit = buys ? Number.POSITIVE_INFINITY : 0): Fill[] {
    const fills: Fill[] = [];
    const other = this.side(!buys);
    let left = size;
    while (left > 0) {
      const key = other.key(0);
      if (key === undefined) break;
      const price = Math.abs(key);
      if (buys ? price > limit : price < limit) break;
      const resting = other.size(key);
      const filled = Math.min(left, resting);
      this.#reduce(!buys, key, filled);
      fills.push({ price, size: filled });
      left -= filled;
    }
    return fills;
  }

  /** Takes resting size away. @returns how much there was to take */
  cancel(buys: boolean, price: number, size = Number.POSITIVE_INFINITY): number {
    const key = buys ? price : -price;
    const taken = Math.min(size, this.side(buys).size(key));
    if (taken > 0) this.#reduce(buys, key, taken);
    return taken;
  }

  /** Sets a level as it is, crossed or not: only for misbehaviour that was asked for. */
  force(buys: boolean, price: number, size: number): void {
    this.#set(buys, buys ? price : -price, size, 1);
  }

  #add(buys: boolean, price: number, size: number): void {
    const side = this.side(buys);
    const key = buys ? price : -price;
    const at = side.from(key);
    const known = side.keys[at] === key;
    const orders = known ? (side.orders[at] ?? 0) : 0;
    this.#set(buys, key, size + (known ? (side.sizes[at] ?? 0) : 0), orders + 1);
  }

  #reduce(buys: boolean, key: number, size: number): void {
    const side = this.side(buys);
    const at = side.from(key);
    this.#set(buys, key, (side.sizes[at] ?? 0) - size, Math.max(1, (side.orders[at] ?? 1) - 1));
  }

  #set(buys: boolean, key: number, size: number, orders: number): void {
    this.version++;
    this.#onChange(buys, key, this.side(buys).set(key, size, orders));
  }
}

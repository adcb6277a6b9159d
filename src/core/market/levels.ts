import { decimal, number } from './read-values.ts';
import { ScannedList } from './scanned-list.ts';

/**
 * One side of a book, best level first, flat: price, size, price, size, … Size 0 says that a level is gone. NaN stands
 * for what could not be read; `flaw` stops a row that has it.
 */
export type Levels = Float64Array;

export type BookSide = 'bids' | 'asks';

/** A level as rows without flat arrays have it. */
export interface Level {
  readonly price: number;
  readonly size: number;
}

/** Of a side that is no list: there is nothing to hold on to, and validation stops the row. */
const UNREADABLE: Levels = Float64Array.of(Number.NaN, Number.NaN);

/** What has no level. */
export const NO_LEVELS: Levels = new Float64Array(0);

/** Whether a level of a list is one: an exchange may fill up with empty ones, or send what it shows as gone. */
export type Keep = (price: number, size: number) => boolean;

/**
 * The levels of a list whose elements are lists themselves: `[["93.5","0.1"],…]`; further elements are passed over.
 * @param read makes a number of price and size: decimal strings unless told
 * @param keep what else is passed over
 */
export function pairLevels(
  list: unknown,
  side: BookSide,
  read: (value: unknown) => number = decimal,
  keep: Keep = all,
): Levels {
  if (list instanceof ScannedList) return scannedLevels(list, side, '0', '1', keep);
  if (!Array.isArray(list)) return UNREADABLE;
  if (list.length === 0) return NO_LEVELS;
  const levels = new Float64Array(2 * list.length);
  let end = 0;
  for (let i = 0; i < list.length; i++) {
    const level: unknown = list[i];
    const pair = Array.isArray(level);
    const price = pair ? read(level[0]) : Number.NaN;
    const size = pair ? read(level[1]) : Number.NaN;
    if (!keep(price, size)) continue;
    levels[end++] = price;
    levels[end++] = size;
  }
  return bestFirst(end === levels.length ? levels : levels.slice(0, end), side);
}

/** The levels of a list whose elements are objects: `[{"price":93.5,"qty":0.1},…]`; else as `pairLevels`. */
export function objectLevels(
  list: unknown,
  side: BookSide,
  priceKey: string,
  sizeKey: string,
  read: (value: unknown) => number,
  keep: Keep = all,
): Levels {
  if (list instanceof ScannedList) return scannedLevels(list, side, priceKey, sizeKey, keep);
  if (!Array.isArray(list)) return UNREADABLE;
  if (list.length === 0) return NO_LEVELS;
  const levels = new Float64Array(2 * list.length);
  let end = 0;
  for (let i = 0; i < list.length; i++) {
    const level = list[i] as Record<string, unknown> | null;
    const price = read(level?.[priceKey]);
    const size = read(level?.[sizeKey]);
    if (!keep(price, size)) continue;
    levels[end++] = price;
    levels[end++] = size;
  }
  return bestFirst(end === levels.length ? levels : levels.slice(0, end), side);
}

/** The same out of a list that was scanned, which holds numbers alone. */
function scannedLevels(
  list: ScannedList,
  side: BookSide,
  priceKey: string,
  sizeKey: string,
  keep: Keep,
): Levels {
  const { count, values, width } = list;
  if (count === 0) return NO_LEVELS;
  const levels = new Float64Array(2 * count);
  let price = list.column(priceKey);
  let size = list.column(sizeKey);
  let end = 0;
  for (let row = 0; row < count; row++, price += width, size += width) {
    const one = values[price] as number;
    const other = values[size] as number;
    if (!keep(one, other)) continue;
    levels[end++] = one;
    levels[end++] = other;
  }
  return bestFirst(end === levels.length ? levels : levels.slice(0, end), side);
}

/**
 * The levels of one side of a list that mixes both: `[price, count, amount]`, an amount below 0 for an ask; with count 0
 * the level is gone, whatever the amount. An amount without a sign is no level of the bids.
 */
export function signedLevels(list: readonly unknown[], side: BookSide): Levels {
  let first = 0;
  while (first < list.length && !isOf(side, list[first])) first++;
  if (first === list.length) return NO_LEVELS;
  const levels = new Float64Array(2 * (list.length - first));
  let end = 0;
  for (let i = first; i < list.length; i++) {
    const entry: unknown = list[i];
    if (!isOf(side, entry)) continue;
    const amount = Array.isArray(entry) ? number(entry[2]) : Number.NaN;
    levels[end++] = Array.isArray(entry) ? number(entry[0]) : Number.NaN;
    levels[end++] = Array.isArray(entry) ? countedSize(number(entry[1]), Math.abs(amount)) : Number.NaN;
  }
  return bestFirst(end === levels.length ? levels : levels.slice(0, end), side);
}

function isOf(side: BookSide, entry: unknown): boolean {
  const amount: unknown = Array.isArray(entry) ? entry[2] : undefined;
  return (typeof amount === 'number' && amount < 0) === (side === 'asks');
}

function countedSize(count: number, size: number): number {
  if (!(count >= 0 && size > 0)) return Number.NaN;
  return count === 0 ? 0 : size;
}

function all(): boolean {
  return true;
}

/** Whether the levels stand best first; two of one price may stand side by side. */
function sorted(levels: Levels, side: BookSide): boolean {
  const falls = side === 'bids';
  for (let at = 2; at < levels.length; at += 2) {
    const step = (levels[at] as number) - (levels[at - 2] as number);
    if (falls ? step > 0 : step < 0) return false;
  }
  return true;
}

/** The same levels, best first. Of one price the order stays: the last of them holds. */
export function bestFirst(levels: Levels, side: BookSide): Levels {
  if (sorted(levels, side)) return levels;
  const order = bestOrder(levels, side);
  const out = new Float64Array(levels.length);
  for (let to = 0; to < order.length; to++) {
    const from = 2 * (order[to] as number);
    out[2 * to] = levels[from] as number;
    out[2 * to + 1] = levels[from + 1] as number;
  }
  return out;
}

/** So many are in their order sooner one by one. */
const FEW = 32;

/** Which level stands where once they are best first; for what goes with the levels. Unreadable prices come first. */
export function bestOrder(levels: Levels, side: BookSide): number[] {
  const sign = side === 'bids' ? -1 : 1;
  const count = levels.length / 2;
  const keys = new Float64Array(count);
  const order: number[] = [];
  for (let level = 0; level < count; level++) {
    const price = levels[2 * level] as number;
    keys[level] = Number.isNaN(price) ? Number.NEGATIVE_INFINITY : sign * price;
    order.push(level);
  }
  if (count > FEW) return order.sort((a, b) => (keys[a] as number) - (keys[b] as number) || a - b);
  for (let next = 1; next < count; next++) {
    const key = keys[next] as number;
    let to = next;
    for (; to > 0 && (keys[order[to - 1] as number] as number) > key; to--)
      order[to] = order[to - 1] as number;
    order[to] = next;
  }
  return order;
}

/** What is wrong with a side: a price that is none, a size that is none; null for sound levels. */
export function levelsFlaw(levels: Levels, side: BookSide): string | null {
  for (let at = 0; at < levels.length; at += 2) {
    const price = levels[at] as number;
    const size = levels[at + 1] as number;
    if (!(price > 0) || price === Number.POSITIVE_INFINITY)
      return `${side}[${at / 2}] has no price: ${price}`;
    if (!(size >= 0) || size === Number.POSITIVE_INFINITY) return `${side}[${at / 2}] has no size: ${size}`;
  }
  return null;
}

/** Levels as objects, for rows that people and JSON read. */
export function plainLevels(levels: Levels): Level[] {
  return Array.from({ length: levels.length / 2 }, (_, level) => ({
    price: levels[2 * level] as number,
    size: levels[2 * level + 1] as number,
  }));
}

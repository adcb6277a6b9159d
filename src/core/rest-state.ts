import { type Levels, pairLevels } from './market/levels.ts';
import type { Market, Micros } from './market/market.ts';
import { decimal, inside } from './market/read-values.ts';

/** A book as an exchange shows it over REST. */
export interface RestBook {
  readonly bids: Levels;
  readonly asks: Levels;
  /** The number of the state, where it is one that rows of the socket have too; else null. */
  readonly sequence: number | null;
  /** Its time, where it is the one that rows of the socket have too; else null. */
  readonly timestamp: Micros | null;
}

/** A question for one market. */
export interface RestQuestion<T> {
  url(market: Market): string;
  /** What it weighs in `limits.rest`; 1 unless given. */
  readonly weight?: number;
  /** Reads a parsed answer; NaN where it is none. Never throws for what it holds. */
  read(body: unknown): T;
}

/**
 * What an exchange shows over REST of its present state, which live data can be held against. Data and pure functions,
 * of an answer with HTTP 200.
 */
export interface RestState {
  /** Its clock; left out: the `Date` header of its answers is all that tells. */
  readonly clock?: { readonly url: string; read(body: unknown): Micros };
  /** The latest price. */
  readonly price: RestQuestion<number>;
  /** Left out where `types` has no order books. @param choice one of `orderbooks.choices` */
  readonly book?: Omit<RestQuestion<RestBook>, 'read'> & { read(body: unknown, choice: string): RestBook };
}

/** @param at what of the state rows of the socket have too; NaN is none */
export function restBook(
  bids: Levels,
  asks: Levels,
  { sequence, timestamp }: { readonly sequence?: number; readonly timestamp?: Micros } = {},
): RestBook {
  return { bids, asks, sequence: known(sequence), timestamp: known(timestamp) };
}

/** A book whose levels are pairs: `{"bids":[["93.5","0.1"]],"asks":[…]}`. @param names of its sides */
export function pairBook(
  book: unknown,
  at: Parameters<typeof restBook>[2] = {},
  read: (value: unknown) => number = decimal,
  [bids, asks]: readonly [string, string] = ['bids', 'asks'],
): RestBook {
  const sides = [
    pairLevels(inside(book, bids), 'bids', read),
    pairLevels(inside(book, asks), 'asks', read),
  ] as const;
  return restBook(...sides, at);
}

function known(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}

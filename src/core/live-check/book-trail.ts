import { Book } from '../market/book.ts';
import type { BookSide } from '../market/levels.ts';
import type { Micros } from '../market/market.ts';
import type { Orderbook } from '../market/rows.ts';
import type { RestBook } from '../rest-state.ts';

/** Rows that are kept, and for how long: an answer of REST is seldom older. */
const MOST_ROWS = 5000;
const KEPT: Micros = 60_000_000;
/** How long before the question, and after the answer, what REST shows may have been on its way over the socket. */
const BEFORE: Micros = 1_000_000;
const AFTER: Micros = 2_000_000;
const MS: Micros = 1000;
const SIDES = ['bids', 'asks'] as const;
/** Differences that are told. */
const TOLD = 5;

/** A level that is not the same. */
export interface LevelDifference {
  readonly side: BookSide;
  readonly price: number;
  /** Size by the socket's rows; null where they have no such level. */
  readonly live: number | null;
  readonly rest: number | null;
}

/** A book of REST held against the rows of the socket. */
export interface BookMatch {
  /** The rows lead to the very state that REST shows, by its number or time. */
  readonly exact: boolean;
  /** Levels that were compared; what changed meanwhile was not. */
  readonly compared: number;
  /** How many differ, and the first of them. */
  readonly different: number;
  readonly differences: readonly LevelDifference[];
}

/** Which of the states that rows led to is the one that REST shows: from the first to the last that it may be. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly exact: boolean;
}

/** The latest rows of one code's book, so that its state at a moment of the past can be told. */
export class BookTrail {
  /** The book before the oldest row. */
  readonly #base = new Book();
  readonly #reach = { bids: Number.NEGATIVE_INFINITY, asks: Number.POSITIVE_INFINITY };
  readonly #beyond: boolean;
  #begun = false;
  #rows: Orderbook[] = [];

  /** @param beyond changes also come of levels that the whole book did not reach: there the rows do not tell all */
  constructor(beyond = false) {
    this.#beyond = beyond;
  }

  /** @param row sound, and one that a reader applies; before the first SNAPSHOT there is no book */
  take(row: Orderbook): void {
    if (row.type === 'SNAPSHOT') this.#begin(row);
    if (!this.#begun) return;
    this.#rows.push(row);
    const old = row.received_at - KEPT;
    let drop = Math.max(0, this.#rows.length - MOST_ROWS);
    while (drop < this.#rows.length - 1 && (this.#rows[drop]?.received_at ?? 0) < old) drop++;
    for (const gone of this.#rows.splice(0, drop)) this.#base.apply(gone);
  }

  #begin(row: Orderbook): void {
    this.#begun = true;
    if (!this.#beyond) return;
    for (const side of SIDES) this.#reach[side] = nearer(side, this.#reach[side], worst(levelsOf(row[side])));
  }

  /** @returns null where nothing can be said: no rows, or the answer is older than they are */
  match(rest: RestBook, asked: Micros, answered: Micros): BookMatch | null {
    const pinned = this.#pinned(rest);
    const byArrival = this.#byArrival(asked, answered);
    if (pinned === null) return byArrival && this.#compare(rest, byArrival);
    const first = this.#compare(rest, pinned);
    if (first.exact || first.different === 0 || byArrival === null) return first;
    // Its number or time names no state of ours for certain: it may be another's count.
    const second = this.#compare(rest, byArrival);
    return second.different === 0 ? second : first;
  }

  #pinned({ sequence, timestamp }: RestBook): Span | null {
    if (sequence !== null) return this.#span((row) => row.sequence ?? Number.NaN, sequence);
    if (timestamp === null) return null;
    const grain = timestamp % MS === 0 ? MS : 1;
    return this.#span((row) => Math.floor(row.timestamp / grain), Math.floor(timestamp / grain));
  }

  /** From the last state below `at` to the first above it; where some are at it, from the first of them to the last. */
  #span(keyOf: (row: Orderbook) => number, at: number): Span | null {
    let from = -1;
    let to = -1;
    let [first, last] = [-1, -1];
    this.#rows.forEach((row, nth) => {
      const key = keyOf(row);
      if (key === at) {
        if (first === -1) first = nth;
        last = nth;
      } else if (key < at) from = nth;
      else if (to === -1 && key > at) to = nth;
    });
    if (first !== -1) return { from: first, to: last, exact: true };
    if (from === -1) return null;
    return { from, to: Math.max(from, to === -1 ? this.#rows.length - 1 : to), exact: false };
  }

  #byArrival(asked: Micros, answered: Micros): Span | null {
    if (this.#rows.length === 0) return null;
    const from = this.#rows.findLastIndex((row) => row.received_at <= asked - BEFORE);
    const to = this.#rows.findIndex((row) => row.received_at >= answered + AFTER);
    return { from: Math.max(0, from), to: to === -1 ? this.#rows.length - 1 : to, exact: false };
  }

  #compare(rest: RestBook, { from, to, exact }: Span): BookMatch {
    const book = new Book();
    book.apply({
      type: 'SNAPSHOT',
      bids: this.#base.bids.levels(),
      asks: this.#base.asks.levels(),
      depth: null,
    });
    for (const row of this.#rows.slice(0, from + 1)) book.apply(row);
    const sides = { bids: sideOf(book, 'bids'), asks: sideOf(book, 'asks') };
    const changed = { bids: new Set<number>(), asks: new Set<number>() };
    const reach = {
      bids: nearer('bids', this.#reach.bids, worst(sides.bids)),
      asks: nearer('asks', this.#reach.asks, worst(sides.asks)),
    };
    for (const row of this.#rows.slice(from + 1, to + 1)) {
      book.apply(row);
      for (const side of SIDES) {
        noteChanges(row, side, sides[side], book, changed[side]);
        reach[side] = nearer(side, reach[side], book[side].price(book[side].count - 1));
      }
    }
    const differences: LevelDifference[] = [];
    let compared = 0;
    for (const side of SIDES) {
      const theirs = levelsOf(rest[side]);
      const end = nearer(side, reach[side], worst(theirs));
      for (const price of new Set([...sides[side].keys(), ...theirs.keys()])) {
        if (changed[side].has(price) || nearer(side, price, end) !== price) continue;
        compared++;
        const [live, shown] = [sides[side].get(price) ?? null, theirs.get(price) ?? null];
        if (live !== shown) differences.push({ side, price, live, rest: shown });
      }
    }
    return { exact, compared, different: differences.length, differences: differences.slice(0, TOLD) };
  }
}

/** What a row changes: of a change its levels, of a whole book what is not as it was at the beginning. */
function noteChanges(
  row: Orderbook,
  side: BookSide,
  before: ReadonlyMap<number, number>,
  book: Book,
  changed: Set<number>,
): void {
  if (row.type === 'DELTA') {
    for (let at = 0; at < row[side].length; at += 2) changed.add(row[side][at] as number);
    return;
  }
  const now = sideOf(book, side);
  for (const price of new Set([...before.keys(), ...now.keys()]))
    if (before.get(price) !== now.get(price)) changed.add(price);
}

function sideOf(book: Book, side: BookSide): Map<number, number> {
  return levelsOf(book[side].levels());
}

/** Levels of a flat list, best first. */
function levelsOf(flat: Float64Array): Map<number, number> {
  const levels = new Map<number, number>();
  for (let at = 0; at < flat.length; at += 2)
    if (flat[at + 1] !== 0) levels.set(flat[at] as number, flat[at + 1] as number);
  return levels;
}

/** The price of the last level; of a side without any there is nothing to compare. */
function worst(levels: ReadonlyMap<number, number>): number {
  return [...levels.keys()].at(-1) ?? Number.NaN;
}

/** The better of two prices; NaN where one is none. */
function nearer(side: BookSide, a: number, b: number): number {
  return side === 'bids' ? Math.max(a, b) : Math.min(a, b);
}

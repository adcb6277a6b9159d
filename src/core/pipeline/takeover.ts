import type { Micros } from '../market/market.ts';
import { type Row, TICKER_FIELDS, type Ticker, type Trade } from '../market/rows.ts';
import { BookOverlap } from './book-overlap.ts';
import type { Hole } from './id-watch.ts';
import type { Lane } from './lane.ts';

/** So long a row of the successor waits for the old socket to bring it too: far longer than two ways to one exchange differ. */
export const PATIENCE_MS = 2000;
/** Rows of one code that are remembered of either socket. */
const MOST = 512;
/** Some exchanges stamp a ticker when they send it, or not at all, so that its time differs by socket: at most so far, in µs. */
const STAMPS_APART = 1_000_000;
/** The receive time, and the mark of an answer to a subscription, are of the socket and not of the event. */
const EVENT_FIELDS = TICKER_FIELDS.filter(
  (field) => field !== 'timestamp' && field !== 'received_at' && field !== 'stream_type',
);

/** `on`: the row goes on. `held`: it waits. `repeat`: the other socket brought it. */
export type Passage = 'on' | 'held' | 'repeat';

/** A row of a successor that has waited long enough. */
export interface Released {
  readonly row: Row;
  readonly lane: Lane;
  readonly socket: number;
}

/** One code while two sockets bring it. Where both bring the same, one of the lists is empty. */
interface Overlap {
  /** Tickers of the old socket that the successor has not brought; trades are known by their ids. */
  ahead: Ticker[];
  /** Rows of the successor that the old socket has not brought. */
  held: Row[];
  heldSinceMs: number;
  /** The old socket has fallen silent on this code: it comes from the successor alone. */
  released: boolean;
}

/**
 * Two sockets of one connection while one takes over from the other. The rows of the old one count until it ends; those
 * of the successor are held against them, and what is left over follows. So a code keeps its order, and no row is lost
 * or doubled, although tickers have no id and two sockets never bring a row at the same moment.
 */
export class Takeover {
  readonly old: number;
  readonly successor: number;
  readonly #dropped: (row: Row, lane: Lane) => void;
  readonly #overlaps = new Map<Lane, Overlap>();
  /** Of order books; see there. */
  readonly #books = new Map<Lane, BookOverlap>();
  readonly #wholeBooks: boolean;
  #failed = false;
  #endedMs = Number.POSITIVE_INFINITY;

  /**
   * @param dropped told of every row that waited and turned out to be a repeat
   * @param wholeBooks every frame of an order book is a whole one
   */
  constructor(
    old: number,
    successor: number,
    dropped: (row: Row, lane: Lane) => void,
    wholeBooks: boolean = false,
  ) {
    this.old = old;
    this.successor = successor;
    this.#dropped = dropped;
    this.#wholeBooks = wholeBooks;
  }

  fromOld(row: Row, lane: Lane): Passage {
    if (row.kind === 'orderbook') {
      this.#drop(this.#bookOf(lane).fromOld(row), lane);
      return 'on';
    }
    const overlap = this.#of(lane);
    const at = findSame(overlap.held, row);
    if (row.kind === 'trade') {
      if (at >= 0) this.#drop(overlap.held.splice(at, 1), lane);
      return 'on';
    }
    if (overlap.released) return 'repeat';
    if (at >= 0) {
      this.#drop(overlap.held.splice(0, at + 1), lane);
      overlap.ahead = [];
    } else if (overlap.ahead.push(row) > MOST) overlap.ahead.shift();
    return 'on';
  }

  fromSuccessor(row: Row, lane: Lane, nowMs: number): Passage {
    if (row.kind === 'orderbook') {
      const { passage, gone } = this.#bookOf(lane).fromSuccessor(row, lane, this.#wholeBooks, nowMs);
      this.#drop(gone, lane);
      return passage;
    }
    const overlap = this.#of(lane);
    if (row.kind === 'trade') {
      if (lane.seen?.has(row.trade_id)) return 'repeat';
    } else {
      const at = findSame(overlap.ahead, row);
      if (at >= 0) {
        overlap.ahead.splice(0, at + 1);
        this.#drop(overlap.held.splice(0), lane);
        return 'repeat';
      }
    }
    if (overlap.released || this.#failed) {
      if (row.timestamp < newestOf(overlap) || takeLike(overlap.ahead, row)) return 'repeat';
      overlap.ahead = [];
      return 'on';
    }
    if (overlap.held.push(row) === 1) overlap.heldSinceMs = nowMs;
    return 'held';
  }

  /** Rows that the old socket will hardly bring any more. */
  overdue(nowMs: number): Released[] {
    const all: Released[] = [];
    for (const [lane, overlap] of this.#overlaps) {
      const waiting = overlap.held.length;
      if (waiting === 0 || (waiting < MOST && nowMs - overlap.heldSinceMs < PATIENCE_MS)) continue;
      const released = this.#release(lane, overlap);
      all.push(...released);
      overlap.released = released.length > 0 && !this.#failed;
    }
    for (const [lane, book] of this.#books) {
      const waits = book.held.length > 0 && nowMs - book.heldSinceMs >= PATIENCE_MS;
      if (waits) all.push(...this.#releaseBook(lane, book));
    }
    return all;
  }

  /** The old socket has ended: all that waits. The successor may still owe what the old one brought before. */
  end(nowMs: number): Released[] {
    this.#endedMs = nowMs;
    const all = [...this.#overlaps].flatMap(([lane, overlap]) => this.#release(lane, overlap));
    for (const [lane, book] of this.#books) all.push(...this.#releaseBook(lane, book));
    for (const overlap of this.#overlaps.values()) overlap.released = true;
    return all;
  }

  /** The successor has ended first: the old socket goes on alone, and may still bring what waits. */
  fail(): void {
    this.#failed = true;
    for (const overlap of this.#overlaps.values()) overlap.released = false;
    for (const [lane, book] of this.#books) {
      this.#drop(book.held.splice(0), lane);
      // What went on of it last was the successor's: the old socket begins with a whole book of its own.
      if (lane.book.socket === this.successor) lane.book.belongsTo(this.old);
    }
  }

  /** When the oldest row arrived that waits; infinity where none does. */
  oldest(): Micros {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { held } of [...this.#overlaps.values(), ...this.#books.values()])
      oldest = Math.min(oldest, held[0]?.received_at ?? oldest);
    return oldest;
  }

  /** Whether a trade that waits has ids of the hole. */
  holds(lane: Lane, hole: Hole): boolean {
    return this.#overlaps.get(lane)?.held.some((row) => row.kind === 'trade' && fills(row, hole)) ?? false;
  }

  /** Whether there is nothing left to wait for. */
  over(nowMs: number): boolean {
    if (nowMs - this.#endedMs >= PATIENCE_MS) return true;
    return this.#failed && [...this.#overlaps.values()].every(({ held }) => held.length === 0);
  }

  #release(lane: Lane, overlap: Overlap): Released[] {
    const newest = newestOf(overlap);
    let held: Row[] = [];
    for (const row of overlap.held) {
      held.push(row);
      if (row.timestamp < newest || !takeLike(overlap.ahead, row)) continue;
      this.#drop(held, lane);
      held = [];
    }
    overlap.held = [];
    // With tickers of its own on either side, the exchange sends each socket others: only what is newer makes sense.
    const isNew = ({ timestamp }: Row): boolean => timestamp >= newest;
    this.#drop(
      held.filter((row) => !isNew(row)),
      lane,
    );
    return held.filter(isNew).map((row) => ({ row, lane, socket: this.successor }));
  }

  #releaseBook(lane: Lane, book: BookOverlap): Released[] {
    return book.release().map((row) => ({ row, lane, socket: this.successor }));
  }

  /** One that is met after the old socket's end comes from the successor alone. */
  #bookOf(lane: Lane): BookOverlap {
    const known = this.#books.get(lane);
    if (known) return known;
    const book = new BookOverlap();
    book.released = this.#endedMs < Number.POSITIVE_INFINITY;
    this.#books.set(lane, book);
    return book;
  }

  #drop(rows: readonly Row[], lane: Lane): void {
    for (const row of rows) this.#dropped(row, lane);
  }

  #of(lane: Lane): Overlap {
    const known = this.#overlaps.get(lane);
    if (known) return known;
    const ahead = lane.lastTicker ? [lane.lastTicker] : [];
    const overlap: Overlap = {
      ahead,
      held: [],
      heldSinceMs: 0,
      released: this.#endedMs < Number.POSITIVE_INFINITY,
    };
    this.#overlaps.set(lane, overlap);
    return overlap;
  }
}

function fills({ trade_id, fills: count }: Trade, { first, last }: Hole): boolean {
  const id = Number(trade_id);
  return id >= first && id - count + 1 <= last;
}

function newestOf({ ahead }: Overlap): Micros {
  return ahead.at(-1)?.timestamp ?? 0;
}

/** Where among the rows of one socket stands what the other brought as `row`, to its time; −1 where it does not. */
function findSame(rows: readonly Row[], row: Row): number {
  return row.kind === 'trade'
    ? rows.findIndex((known) => known.kind === 'trade' && known.trade_id === row.trade_id)
    : rows.findIndex((known) => known.timestamp === row.timestamp && sameTicker(known, row));
}

/**
 * Takes what the old socket brought as `row` with a time of its own out of `ahead`, and all before it. Asked only once
 * the same to its time can hardly come any more: of tickers in a row that say the same it would be the wrong one.
 */
function takeLike(ahead: Ticker[], row: Row): boolean {
  if (row.kind === 'trade') return false;
  const at = ahead.findIndex(
    (known) => Math.abs(known.timestamp - row.timestamp) < STAMPS_APART && sameTicker(known, row),
  );
  if (at >= 0) ahead.splice(0, at + 1);
  return at >= 0;
}

function sameTicker(one: Row, other: Row): boolean {
  return (
    one.kind === 'ticker' &&
    other.kind === 'ticker' &&
    EVENT_FIELDS.every((field) => one[field] === other[field])
  );
}

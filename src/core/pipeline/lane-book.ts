import type { Book } from '../market/book.ts';
import type { Micros } from '../market/market.ts';
import type { Orderbook } from '../market/rows.ts';

/** The times that an exchange gives one event on two sockets differ by no more, in µs. */
const STAMPS_APART: Micros = 1_000_000;

/** `on`: the row goes on. `repeat`: it says nothing new. `astray`: it changes a book that is not the one that went on. */
export type BookPassage = 'on' | 'repeat' | 'astray';

/**
 * The book of one code as readers have it: of which socket, and how far. Sockets are numbered as they open; what comes
 * late of one that another has taken over from belongs to no book any more.
 */
export class LaneBook {
  /** The socket whose book it is; −1 before the first. */
  socket = -1;
  sequence: number | null = null;
  timestamp: Micros = 0;
  /** Its best prices, for who looks on; NaN where a side is empty or not known. */
  bid = Number.NaN;
  ask = Number.NaN;
  /** Its changes say which one they follow. */
  linked = false;
  /** Changes go on only behind a whole book. */
  #lacks = true;

  /** What becomes of a row of that socket; one that goes on is what readers have from then on. */
  pass(row: Orderbook, socket: number): BookPassage {
    if (socket < this.socket) return 'repeat';
    const passage = row.type === 'SNAPSHOT' ? this.#whole(row, socket) : this.#change(row, socket);
    if (passage !== 'on') return passage;
    this.socket = socket;
    this.sequence = row.type === 'SNAPSHOT' ? row.sequence : (row.sequence ?? this.sequence);
    this.timestamp = row.timestamp;
    if (row.prev_sequence !== null) this.linked = true;
    if (row.type === 'SNAPSHOT') {
      this.bid = row.bids[0] ?? Number.NaN;
      this.ask = row.asks[0] ?? Number.NaN;
    }
    this.#lacks = false;
    return 'on';
  }

  /** What a socket keeps of it, where it keeps levels. */
  look(socket: number, levels: Book | null): void {
    if (socket !== this.socket || !levels) return;
    this.bid = levels.bids.best;
    this.ask = levels.asks.best;
  }

  /** From now on it is a book of that socket, whatever it was before. */
  belongsTo(socket: number): void {
    this.socket = socket;
    this.#lacks = true;
  }

  /** The same state again, as of an exchange that repeats its whole books; a number that was set back comes with a later time. */
  #whole({ sequence, stream_type, timestamp }: Orderbook, socket: number): BookPassage {
    const known = this.sequence;
    if (stream_type !== 'REALTIME' || sequence === null || known === null) return 'on';
    const old = sequence === known || (sequence < known && timestamp <= this.timestamp);
    return old && (socket !== this.socket || !this.#lacks) ? 'repeat' : 'on';
  }

  #change({ sequence, prev_sequence: follows, timestamp }: Orderbook, socket: number): BookPassage {
    const known = this.sequence;
    const own = socket === this.socket;
    if (this.#lacks) return 'astray';
    if (known === null || sequence === null) return own ? 'on' : 'astray';
    if (follows === known) return 'on';
    // Of another socket and later all the same: the numbers were set back in between.
    if (sequence <= known) return !own && timestamp - this.timestamp > STAMPS_APART ? 'astray' : 'repeat';
    return follows === null ? (own ? 'on' : 'astray') : follows < known ? 'on' : 'astray';
  }
}

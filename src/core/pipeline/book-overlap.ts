import type { Orderbook } from '../market/rows.ts';
import type { Lane } from './lane.ts';
import type { Passage } from './takeover.ts';

/** Rows of one code that are remembered of the successor. */
const MOST = 512;

/**
 * One code's order book while two sockets bring it. Where rows are linked, those of the successor wait until the old
 * socket is done, and go on from its last one; where every frame is a whole book, the latest waits; where changes are not
 * linked, the book is the successor's from its first whole one on.
 */
export class BookOverlap {
  /** Rows of the successor that the old socket has not brought. */
  held: Orderbook[] = [];
  heldSinceMs = 0;
  /** It comes from the successor alone. */
  released = false;

  /** @returns rows that waited and turned out to be repeats */
  fromOld(row: Orderbook): Orderbook[] {
    const covered = ({ sequence, timestamp }: Orderbook): boolean =>
      sequence !== null && row.sequence !== null ? sequence <= row.sequence : timestamp <= row.timestamp;
    const gone = this.held.filter(covered);
    if (gone.length > 0) this.held = this.held.filter((one) => !covered(one));
    return gone;
  }

  /**
   * @param whole every frame of the exchange is a whole book
   * @returns what becomes of the row, and rows that give way to it
   */
  fromSuccessor(
    row: Orderbook,
    lane: Lane,
    whole: boolean,
    nowMs: number,
  ): { passage: Passage; gone: Orderbook[] } {
    const { sequence, socket, linked } = lane.book;
    // A number that only counts the frames of its socket says nothing about another's.
    const begins = socket < 0 || !(whole || linked || row.prev_sequence !== null);
    if (this.released || begins) return { passage: 'on', gone: this.held.splice(0) };
    const had = row.sequence !== null && sequence !== null && row.sequence <= sequence;
    if (had || row.stream_type === 'KEYFRAME') return { passage: 'repeat', gone: [] };
    // A whole book stands for all before it.
    const gone = row.type === 'SNAPSHOT' ? this.held.splice(0) : [];
    if (this.held.push(row) === 1 && gone.length === 0) this.heldSinceMs = nowMs;
    if (this.held.length > MOST) gone.push(...this.held.splice(0, 1));
    return { passage: 'held', gone };
  }

  /** The old socket brings no more of it: all that waits. */
  release(): Orderbook[] {
    this.released = true;
    return this.held.splice(0);
  }
}

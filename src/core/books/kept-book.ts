import { Book, type LevelMarks } from '../market/book.ts';
import type { Market, Micros } from '../market/market.ts';
import type { Orderbook } from '../market/rows.ts';
import { type Step, stepOf } from '../reading/book-rule.ts';

/** A row that waits for the book that it belongs to, with what its checksum reads. */
export interface Held {
  readonly row: Orderbook;
  readonly marks: LevelMarks | null;
}

/** How far a row's time may be from its arrival, in µs, and how long the way is where it says nothing. */
const BELIEVED: Micros = 60_000_000;
export const TRAVEL: Micros = 1_000_000;

/** One code's book on one socket: how far it is, and its levels where somebody has to know them. */
export class KeptBook {
  readonly market: Market;
  readonly levels: Book | null;
  /** Whether changes may be applied to it. */
  whole = false;
  /** Whether it broke since it was last whole. */
  broke = false;
  sequence: number | null = null;
  /** Of its last row. */
  timestamp: Micros = 0;
  depth: number | null = null;
  /** Changes that wait for a whole book, oldest first. */
  held: Held[] = [];
  crossedSince: Micros | null = null;
  /** Until when it was right before. */
  crossedFrom: Micros = 0;
  /** Until when it was right for certain; and until when its last row, which may not be proved yet, was sent. */
  rightUntil: Micros = 0;
  heardUntil: Micros = 0;
  /** From when on it may take the book of the socket before it, though nothing has changed; null: not at all. */
  inheritAt: Micros | null = null;
  /** Changes read so far, whether they became rows or not. */
  changes = 0;
  /** When the next keyframe is due. */
  dueAt: Micros = Number.POSITIVE_INFINITY;

  constructor(market: Market, levels: 'none' | 'plain' | 'marks') {
    this.market = market;
    this.levels = levels === 'none' ? null : new Book(levels === 'marks');
  }

  /** What a change is, by the numbers that link it to the book. */
  step(row: Orderbook): Step {
    return stepOf(this.sequence, row);
  }

  take(row: Orderbook, marks: LevelMarks | null): void {
    this.levels?.apply(row, marks);
    this.sequence = row.type === 'SNAPSHOT' ? row.sequence : (row.sequence ?? this.sequence);
    this.timestamp = row.timestamp;
    this.depth = row.depth;
    this.heardUntil = sentAt(row);
  }

  /** Takes over what the book of another socket is. */
  follow(old: KeptBook): void {
    if (old.levels) {
      const { bids, asks } = old.levels;
      this.levels?.apply({ type: 'SNAPSHOT', bids: bids.levels(), asks: asks.levels(), depth: null });
    }
    this.sequence = old.sequence;
    this.timestamp = old.timestamp;
    this.depth = old.depth;
    this.rightUntil = old.rightUntil;
    this.heardUntil = old.heardUntil;
  }

  /** The book is right after this row. */
  rightBy(row: Orderbook): void {
    this.rightUntil = sentAt(row);
  }

  /** Its levels as a row of our own. */
  keyframe(at: Micros): Orderbook | null {
    const { market, levels, sequence, timestamp, depth } = this;
    if (!levels) return null;
    return {
      kind: 'orderbook',
      market,
      timestamp,
      received_at: at,
      stream_type: 'KEYFRAME',
      type: 'SNAPSHOT',
      bids: levels.bids.levels(),
      asks: levels.asks.levels(),
      sequence,
      prev_sequence: null,
      depth,
      checksum: null,
      checksum_ok: null,
    };
  }
}

/** A row's own time where it can be believed: a quiet book's snapshot bears that of its last change. */
function sentAt({ timestamp, received_at, type }: Orderbook): Micros {
  const believed = type === 'DELTA' && received_at - timestamp < BELIEVED;
  return Math.min(received_at, believed ? timestamp : received_at - TRAVEL);
}

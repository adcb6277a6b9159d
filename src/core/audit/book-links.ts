/** What links a row of an order book to the one before. */
export interface LinkedRow {
  readonly type: 'SNAPSHOT' | 'DELTA';
  readonly sequence: number | null;
  readonly prev_sequence: number | null;
  readonly stream_type: string;
}

/** `begins`: a book; `follows` it; `passed`: older than the book; `hole`: what it follows is not there; `adrift`: no book. */
export type Link = 'begins' | 'follows' | 'passed' | 'hole' | 'adrift';

/** The reader's rule about books, as far as sequences go: what of one code can be applied. */
export class BookLinks {
  #valid = false;
  #sequence: number | null = null;

  take(row: LinkedRow): Link {
    return row.type === 'SNAPSHOT' ? this.#snapshot(row) : this.#delta(row);
  }

  /** A keyframe is our own book: where ours has come further than what was read, something was not read. */
  #snapshot({ sequence, stream_type }: LinkedRow): Link {
    const before = this.#valid ? this.#sequence : null;
    this.#valid = true;
    this.#sequence = sequence;
    const own = stream_type === 'KEYFRAME' && before !== null && sequence !== null;
    return own && sequence > before ? 'hole' : 'begins';
  }

  #delta({ sequence, prev_sequence }: LinkedRow): Link {
    if (!this.#valid) return 'adrift';
    const book = this.#sequence;
    if (prev_sequence === null || book === null) {
      if (sequence !== null && book !== null && sequence <= book) return 'passed';
      this.#sequence = sequence ?? book;
      return 'follows';
    }
    if (sequence === null) return 'follows';
    if (prev_sequence !== book) {
      if (sequence <= book) return 'passed';
      if (prev_sequence > book) {
        this.#valid = false;
        return 'hole';
      }
    }
    this.#sequence = sequence;
    return 'follows';
  }
}

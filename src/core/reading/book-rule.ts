/** What links a row of an order book to the one before. */
export interface LinkedRow {
  readonly type: 'SNAPSHOT' | 'DELTA';
  readonly sequence: number | null;
  readonly prev_sequence: number | null;
  readonly stream_type: string;
}

/** What a change of a book is to the book: its next state, one that it has had, or one behind a hole. */
export type Step = 'next' | 'past' | 'hole';

/** The reader's rule about changes. @param at the book's sequence */
export function stepOf(
  at: number | null,
  { sequence, prev_sequence: follows }: Pick<LinkedRow, 'sequence' | 'prev_sequence'>,
): Step {
  if (at === null || sequence === null || follows === at) return 'next';
  if (sequence <= at) return 'past';
  return follows === null || follows < at ? 'next' : 'hole';
}

/**
 * `begins`: a book; `follows` it; `passed`: older than the book; `hole`: what it follows is not there, and it is not
 * applied; `ahead`: the same of a whole book of the collector's own, which is applied; `adrift`: there is no book.
 */
export type Link = 'begins' | 'follows' | 'passed' | 'hole' | 'ahead' | 'adrift';

/** The reader's rule about books, as far as sequences go: what of one code can be applied. */
export class BookRule {
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
    return own && sequence > before ? 'ahead' : 'begins';
  }

  #delta(row: LinkedRow): Link {
    if (!this.#valid) return 'adrift';
    const step = stepOf(this.#sequence, row);
    if (step === 'past') return 'passed';
    // It is whole again with the next snapshot.
    this.#valid = step === 'next';
    if (step === 'hole') return 'hole';
    this.#sequence = row.sequence ?? this.#sequence;
    return 'follows';
  }
}

/** Whether a reader applies the row. */
export function isApplied(link: Link): boolean {
  return link === 'begins' || link === 'ahead' || link === 'follows';
}

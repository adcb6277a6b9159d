import type { BookCause } from '../events.ts';
import type { BookReading, BookStart, Emit, Event, Orderbooks } from '../exchange.ts';
import type { LevelMarks } from '../market/book.ts';
import type { Market, Micros } from '../market/market.ts';
import type { Orderbook } from '../market/rows.ts';
import { flaw } from '../market/validate.ts';
import { KeptBook, TRAVEL } from './kept-book.ts';

/** Changes of one code that wait for a whole book; of more, the oldest go: a book that is asked for now is newer. */
const MOST_HELD = 128;
/** So long after a code was subscribed nothing that was sent before can still be on its way, in µs. */
const SETTLED: Micros = 3_000_000;
/** Spreads the first keyframes of codes that were subscribed together. */
const GOLDEN = 0.618_033_988_75;

export interface BooksOptions {
  readonly start: BookStart;
  /** Of a recording: what was fetched over REST is not in it, so that changes pass as they are. */
  readonly recorded: boolean;
  /** How often a whole book of our own goes out for each code, in ms; 0: never. */
  readonly keyframeMs: number;
}

/**
 * The books of one socket. A change becomes a row only while the book that it belongs to is whole: its snapshot came,
 * nothing is missing since, its checksum fits. Where it broke, its changes stop, and a new one is asked for.
 */
export class Books {
  readonly #rules: Orderbooks;
  readonly #options: BooksOptions;
  readonly #keeps: 'none' | 'plain' | 'marks';
  /** Of the socket that this one is to follow. */
  #before: Books | null;
  readonly #all = new Map<string, KeptBook>();
  /** When `look` has something to do at the earliest. */
  #dueAt: Micros = Number.POSITIVE_INFINITY;
  #made = 0;
  /** When this frame arrived, and the one before. */
  #readAt: Micros = 0;
  #readBefore: Micros = 0;

  constructor(rules: Orderbooks, options: BooksOptions, before: Books | null = null) {
    this.#rules = rules;
    this.#before = before;
    this.#options = options;
    const { checksum, crossedMs } = rules;
    const needed = checksum !== undefined || crossedMs !== null || options.keyframeMs > 0;
    this.#keeps = !needed || options.start === 'whole' ? 'none' : checksum?.marks ? 'marks' : 'plain';
  }

  /** A frame is about to be read. */
  reading(receivedAt: Micros): void {
    this.#readBefore = this.#readAt;
    this.#readAt = receivedAt;
  }

  /** @param row index of the element in its frame, which goes on with it */
  read(event: Orderbook | BookReading, emit: Emit, row?: number): void {
    switch (event.kind) {
      case 'orderbook':
        return this.#row(event, null, emit, row);
      case 'checked':
        return this.#row(event.row, event.marks, emit, row);
      case 'checksum':
        return this.#checksum(event.symbol, event.value, emit);
      case 'broken':
        return this.#broken(event.symbol, event.cause, emit);
    }
  }

  get start(): BookStart {
    return this.#options.start;
  }

  /** Changes of a code that were read so far. */
  changesOf(symbol: string): number {
    return this.#all.get(symbol)?.changes ?? 0;
  }

  /** The book of a market that is whole; null where it is not, or no levels are kept. */
  of(symbol: string): KeptBook | null {
    const kept = this.#all.get(symbol);
    return kept?.whole && kept.levels ? kept : null;
  }

  /** The subscription ends: what still comes of it belongs to no book. */
  forget({ symbol }: Market): void {
    this.#all.delete(symbol);
  }

  /** A keyframe of this code is wanted as soon as may be. @returns false where there is nothing to make one of */
  want(symbol: string): boolean {
    const kept = this.of(symbol);
    if (!kept) return false;
    kept.dueAt = 0;
    this.#dueAt = 0;
    return true;
  }

  /**
   * The socket of these books is to follow another that has this code: its book is taken from there, once its changes
   * follow it.
   * @returns whether there is one
   */
  inherit(market: Market, at: Micros): boolean {
    if (!this.#before?.of(market.symbol)) return false;
    const kept = this.#keep(market);
    kept.inheritAt = at + SETTLED;
    this.#dueAt = Math.min(this.#dueAt, kept.inheritAt);
    return true;
  }

  /** The exchange has left out frames: books whose changes bear no number would be wrong without a sign of it. */
  doubt(emit: Emit): void {
    for (const kept of this.#all.values())
      if (kept.whole && kept.sequence === null) this.#break(kept, 'sequence', emit);
  }

  /** The socket has ended: nothing is to be had of its books any more. */
  close(): void {
    this.#all.clear();
    this.#before = null;
  }

  due(at: Micros): boolean {
    return at >= this.#dueAt;
  }

  /** Sends the keyframes that are due, and breaks what is crossed for too long. */
  look(at: Micros, emit: Emit): void {
    if (!this.due(at)) return;
    this.#dueAt = Number.POSITIVE_INFINITY;
    for (const kept of this.#all.values()) {
      if (!kept.whole) this.#lookForOld(kept, at, emit);
      if (!kept.whole) continue;
      if (this.#crossed(kept, at)) {
        this.#break(kept, 'crossed', emit);
        continue;
      }
      if (at >= kept.dueAt) this.#keyframe(kept, at, emit);
      this.#expect(kept);
    }
  }

  #row(event: Orderbook, marks: LevelMarks | null, emit: Emit, row?: number): void {
    const { market, type } = event;
    if (this.#options.start === 'whole' && type === 'SNAPSHOT') return emit(event, row);
    const kept = this.#keep(market);
    if (flaw(event) !== null) {
      // Validation tells of it; what it was to change is lost.
      emit(event, row);
      if (kept.whole) this.#break(kept, 'sequence', emit);
      else if (type === 'SNAPSHOT')
        emit({ kind: 'book', symbol: market.symbol, whole: false, cause: null, since: event.received_at });
      return;
    }
    if (type === 'SNAPSHOT') this.#snapshot(kept, event, marks, emit, row);
    else this.#delta(kept, event, marks, emit, row);
  }

  #keep(market: Market): KeptBook {
    const known = this.#all.get(market.symbol);
    if (known) return known;
    const made = new KeptBook(market, this.#keeps);
    this.#all.set(market.symbol, made);
    return made;
  }

  #snapshot(
    kept: KeptBook,
    event: Orderbook,
    marks: LevelMarks | null,
    emit: Emit,
    row: number | undefined,
  ): void {
    const { market, sequence, received_at } = event;
    const held = this.#since(kept, sequence);
    if (held === null) {
      emit({ kind: 'alive' });
      return emit({ kind: 'book', symbol: market.symbol, whole: false, cause: null, since: received_at });
    }
    const news = !kept.whole;
    const broke = kept.broke;
    // Of a book that turns out wrong at once nothing is known of before.
    if (news) kept.rightBy(event);
    kept.whole = true;
    kept.broke = false;
    kept.inheritAt = null;
    kept.held = [];
    kept.crossedSince = null;
    if (!this.#apply(kept, event, marks, emit, row)) return;
    if (news) emit({ kind: 'book', symbol: market.symbol, whole: true });
    for (const one of held) if (kept.whole) this.#delta(kept, one.row, one.marks, emit, undefined);
    if (kept.whole) this.#schedule(kept, received_at, broke, emit);
  }

  /** A quiet code: nothing of it can be on its way any more that the old socket has not brought. */
  #lookForOld(kept: KeptBook, at: Micros, emit: Emit): void {
    if (kept.inheritAt === null) return;
    if (at >= kept.inheritAt) this.#inherit(kept, at, emit);
    else this.#dueAt = Math.min(this.#dueAt, kept.inheritAt);
  }

  #inherit(kept: KeptBook, at: Micros, emit: Emit): void {
    const old = this.#before?.of(kept.market.symbol);
    if (!old) return;
    const held = this.#since(kept, old.sequence);
    if (held === null || (kept.held.length === 0 && at < (kept.inheritAt ?? 0))) return;
    kept.inheritAt = null;
    kept.follow(old);
    kept.whole = true;
    kept.held = [];
    emit({ kind: 'book', symbol: kept.market.symbol, whole: true });
    for (const one of held) if (kept.whole) this.#delta(kept, one.row, one.marks, emit, undefined);
    if (kept.whole) this.#schedule(kept, at, false, emit);
  }

  /** The changes that wait and that a book of that sequence has not had; null where it is older than the first. */
  #since(kept: KeptBook, sequence: number | null): KeptBook['held'] | null {
    if (kept.held.length === 0) return [];
    const ahead = kept.held.filter(({ row }) => (row.sequence ?? 0) > (sequence ?? -1));
    const follows = ahead[0]?.row.prev_sequence;
    return typeof follows === 'number' && follows > (sequence ?? -1) ? null : ahead;
  }

  #delta(
    kept: KeptBook,
    event: Orderbook,
    marks: LevelMarks | null,
    emit: Emit,
    row: number | undefined,
  ): void {
    kept.changes++;
    const { start, recorded } = this.#options;
    if (start === 'fetched' && recorded) return emit(event, row);
    if (!kept.whole) {
      if (start === 'asked' || start === 'fetched') hold(kept, event, marks);
      emit({ kind: 'alive' });
      if (kept.inheritAt !== null) this.#inherit(kept, event.received_at, emit);
      return;
    }
    const step = kept.step(event);
    if (step === 'hole') {
      this.#break(kept, 'sequence', emit);
      if (start === 'asked' || start === 'fetched') hold(kept, event, marks);
    } else if (step === 'past' || saysNothing(event)) emit({ kind: 'alive' });
    else if (this.#apply(kept, event, marks, emit, row) && this.#crossed(kept, event.received_at))
      this.#break(kept, 'crossed', emit);
  }

  /** @returns false where the book broke with it */
  #apply(
    kept: KeptBook,
    event: Orderbook,
    marks: LevelMarks | null,
    emit: Emit,
    row: number | undefined,
  ): boolean {
    const { checksum } = this.#rules;
    kept.take(event, marks);
    if (!checksum || !kept.levels || event.checksum === null) {
      // What a later checksum is to prove is not proved yet.
      if (!checksum || event.type === 'SNAPSHOT') kept.rightBy(event);
      emit(event, row);
      return true;
    }
    const checksum_ok = checksum.of(kept.levels) === event.checksum;
    emit(proved(event, checksum_ok), row);
    if (checksum_ok) kept.rightBy(event);
    else this.#break(kept, 'checksum', emit);
    return checksum_ok;
  }

  #checksum(symbol: string, value: number, emit: Emit): void {
    const { checksum } = this.#rules;
    const kept = this.of(symbol);
    if (!kept?.levels || !checksum) return emit({ kind: 'alive' });
    if (checksum.of(kept.levels) !== value) return this.#break(kept, 'checksum', emit);
    kept.rightUntil = kept.heardUntil;
    emit({ kind: 'alive' });
  }

  #broken(symbol: string | null, cause: BookCause, emit: Emit): void {
    const some = symbol === null ? [...this.#all.values()] : [this.#all.get(symbol)];
    const whole = some.filter((kept) => kept?.whole);
    if (whole.length === 0) emit({ kind: 'alive' });
    for (const kept of whole) {
      if (!kept) continue;
      // What counts all frames of the socket has proved them until the one before.
      if (symbol === null) kept.rightUntil = Math.max(kept.rightUntil, this.#readBefore - TRAVEL);
      this.#break(kept, cause, emit);
    }
  }

  #break(kept: KeptBook, cause: BookCause, emit: (event: Event) => void): void {
    const since = cause === 'crossed' ? kept.crossedFrom : kept.rightUntil;
    kept.whole = false;
    kept.broke = true;
    kept.held = [];
    kept.dueAt = Number.POSITIVE_INFINITY;
    emit({ kind: 'book', symbol: kept.market.symbol, whole: false, cause, since });
  }

  #crossed(kept: KeptBook, at: Micros): boolean {
    const { crossedMs } = this.#rules;
    if (crossedMs === null || !kept.levels?.crossed) {
      if (kept.crossedSince !== null) kept.crossedSince = null;
      return false;
    }
    if (kept.crossedSince === null) {
      kept.crossedSince = at;
      kept.crossedFrom = kept.rightUntil;
    }
    this.#dueAt = Math.min(this.#dueAt, kept.crossedSince + crossedMs * 1000);
    return at - kept.crossedSince >= crossedMs * 1000;
  }

  /** After a break a keyframe goes out at once; then at the pace, each code in its turn. */
  #schedule(kept: KeptBook, at: Micros, broke: boolean, emit: Emit): void {
    const { keyframeMs } = this.#options;
    if (keyframeMs === 0 || !kept.levels) return;
    if (broke) this.#keyframe(kept, at, emit);
    else if (kept.dueAt === Number.POSITIVE_INFINITY)
      kept.dueAt = at + Math.ceil(keyframeMs * 1000 * (1 - ((++this.#made * GOLDEN) % 1)));
    this.#expect(kept);
  }

  #keyframe(kept: KeptBook, at: Micros, emit: Emit): void {
    const frame = kept.keyframe(at);
    if (frame) emit(frame);
    kept.dueAt = at + this.#options.keyframeMs * 1000;
  }

  #expect({ dueAt }: KeptBook): void {
    this.#dueAt = Math.min(this.#dueAt, dueAt);
  }
}

function hold(kept: KeptBook, row: Orderbook, marks: LevelMarks | null): void {
  if (kept.held.push({ row, marks }) > MOST_HELD) kept.held.shift();
}

/** The row of a session is nobody else's until it is handed on. */
function proved(row: Orderbook, fits: boolean): Orderbook {
  (row as { checksum_ok: boolean | null }).checksum_ok = fits;
  return row;
}

/** A sign of life that has the form of a change, and does not even count on. */
function saysNothing({ bids, asks, sequence, prev_sequence }: Orderbook): boolean {
  return bids.length === 0 && asks.length === 0 && sequence !== null && sequence === prev_sequence;
}

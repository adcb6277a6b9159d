import { Releases } from './releases.ts';
import type { Place } from './store.ts';

/** Of so many records the time of one is remembered, so that the age of the oldest is known without reading. */
const TIMED = 256;

/** What the ledger says of a segment that takes no more records. */
export interface Seal {
  readonly last: Place;
  /** Bytes that count; what stands behind them is the rest of a write that failed. */
  readonly bytes: number;
  readonly rows: number;
  /** Times of its records, epoch µs. */
  readonly from: number;
  readonly to: number;
}

/** A segment as it is known in memory: its size, and which of its records are released. */
export class Segment {
  /** Number of the segment, as in the name of its file. */
  readonly id: number;
  /** The first number that a record of it may have. */
  readonly first: Place;
  readonly releases: Releases;
  /** The last number; below `first` where there is none yet. */
  last: Place;
  /** The last number that is on disk. */
  written: Place;
  /** Of the file, as far as it counts. */
  bytes: number;
  rows = 0;
  from = Number.POSITIVE_INFINITY;
  to = 0;
  sealed = false;
  compacted = false;
  /** Records in the file, released or not. */
  records = 0;
  /** The ledger knows that it is sealed. */
  noted = false;
  /** Rises with every file that takes the place of the one before. */
  version = 0;
  /** Monotonic ms; what is old and mostly released is compacted. */
  sealedAt = 0;
  readonly #times: number[] = [];

  constructor(id: number, first: Place, bytes: number) {
    this.id = id;
    this.first = first;
    this.last = first - 1;
    this.written = first - 1;
    this.bytes = bytes;
    this.releases = new Releases(first);
  }

  /** How many of its records are not released. */
  get open(): number {
    return this.last - this.first + 1 - this.releases.count;
  }

  /** Takes a record up, whose number is above the last one. */
  add(place: Place, rows: number, at: number): void {
    this.last = place;
    this.rows += rows;
    this.records++;
    if (at < this.from) this.from = at;
    if (at > this.to) this.to = at;
    const index = place - this.first;
    if (index % TIMED === 0) this.#times[index / TIMED] = at;
  }

  /** When the first open record was appended, rather too early; null: none is open. */
  oldestAt(): number | null {
    const place = this.releases.nextOpen(this.first, this.last);
    if (place === null) return null;
    return this.#times[Math.floor((place - this.first) / TIMED)] ?? this.from;
  }

  /** A file with its open records alone has taken the place of the one before. */
  replaced(bytes: number, records: number): void {
    this.bytes = bytes;
    this.records = records;
    this.compacted = true;
    this.version++;
  }

  seal(): Seal {
    const { last, bytes, rows } = this;
    const from = Number.isFinite(this.from) ? this.from : 0;
    return { last, bytes, rows, from, to: this.to };
  }

  static sealed(id: number, first: Place, seal: Seal): Segment {
    const segment = new Segment(id, first, seal.bytes);
    segment.last = seal.last;
    segment.written = seal.last;
    segment.rows = seal.rows;
    segment.records = seal.last - first + 1;
    segment.from = seal.from;
    segment.to = seal.to;
    segment.sealed = true;
    return segment;
  }
}

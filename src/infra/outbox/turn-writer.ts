import type { Clock } from '../../common/clock.ts';
import { type DiskFile, writeAll, writeAllInThread } from './disk.ts';
import { roomFor, writeRecord } from './record.ts';
import type { Place, Stored } from './store.ts';

const FIRST_BYTES = 65_536;
/** What may wait in memory while the disk is slow. */
const MOST_BYTES = 8_388_608;
/** A buffer of which so much was written is kept for the next write. */
const SPARE_IS_NEEDED = 1 / 4;
/** A write that held the event loop for so long is followed by writes in a thread. */
const SLOW_WRITE_MS = 50;

/** What is told of writes. */
export interface WriterEvents {
  /** The records up to this one are on disk. @param bytes how much that was */
  written(last: Place, bytes: number): void;
  /** These are not, and none that is buffered. */
  failed(first: Place, last: Place, error: unknown): void;
}

/**
 * Gathers the records of a loop turn and writes them at once. As a rule the event loop makes the write itself: a copy into the
 * page cache takes microseconds, a thread and back takes ten times as much. Where the disk is slow of late a thread
 * makes it, and the records gather meanwhile.
 */
export class TurnWriter {
  readonly #clock: Clock;
  readonly #salt: number;
  readonly #events: WriterEvents;
  readonly #slow: () => boolean;
  #file: DiskFile | null = null;
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  #first: Place = 0;
  #last: Place = 0;
  /** Rows of this life so far. */
  #rows = 0;
  /** A second buffer, which a thread writes or has written. */
  #spare: Buffer | null = null;
  #writing: Promise<void> | null = null;
  #writingSince = 0;
  #lastWriteMs = 0;
  #longestMs = 0;
  #heldMs = 0;

  /** @param slow whether the disk is slow of late, by other signs than our writes */
  constructor(clock: Clock, salt: number, events: WriterEvents, slow: () => boolean) {
    this.#clock = clock;
    this.#salt = salt;
    this.#events = events;
    this.#slow = slow;
  }

  /** Nothing is buffered or on its way: the file may be changed for another. */
  get idle(): boolean {
    return this.#length === 0 && this.#writing === null;
  }

  /** Bytes that are not on their way. */
  get buffered(): number {
    return this.#length;
  }

  /** For how long a thread has been at a write, ms; 0: there is none. */
  get waitingMs(): number {
    return this.#writing === null ? 0 : this.#clock.now() - this.#writingSince;
  }

  /** The longest that a write held the event loop. */
  get longestMs(): number {
    return this.#longestMs;
  }

  /** The same since this was asked last. */
  takeHeldMs(): number {
    const heldMs = this.#heldMs;
    this.#heldMs = 0;
    return heldMs;
  }

  /** Only while idle. @param file null: nothing can be written */
  use(file: DiskFile | null): void {
    this.#file = file;
  }

  /** Buffers a record. @returns false where it has no room */
  append(place: Place, message: Stored): boolean {
    const room = this.#length + roomFor(message);
    if (room > this.#bytes.length && !this.#grow(room)) return false;
    if (this.#length === 0) this.#first = place;
    this.#length += writeRecord(this.#bytes, this.#length, this.#salt, place, this.#rows, message);
    this.#last = place;
    this.#rows += message.rows;
    return true;
  }

  commit(): void {
    if (this.#length === 0 || this.#writing !== null) return;
    const file = this.#file;
    if (file === null) return this.#fail(this.#first, new Error('no segment is open'));
    if (this.#lastWriteMs > SLOW_WRITE_MS || this.#slow()) this.#writeInThread(file);
    else this.#write(file);
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  #write(file: DiskFile): void {
    const began = this.#clock.now();
    const length = this.#length;
    try {
      writeAll(file, this.#bytes.subarray(0, length));
    } catch (error) {
      this.#fail(this.#first, error);
      return;
    } finally {
      this.#lastWriteMs = this.#clock.now() - began;
      if (this.#lastWriteMs > this.#heldMs) this.#heldMs = this.#lastWriteMs;
      if (this.#lastWriteMs > this.#longestMs) this.#longestMs = this.#lastWriteMs;
    }
    this.#length = 0;
    this.#events.written(this.#last, length);
  }

  #writeInThread(file: DiskFile): void {
    const bytes = this.#bytes;
    const length = this.#length;
    const first = this.#first;
    const last = this.#last;
    this.#bytes = this.#spare ?? Buffer.allocUnsafe(FIRST_BYTES);
    this.#spare = null;
    this.#length = 0;
    this.#writingSince = this.#clock.now();
    this.#writing = writeAllInThread(file, bytes.subarray(0, length)).then(
      () => {
        this.#lastWriteMs = this.#clock.now() - this.#writingSince;
        this.#ended(bytes, length);
        this.#events.written(last, length);
        this.commit();
      },
      (error) => {
        this.#ended(bytes, length);
        this.#fail(first, error);
      },
    );
  }

  #ended(bytes: Buffer, length: number): void {
    this.#writing = null;
    // Of a large one that was hardly needed memory is given back; one that is needed again does not grow anew each time.
    this.#spare = bytes.length > FIRST_BYTES && length < bytes.length * SPARE_IS_NEEDED ? null : bytes;
  }

  /** What is buffered behind a failed write fails with it: the file ends there. */
  #fail(first: Place, error: unknown): void {
    this.#length = 0;
    this.#file = null;
    this.#events.failed(first, this.#last, error);
  }

  #grow(room: number): boolean {
    if (room > MOST_BYTES && this.#length > 0) return false;
    const bytes = Buffer.allocUnsafe(Math.max(room, Math.min(this.#bytes.length * 2, MOST_BYTES)));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
    return true;
  }
}

import type { Header } from '../kafka/produce/outgoing.ts';

/** A message as the outbox keeps it: all that is needed to send it again in another life of the program. */
export interface Stored {
  readonly topic: string;
  readonly key: string | null;
  readonly headers: readonly Header[];
  readonly value: Uint8Array;
  /** The UUID in the value, by which a message is known again in its topic; '' where it has none. */
  readonly ticketId: string;
  /** Lease fence; null where there is none. */
  readonly fence: number | null;
  /** Rows in it; 0: a message about the data. */
  readonly rows: number;
  /** When it was appended, or its first row received; epoch µs. Times of what is lost are made of it. */
  readonly at: number;
}

/** The number of a record: rises by one with every record of one folder, over all lives of the program, from 1. */
export type Place = number;

export interface Kept {
  readonly place: Place;
  readonly message: Stored;
}

export interface Page {
  /** Unreleased records in order. */
  readonly records: readonly Kept[];
  /** Where to read on; null: nothing that is on disk is behind these. */
  readonly next: Place | null;
}

/** Records that cannot be read any more, told once. */
export interface Damage {
  /** Name of the file; '' where no file is left. */
  readonly segment: string;
  /** What is wrong, for people. */
  readonly reason: string;
  /** Unreleased records that are gone; null: nobody can know. */
  readonly messages: number | null;
  /** Rows in them, rather too many; null: nobody can know. */
  readonly rows: number | null;
  /** Between these times they were appended, epoch µs; null: nobody can know. */
  readonly from: number | null;
  readonly to: number | null;
  /** Their numbers are not below the one and not above the other; null: nobody can know. */
  readonly firstPlace: Place | null;
  readonly lastPlace: Place | null;
}

/** What former lives left in the folder. */
export interface Recovered {
  /** Unreleased messages. */
  readonly messages: number;
  /** Size of the segments that hold them. */
  readonly bytes: number;
  /** When the oldest of them was appended, epoch µs; null: there are none. */
  readonly oldestAt: number | null;
  /** The last number of former lives: what stands behind it is of this one. */
  readonly last: Place;
  /** Highest acknowledged offset by topic and partition, as far as the ledger knows. */
  readonly acknowledged: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/**
 * - `opening`: what is in the folder is being read
 * - `ok`
 * - `locked`: another process uses the folder
 * - `full`: `outbox.max_bytes` is reached, or the disk is full
 * - `slow`: the disk does not answer in time
 * - `broken`: the disk refuses
 * - `closed`
 */
export type StoreState = 'opening' | 'ok' | 'locked' | 'full' | 'slow' | 'broken' | 'closed';

export interface Figures {
  readonly state: StoreState;
  /** Why the state is not `ok`, in the system's own words; '' where it is. */
  readonly reason: string;
  /** Unreleased messages. */
  readonly messages: number;
  /** Size of all files of the folder that are ours. */
  readonly bytes: number;
  /** When the oldest unreleased message was appended, epoch µs, rather too early; null: there is none. */
  readonly oldestAt: number | null;
  /** What the file system has left for us, bytes; null: unknown. */
  readonly diskLeft: number | null;
  /** Counted since the start: */
  readonly appended: number;
  readonly bytesWritten: number;
  readonly released: number;
  /** Records that were not taken, or whose write failed. */
  readonly notKept: number;
  /** Messages lost to damage, as far as they can be counted. */
  readonly lost: number;
  /** The longest that a write held the event loop, ms. */
  readonly longestWriteMs: number;
}

/** What the store tells. None of it is called from within `append` or `release`. */
export interface StoreEvents {
  /** The folder is ours and read; until then nothing is taken. Not called again. */
  opened(recovered: Recovered): void;
  /** The write of these records failed: they are not on disk, will not be read back, and need no release. */
  notKept(first: Place, last: Place): void;
  damaged(damage: Damage): void;
  /** A write that the event loop made itself, and for which it stood still, was done after so long, ms. */
  stood(ms: number): void;
  /** The state, or the reason for it, changed. */
  changed(state: StoreState, reason: string): void;
}

/** Messages on disk, in order, until they are released. One writer, one reader. */
export interface Store {
  /**
   * Buffers a record; `commit` writes it. The message is copied: its value may be used again at once.
   * @returns its number, or null where the outbox takes none now (see `figures.state`) and the message has to do without
   */
  append(message: Stored): Place | null;
  /**
   * Writes what is buffered, in one write; for the end of each loop turn. Where the disk is slow of late the write is
   * made in a thread, so that no socket waits for it. A failure is told by `notKept`, possibly from within this call.
   */
  commit(): void;
  /** The message is acknowledged, or at its end otherwise. Twice is once; an unknown number is none. */
  release(place: Place): void;
  /**
   * Unreleased records that are on disk, in order, from this number on: as many as are not larger than `mostBytes`
   * together, but one at least. One call after the other. What cannot be read is told by `damaged` and left out.
   * @throws {Error} where the disk refuses or does not answer in time; later it may again
   */
  read(from: Place, mostBytes: number): Promise<Page>;
  /** Everything up to this number is on disk, unless `notKept` told otherwise. */
  readonly written: Place;
  /** Null until `opened`. */
  readonly recovered: Recovered | null;
  /** Notes an acknowledged offset; the highest of each partition goes into the ledger with the next sync. */
  acknowledged(topic: string, partition: number, offset: number): void;
  readonly figures: Figures;
  /** Writes and syncs what is left to say and gives the folder up; not later than the deadline. Never fails. */
  close(deadlineMs: number): Promise<void>;
}

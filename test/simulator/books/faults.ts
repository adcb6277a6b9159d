import type { SimSocket } from '../sim-socket.ts';

/** What a book can be told to do wrong. */
export type BookFault =
  /** The next frame of the code is never sent; its numbers are gone. Kraken: the next that changes the ten best. */
  | 'drop'
  /** The next frame is sent after the one that follows it. */
  | 'swap'
  /** The next frame is sent once more after the one that follows it: its number falls. */
  | 'falling'
  /** The next checksum is wrong. */
  | 'checksum'
  /** The whole book comes once more in the middle of the stream. */
  | 'snapshot'
  /** Best bid and best ask cross for `forMs` (300). */
  | 'crossed'
  /** All but 5 levels a side go, for `forMs` (1000). */
  | 'shrink'
  /** The bids go, for `forMs` (1000). */
  | 'empty'
  /** The exchange's service begins anew: see `Books.restart`. */
  | 'restart'
  /** The next `count` (1) whole books over REST or on request are as the book is now. */
  | 'rest-older'
  /** The next `count` (1) whole books over REST are refused with 429. */
  | 'rest-429';

/** A fault that waits for the next frame of its code. */
export interface Armed {
  readonly fault: BookFault;
  /** The frame that waits for the one behind it. */
  held: Outgoing | null;
}

/** Frames of one publication as they go to each socket. */
export type Outgoing = readonly {
  readonly socket: SimSocket;
  readonly frames: readonly (string | Uint8Array)[];
}[];

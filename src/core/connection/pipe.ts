import type { BookReading, Event, Session } from '../exchange.ts';
import type { Market, Micros } from '../market/market.ts';
import type { Row } from '../market/rows.ts';

/** What a session reads out of frames that concerns the socket and not the data. */
export type ControlEvent = Exclude<Event, Row | BookReading | { readonly kind: 'reject' }>;

/** One socket as its pipeline sees it. Every call may also come after the socket has ended; it then changes nothing. */
export interface SocketHandle {
  /** Unique in the process; rises with every socket opened. */
  readonly id: number;
  /** The state that reads this socket's frames. */
  readonly session: Session;
  /** The socket that this one is to replace: both bring the same for a while. */
  readonly predecessor: number | null;
  /** Everything a session emits that is neither a row nor a reject. */
  control(event: ControlEvent): void;
  /**
   * Rows of this market were read: called at most once per market and chunk.
   * @param atMs `Clock.now()` of the chunk, read once for all its markets
   * @param live how many of them were no snapshots: an exchange that answers a new subscription and then stays silent
   *   is silent
   * @param lastEventTime exchange time of the last of them
   */
  data(market: Market, atMs: number, live: number, lastEventTime: Micros): void;
}

/** Where the frames of one socket go. */
export interface FrameSink {
  /** Text frames as strings, binary frames as bytes that nobody writes to afterwards. Never throws. */
  push(data: string | Uint8Array, receivedAt: Micros): void;
  /** The socket has ended; no push follows. */
  end(): void;
}

/** Makes the beginning of the pipeline for a socket that is about to open. */
export type Pipe = (socket: SocketHandle) => FrameSink;

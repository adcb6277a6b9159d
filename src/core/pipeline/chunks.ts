import type { SocketHandle } from '../connection/pipe.ts';
import type { Micros } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { Lane } from './lane.ts';
import type { ChunkArrival } from './transit.ts';

/** Streams carry arrays: a stage costs microseconds a call, so it is called once for all frames of one moment. */

/** Frames of one socket as they came, all of them within one minute. */
export interface FrameChunk {
  readonly socket: SocketHandle;
  readonly frames: (string | Uint8Array)[];
  readonly receivedAt: Micros[];
  /** Of the first of them; an object of this chunk alone, which stands for it while it is on its way. */
  readonly arrival: ChunkArrival;
  /** Wire bytes of all frames, still held by the byte budget. */
  readonly bytes: number;
  /** When nothing more was waiting: our clock. */
  readonly lookedAt: Micros;
  /** Running number of the first frame on its socket. */
  readonly first: number;
}

/** The same frames as text. */
export interface TextChunk {
  readonly socket: SocketHandle;
  /** Bytes only where the session may read them as they are; null for a frame that is no text, which was reported. */
  readonly texts: readonly (string | Uint8Array | null)[];
  /** Of the first frame of the chunk, whether it is text or not. */
  readonly arrival: ChunkArrival;
  readonly receivedAt: readonly Micros[];
  /** Running number of the first frame on its socket. */
  readonly first: number;
  readonly bytes: number;
  readonly lookedAt: Micros;
}

/** Sound rows of one socket. */
export interface RowChunk {
  readonly socket: SocketHandle;
  readonly rows: Row[];
  readonly arrival: ChunkArrival;
}

/** All rows of a socket that has ended have passed. */
export interface SocketEnded {
  readonly ended: SocketHandle;
}

/** Time has passed: what waits for it is to be looked at, behind everything that came before. */
export const TICK = { tick: true } as const;

/** What comes to the stage where the sockets of a stream meet. */
export type Incoming = RowChunk | SocketEnded | typeof TICK;

/** Rows to be written, each beside the lane of its code. */
export interface LaneChunk {
  readonly rows: Row[];
  readonly lanes: Lane[];
  /** Of the oldest. */
  readonly arrival: ChunkArrival;
}

/** A frame, or element `row` of one, that did not become a row. */
export interface Rejected {
  readonly socket: SocketHandle;
  readonly reason: string;
  readonly row: number | null;
  readonly frame: string | Uint8Array;
  readonly receivedAt: Micros;
  /** Running number of the frame on its socket. */
  readonly number: number;
}
export type OnRejected = (rejected: Rejected) => void;

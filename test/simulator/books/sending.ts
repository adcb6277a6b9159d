import type { Ledger } from '../ledger.ts';
import type { Protocol } from '../protocol.ts';
import type { SimSocket } from '../sim-socket.ts';
import type { CodeBook } from './code-book.ts';
import type { Outgoing } from './faults.ts';
import type { Publication } from './publication.ts';

/** What the books of an exchange need of it. */
export interface BookHost {
  readonly protocol: Protocol;
  readonly ledger: Ledger;
  readonly sockets: ReadonlyMap<number, SimSocket>;
  readonly muted: readonly { type?: string; symbol?: string }[];
}

type Frame = string | Uint8Array;

/** Brings frames of books to the sockets. */
export class Sending {
  /** What goes out together, by socket: writing each frame by itself is half of what books cost. */
  #batch: Map<SimSocket, Frame[]> | null = null;

  constructor(readonly host: BookHost) {}

  /** Frames as each socket gets them, which counts on where a socket counts them; none where the code is muted. */
  prepare(
    { listing: { symbol }, timeMs }: CodeBook,
    { channel }: Publication,
    texts: readonly string[],
    sockets: ReadonlySet<SimSocket>,
  ): Outgoing {
    const { protocol, muted } = this.host;
    const isMuted = muted.some(
      (mute) => (mute.type ?? 'orderbook') === 'orderbook' && (mute.symbol ?? symbol) === symbol,
    );
    if (isMuted) return [];
    // Encoded once for all sockets that get the same bytes.
    let shared: Frame[] | undefined;
    return [...sockets].map((socket) => {
      const { book } = socket.conversation;
      if (book) {
        const own = texts.map((text) => book(symbol, channel.name, text, timeMs));
        return { socket, frames: own.filter((text) => text !== null).map(protocol.encode) };
      }
      shared ??= texts.map((text) => protocol.encode(text));
      return { socket, frames: shared };
    });
  }

  send(outgoing: Outgoing): void {
    for (const { socket, frames } of outgoing) {
      const batch = this.#batch?.get(socket);
      if (batch) batch.push(...frames);
      else if (this.#batch) this.#batch.set(socket, [...frames]);
      else this.#write(socket, frames);
    }
  }

  /** What `fn` sends goes to each socket in one piece. */
  together(fn: () => void): void {
    const batch = new Map<SimSocket, Frame[]>();
    this.#batch = batch;
    fn();
    this.#batch = null;
    for (const [socket, frames] of batch) socket.corked(() => this.#write(socket, frames));
  }

  #write(socket: SimSocket, frames: readonly Frame[]): void {
    let bytes = 0;
    for (const frame of frames) bytes += socket.raw(frame);
    if (bytes === 0) return;
    this.host.ledger.count(this.host.protocol.id, 'orderbook', frames.length, bytes, frames.length);
  }
}

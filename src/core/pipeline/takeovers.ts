import type { SocketHandle } from '../connection/pipe.ts';
import type { Micros } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { Hole } from './id-watch.ts';
import type { Lane } from './lane.ts';
import { type Passage, type Released, Takeover } from './takeover.ts';

/** The takeovers of a stream's sockets that are under way; nearly always none. */
export class Takeovers {
  readonly #dropped: (row: Row, lane: Lane) => void;
  #all: Takeover[] = [];

  /** @param dropped told of every row that waited and turned out to be a repeat */
  constructor(dropped: (row: Row, lane: Lane) => void) {
    this.#dropped = dropped;
  }

  get any(): boolean {
    return this.#all.length > 0;
  }

  /** To be called before a socket brings anything. */
  begin({ id, predecessor, session }: SocketHandle): void {
    if (predecessor === null) return;
    const wholeBooks = session.books?.start === 'whole';
    this.#all.push(new Takeover(predecessor, id, this.#dropped, wholeBooks));
  }

  /** What becomes of a row of that socket. An old socket may itself be the successor of an older one. */
  pass(row: Row, lane: Lane, socket: number, nowMs: number): Passage {
    let passage: Passage = 'on';
    for (const takeover of this.#all) {
      if (passage !== 'on') break;
      if (socket === takeover.successor) passage = takeover.fromSuccessor(row, lane, nowMs);
      else if (socket === takeover.old) passage = takeover.fromOld(row, lane);
    }
    return passage;
  }

  /** The rows that have waited too long. */
  overdue(nowMs: number): Released[] {
    const released = this.#all.flatMap((takeover) => takeover.overdue(nowMs));
    this.#all = this.#all.filter((takeover) => !takeover.over(nowMs));
    return released;
  }

  /** A socket has ended and all of its rows have passed. @returns the rows that waited for it */
  ended(socket: number, nowMs: number): Released[] {
    for (const takeover of this.#all) if (takeover.successor === socket) takeover.fail();
    return this.#all.flatMap((takeover) => (takeover.old === socket ? takeover.end(nowMs) : []));
  }

  /** When the oldest row arrived that waits; infinity where none does. */
  oldest(): Micros {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#all.map((takeover) => takeover.oldest()));
  }

  /** Whether a trade that waits has ids of the hole. */
  hold(lane: Lane, hole: Hole): boolean {
    return this.#all.some((takeover) => takeover.holds(lane, hole));
  }

  /** The stream ends: all rows that wait. */
  end(nowMs: number): Released[] {
    return this.#all.splice(0).flatMap((takeover) => takeover.end(nowMs));
  }
}

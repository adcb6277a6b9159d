import type { Micros } from './market.ts';
import { timeOf } from './read-values.ts';

/** What stands behind the payload of a frame. */
export interface Marks {
  /** The number of the frame on its socket; null without. */
  readonly seq: number | null;
  /** The server's time; null without, NaN where it is none. */
  readonly time: Micros | null;
}

/** Times in milliseconds are above, numbers of one socket's frames below. */
const LEAST_TIME = 1e12;

/**
 * Numbers and times that a server was asked to put behind every frame of a socket, one after the other. Before its answer
 * tells which of them come, only their size tells them apart.
 */
export class FrameMarks {
  #agreed: { readonly numbered: boolean; readonly timed: boolean } | null = null;
  #last: number | null = null;

  agree(numbered: boolean, timed: boolean): void {
    this.#agreed = { numbered, timed };
  }

  /** @param at where the payload ends */
  read(frame: readonly unknown[], at: number): Marks {
    const first = frame[at];
    const numbered = this.#agreed?.numbered ?? !isTime(first);
    const time = numbered ? frame[at + 1] : first;
    const timed = this.#agreed ? this.#agreed.timed && time !== undefined : isTime(time);
    return {
      seq: numbered && Number.isSafeInteger(first) ? (first as number) : null,
      time: timed ? timeOf(time) : null,
    };
  }

  /** Whether frames are missing before this one. Only what the server agreed to number is held against its numbers. */
  hole({ seq }: Marks): boolean {
    if (!this.#agreed?.numbered || seq === null) return false;
    const last = this.#last;
    this.#last = seq;
    return last !== null && seq > last + 1;
  }
}

function isTime(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > LEAST_TIME;
}

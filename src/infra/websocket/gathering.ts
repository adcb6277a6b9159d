import type { Cancel, Clock } from '../../common/clock.ts';

/** Frames of one socket between two turns from which on it is busy. */
const BUSY = 2;

/** A socket whose reading is held until the next turn, and how many frames it brought since the last one. */
export interface Gathered {
  frames: number;
  hold(): void;
  release(): void;
}

/**
 * Lets busy sockets be read together, at most every so many ms: each wake-up of the process for a single frame costs more
 * than the frame. What comes meanwhile waits in the kernel; nothing blocks. A socket with less than two frames between
 * two turns is read as it comes.
 */
export class Gathering {
  readonly #clock: Clock;
  readonly #everyMs: number;
  /** Those that brought something since the last turn. */
  #active = new Set<Gathered>();
  #held: Gathered[] = [];
  #next: Cancel | null = null;
  #looks = false;

  /** @param everyMs 0: nothing is ever held */
  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** A frame of this socket was read. */
  read(socket: Gathered): void {
    if (this.#everyMs === 0) return;
    socket.frames++;
    this.#active.add(socket);
    this.#next ??= this.#clock.after(this.#everyMs, () => this.#turn());
    if (this.#looks || socket.frames < BUSY) return;
    this.#looks = true;
    // Once all that has arrived is read: a socket that is held in the middle may keep some of it to itself.
    setImmediate(() => this.#hold());
  }

  #hold(): void {
    this.#looks = false;
    // The turn has come in between.
    if (this.#next === null) return;
    for (const socket of this.#active) {
      if (socket.frames < BUSY) continue;
      this.#active.delete(socket);
      this.#held.push(socket);
      socket.hold();
    }
  }

  #turn(): void {
    this.#next = null;
    for (const socket of this.#active) socket.frames = 0;
    this.#active.clear();
    for (const socket of this.#held.splice(0)) {
      socket.frames = 0;
      socket.release();
    }
  }
}

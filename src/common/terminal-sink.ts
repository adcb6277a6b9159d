import { constants, openSync, writeSync } from 'node:fs';
import { type Clock, systemClock } from './clock.ts';
import type { LineSink } from './line-output.ts';

/** How soon a terminal that takes nothing is tried again, in ms. */
const RETRY_MS = 20;

/**
 * Standard output or error where it is a terminal. The runtime's own stream waits, and all of the program with it, while a
 * terminal is held (Ctrl-S, a connection that hangs); here it is opened once more as one that is never waited for.
 * @param stream what is used where it is no terminal, or cannot be opened again
 */
export function patientSink(stream: NodeJS.WriteStream & { fd: 1 | 2 }): LineSink {
  if (stream.isTTY !== true) return stream;
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return new TerminalSink(openSync(`/proc/self/fd/${stream.fd}`, flags), systemClock);
  } catch {
    return stream;
  }
}

interface Waiting {
  readonly bytes: Buffer;
  readonly done: (error?: Error | null) => void;
}

class TerminalSink implements LineSink {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  /** Bytes of the first one that the terminal has. */
  #taken = 0;
  #retrying = false;
  readonly #listeners: ((error: Error) => void)[] = [];

  constructor(fd: number, clock: Clock) {
    this.#fd = fd;
    this.#clock = clock;
  }

  on(_event: 'error', listener: (error: Error) => void): void {
    this.#listeners.push(listener);
  }

  write(text: string, done: (error?: Error | null) => void): void {
    this.#waiting.push({ bytes: Buffer.from(text), done });
    if (!this.#retrying) this.#drain();
  }

  #drain(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const outcome = this.#put(first.bytes.subarray(this.#taken));
      if (outcome === 'held') return this.#retry();
      if (typeof outcome === 'number') this.#taken += outcome;
      if (typeof outcome === 'number' && this.#taken < first.bytes.length) continue;
      this.#waiting.shift();
      this.#taken = 0;
      first.done(typeof outcome === 'number' ? null : outcome);
      if (typeof outcome !== 'number') for (const listener of this.#listeners) listener(outcome);
    }
  }

  /** How many bytes it took. */
  #put(bytes: Buffer): number | 'held' | Error {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'held' : (error as Error);
    }
  }

  #retry(): void {
    this.#retrying = true;
    this.#clock.after(RETRY_MS, () => {
      this.#retrying = false;
      this.#drain();
    });
  }
}

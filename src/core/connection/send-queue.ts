import type { Beat } from './heartbeat.ts';

/** Answers that may wait at once; an exchange that asks for more than its own limits let us send gets no more. */
const MOST = 64;
/** The place of our own heartbeats. */
const BEAT = '';

/** What is to be sent before subscriptions: answers that the protocol demands, and heartbeats. Bounded. */
export class SendQueue {
  /** By the name under which a later one takes its place; those without a name have numbers. */
  readonly #waiting = new Map<string | number, Beat>();
  readonly #onDrop: () => void;
  #last = 0;

  /** @param onDrop called for each answer that is not sent: a later one came before its turn, or too many wait */
  constructor(onDrop: () => void) {
    this.#onDrop = onDrop;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** @param instead an earlier one of this name that still waits is not sent: this one takes its place */
  push(text: string, instead?: string): void {
    this.#put(instead ?? ++this.#last, { text });
  }

  beat(beat: Beat): void {
    this.#waiting.set(BEAT, beat);
  }

  shift(): Beat | undefined {
    for (const [key, beat] of this.#waiting) {
      this.#waiting.delete(key);
      return beat;
    }
    return undefined;
  }

  #put(key: string | number, beat: Beat): void {
    const replaces = this.#waiting.has(key);
    if (replaces || this.#waiting.size >= MOST) this.#onDrop();
    if (replaces || this.#waiting.size < MOST) this.#waiting.set(key, beat);
  }
}

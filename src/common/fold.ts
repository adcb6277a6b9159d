import type { Cancel, Clock } from './clock.ts';

/**
 * Folds repeats: the first of a kind passes at once, those within the window after it are counted, and the count is
 * told once the window is over. A flood costs a counter, not a message each, and nothing is hidden.
 */
export class Fold<T> {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #tell: (item: T, repeated: number) => void;
  readonly #open = new Map<string, { last: T; repeated: number; cancel: Cancel }>();

  /** @param tell gets the first of a kind with 0, later the last one with how many came since it was told before */
  constructor(clock: Clock, windowMs: number, tell: (item: T, repeated: number) => void) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#tell = tell;
  }

  add(key: string, item: T): void {
    const open = this.#open.get(key);
    if (open) {
      open.repeated++;
      open.last = item;
      return;
    }
    this.#start(key, item);
    this.#tell(item, 0);
  }

  /** Tells every count that is still open. */
  flush(): void {
    for (const [key, { last, repeated, cancel }] of this.#open) {
      cancel();
      this.#open.delete(key);
      if (repeated > 0) this.#tell(last, repeated);
    }
  }

  #start(key: string, item: T): void {
    const cancel = this.#clock.after(this.#windowMs, () => this.#end(key));
    this.#open.set(key, { last: item, repeated: 0, cancel });
  }

  #end(key: string): void {
    const open = this.#open.get(key);
    this.#open.delete(key);
    if (!open || open.repeated === 0) return;
    // It still goes on: the next window starts, so that a lasting flood is told once a window.
    this.#start(key, open.last);
    this.#tell(open.last, open.repeated);
  }
}

import type { Cancel, Clock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';

/**
 * The time that a stop has, in all: each part gets what is left of it, less what the parts after it need, and is left
 * behind when that is over.
 */
export class Ending {
  readonly #clock: Clock;
  readonly #until: number;
  /** Parts that took longer than was theirs, in the order of the stop, and whether they have ended since. */
  readonly #late = new Map<string, Promise<unknown>>();
  readonly #ended = new Set<string>();
  readonly #failed: string[] = [];

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#until = clock.now() + timeoutMs;
  }

  /** Until the deadline, in ms. */
  get leftMs(): number {
    return Math.max(0, this.#until - this.#clock.now());
  }

  /** Parts that did not end in their time, in the order of the stop. */
  get late(): readonly string[] {
    return [...this.#late.keys()];
  }

  /** Those of them that have not ended yet. */
  get hung(): readonly string[] {
    return this.late.filter((name) => !this.#ended.has(name));
  }

  /** Waits until the late ones have ended too, or the deadline is there. */
  async rest(): Promise<void> {
    if (this.hung.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(this.leftMs, resolve);
    await Promise.race([Promise.all(this.#late.values()), promise]);
    cancel();
  }

  /** What parts failed with: `name: words`. */
  get failed(): readonly string[] {
    return this.#failed;
  }

  /**
   * Waits for a part, until `keepMs` before the deadline.
   * @returns what it came to; null where it did not end in time, or failed
   */
  async part<T>(name: string, work: () => Promise<T>, keepMs: number): Promise<T | null> {
    let cancel: Cancel = () => {};
    const done = this.#settled(name, work);
    const late = new Promise<null>((resolve) => {
      cancel = this.#clock.after(this.leftMs - keepMs, () => {
        this.#ended.delete(name);
        this.#late.set(name, done);
        void done.then(() => this.#ended.add(name));
        resolve(null);
      });
    });
    const first = await Promise.race([done, late]);
    cancel();
    return first;
  }

  /** Never rejects: the parts after a failed one are stopped all the same. */
  async #settled<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.#failed.push(`${name}: ${messageOf(error)}`);
      return null;
    }
  }
}

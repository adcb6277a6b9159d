import type { Clock } from '../../../common/clock.ts';

/** A missing topic is made anew at most this often. */
const EVERY_MS = 5_000;

/** Makes topics anew that somebody deleted, one attempt at a time. */
export class TopicRepair {
  readonly #clock: Clock;
  readonly #repair: () => Promise<unknown>;
  readonly #failed: (error: unknown) => void;
  #againAt = Number.NEGATIVE_INFINITY;
  /** The attempt under way; null where there is none. */
  running: Promise<void> | null = null;

  constructor(clock: Clock, repair: () => Promise<unknown>, failed: (error: unknown) => void) {
    this.#clock = clock;
    this.#repair = repair;
    this.#failed = failed;
  }

  /** @param made called when all topics are there */
  start(made: () => void): void {
    if (this.running || this.#clock.now() < this.#againAt) return;
    this.#againAt = this.#clock.now() + EVERY_MS;
    this.running = this.#repair()
      .then(made, this.#failed)
      .finally(() => {
        this.running = null;
      });
  }
}

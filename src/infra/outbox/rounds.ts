import type { Cancel, Clock } from '../../common/clock.ts';

/** One thing that is done in each round. */
export type Step = () => Promise<void>;

/** What is done in an interval, one after the other, in threads: a round begins when the one before has ended. */
export class Rounds {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #steps: readonly Step[];
  readonly #ended: (failures: readonly unknown[]) => void;
  #cancel: Cancel = () => {};
  #running: Promise<void> | null = null;
  #stepSince = 0;
  #stopped = false;

  /** @param ended told after each round what its steps failed with */
  constructor(
    clock: Clock,
    everyMs: number,
    steps: readonly Step[],
    ended: (failures: readonly unknown[]) => void,
  ) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#steps = steps;
    this.#ended = ended;
  }

  /** For how long the step has been under way, ms; 0: none is. */
  get stepMs(): number {
    return this.#running === null ? 0 : this.#clock.now() - this.#stepSince;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel();
    this.#cancel = this.#clock.after(this.#everyMs, () => {
      this.run().then(() => this.start());
    });
  }

  /** A round at once, behind the one that is under way. */
  async run(): Promise<void> {
    while (this.#running !== null) await this.#running;
    this.#running = this.#round();
    await this.#running;
  }

  /** No more rounds by themselves. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #round(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps) {
      this.#stepSince = this.#clock.now();
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#running = null;
    this.#ended(failures);
  }
}

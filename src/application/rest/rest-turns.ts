import type { Cancel, Clock } from '../../common/clock.ts';
import { WeightBudget } from '../../core/connection/weight-budget.ts';
import type { Exchange } from '../../core/exchange.ts';

/** What is asked for over REST, in the order in which it goes first. */
const CLASSES = ['list', 'book', 'backfill'] as const;
export type RestClass = (typeof CLASSES)[number];

export interface RestJob {
  readonly class: RestClass;
  readonly weight: number;
  /** Of the same class the highest goes first; of equal ones the oldest. */
  rank(): number;
  /** Whether it is still of use. */
  wanted(): boolean;
  /** Never rejects. @returns for how long the exchange wants to see no request, in ms */
  run(): Promise<number>;
  /** It was given up, as nobody wants it any more. */
  dropped(): void;
}

/** Requests under way at once: answers come in about the order of the questions, and a slow one holds up few. */
const MOST_AT_ONCE = 4;

/**
 * The turns of one exchange's REST interface: market lists, order books and back-fill share what an address may ask for.
 */
export class RestTurns {
  readonly #clock: Clock;
  readonly #budget: WeightBudget;
  readonly #waiting: RestJob[] = [];
  #running = 0;
  #cancel: Cancel = () => {};
  #stopped = false;

  constructor(clock: Clock, { limits }: Pick<Exchange, 'limits'>) {
    this.#clock = clock;
    this.#budget = new WeightBudget(limits.rest ?? []);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(job: RestJob): void {
    this.#waiting.push(job);
    this.#pump();
  }

  /** Resolves when a request of that weight may be sent; it counts as sent. */
  turn(kind: RestClass, weight: number): Promise<void> {
    return new Promise((resolve) => {
      this.add({
        class: kind,
        weight,
        rank: () => 0,
        wanted: () => true,
        run: async () => {
          resolve();
          return 0;
        },
        dropped: resolve,
      });
    });
  }

  /** The exchange has answered that it wants no request for so long. */
  block(forMs: number): void {
    this.#budget.block(this.#clock.now(), forMs);
  }

  /** What waits is dropped, and whatever comes is at once. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
    for (const job of this.#waiting.splice(0)) job.dropped();
  }

  #pump(): void {
    this.#cancel();
    while (this.#running < MOST_AT_ONCE) {
      const job = this.#first();
      if (!job) return;
      const nowMs = this.#clock.now();
      const wait = this.#budget.delay(nowMs, job.weight);
      if (wait > 0 && !this.#stopped) {
        this.#cancel = this.#clock.after(wait, () => this.#pump());
        return;
      }
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      if (this.#stopped) job.dropped();
      else this.#run(job, nowMs);
    }
  }

  #run(job: RestJob, nowMs: number): void {
    this.#budget.take(nowMs, job.weight);
    this.#running++;
    void job.run().then((forMs) => {
      this.#running--;
      if (forMs > 0) this.block(forMs);
      this.#pump();
    });
  }

  /** The next one; those that nobody wants any more are dropped on the way. */
  #first(): RestJob | null {
    for (let at = this.#waiting.length - 1; at >= 0; at--) {
      const job = this.#waiting[at] as RestJob;
      if (job.wanted()) continue;
      this.#waiting.splice(at, 1);
      job.dropped();
    }
    let first: RestJob | null = null;
    let highest = Number.NEGATIVE_INFINITY;
    for (const job of this.#waiting) {
      const ahead = first === null ? 0 : CLASSES.indexOf(first.class) - CLASSES.indexOf(job.class);
      const rank = job.rank();
      if (first !== null && (ahead < 0 || (ahead === 0 && rank <= highest))) continue;
      first = job;
      highest = rank;
    }
    return first;
  }
}

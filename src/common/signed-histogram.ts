import { Histogram } from './histogram.ts';
import type { Buckets } from './metrics.ts';

/** A histogram of integers that may be negative: a time between two clocks is, where the other one is ahead. */
export class SignedHistogram {
  readonly #below = new Histogram();
  readonly #above = new Histogram();
  #min = Number.POSITIVE_INFINITY;

  record(value: number): void {
    if (value < 0) this.#below.record(-value);
    else this.#above.record(value);
    if (value < this.#min) this.#min = value;
  }

  get count(): number {
    return this.#below.count + this.#above.count;
  }

  get sum(): number {
    return this.#above.sum - this.#below.sum;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The least value, exactly; null where there is none. */
  get min(): number | null {
    return this.#min === Number.POSITIVE_INFINITY ? null : this.#min;
  }

  /** The value that `fraction` of the samples do not exceed, to the width of its bucket; 0 when empty. */
  percentile(fraction: number): number {
    if (this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil(fraction * this.count));
    const below = this.#below.count;
    if (rank > below) return this.#above.percentile((rank - below) / this.#above.count);
    return -this.#below.percentile((below - rank + 1) / below);
  }

  /** As whoever can only add up may show it: what is below 0 counts as 0, so that the sum never falls. */
  get clipped(): Buckets {
    return { count: this.count, sum: this.#above.sum, countUpTo: (value) => this.countUpTo(value) };
  }

  /** Samples not above `value`, which is 0 or more, to the width of its bucket. */
  countUpTo(value: number): number {
    return this.#below.count + this.#above.countUpTo(value);
  }

  merge(other: SignedHistogram): void {
    this.#below.merge(other.#below);
    this.#above.merge(other.#above);
    this.#min = Math.min(this.#min, other.#min);
  }
}

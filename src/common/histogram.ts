/** Sub-buckets per power of two: a bucket is at most 1/16 (6.25 %) wide. */
const SUB_BITS = 4;
const SUB = 1 << SUB_BITS;
/** Values from here on share the last bucket: 2^31 µs is 36 minutes. */
const MAX = 2 ** 31 - 1;
const BUCKETS = indexOf(MAX) + 1;

function indexOf(value: number): number {
  if (value < SUB) return value;
  const exponent = 31 - Math.clz32(value);
  return ((exponent - SUB_BITS + 1) << SUB_BITS) + ((value >> (exponent - SUB_BITS)) & (SUB - 1));
}

/** Largest value that falls into a bucket. */
function upperBound(index: number): number {
  if (index < SUB) return index;
  const exponent = (index >> SUB_BITS) + SUB_BITS - 1;
  const sub = index & (SUB - 1);
  return (SUB + sub + 1) * 2 ** (exponent - SUB_BITS) - 1;
}

/**
 * Counts of non-negative integers (microseconds) in log-linear buckets; histograms of shards and minutes add up
 * without loss. Recording allocates nothing.
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;

  /** Negative values (clocks apart) count as 0. */
  record(value: number): void {
    const clean = value > 0 ? (value < MAX ? value | 0 : MAX) : 0;
    const at = indexOf(clean);
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#count++;
    this.#sum += clean;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** The value that `fraction` of the samples do not exceed, to the width of its bucket; 0 when empty. */
  percentile(fraction: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(fraction * this.#count));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i] ?? 0;
      if (seen >= rank) return upperBound(i);
    }
    return MAX;
  }

  /** Samples not above `value`, to the width of its bucket. */
  countUpTo(value: number): number {
    let seen = 0;
    for (let i = 0; i < BUCKETS && upperBound(i) <= value; i++) seen += this.#counts[i] ?? 0;
    return seen;
  }

  merge(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i] = (this.#counts[i] ?? 0) + (other.#counts[i] ?? 0);
    this.#count += other.#count;
    this.#sum += other.#sum;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sum = 0;
  }
}

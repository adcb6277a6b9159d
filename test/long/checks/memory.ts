/** Resident memory of the collector at one time. */
export interface MemorySample {
  /** Epoch ms. */
  readonly at: number;
  readonly bytes: number;
  /** Start of the process that had it, epoch ms. */
  readonly startedAt: number;
}

export interface MemoryFound {
  readonly peak: number;
  /** Medians of the first and of the last quiet time, bytes. */
  readonly first: number;
  readonly last: number;
}

/** A process that has just started still grows. */
const YOUNG_MS = 15_000;

/**
 * How memory went.
 * @param quiet times in which nothing was done, in order, epoch ms
 */
export function memoryOver(
  samples: readonly MemorySample[],
  quiet: readonly { readonly from: number; readonly to: number }[],
): MemoryFound {
  const medians = quiet.flatMap(({ from, to }) => {
    const own = samples
      .filter(({ at, startedAt }) => at >= from && at < to && at - startedAt >= YOUNG_MS)
      .map(({ bytes }) => bytes)
      .toSorted((a, b) => a - b);
    const median = own[own.length >> 1];
    return median === undefined ? [] : [median];
  });
  return {
    peak: Math.max(0, ...samples.map(({ bytes }) => bytes)),
    first: medians[0] ?? 0,
    last: medians.at(-1) ?? 0,
  };
}

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
  /** The highest median of a quiet time, bytes. */
  readonly settled: number;
  /**
   * How much more the last quiet time of a process takes than its first one, in the process that grew most, bytes: the least of
   * each is compared, as what waits for the garbage collector comes and goes. Null where none had two quiet times.
   */
  readonly growth: number | null;
}

/** A process that has just started still grows. */
const YOUNG_MS = 15_000;

/**
 * How memory went. A process is compared with itself: one that has just been started over, and fetches what was missed
 * meanwhile, is no later state of the one before.
 * @param quiet times in which nothing was done, in order, epoch ms
 */
export function memoryOver(
  samples: readonly MemorySample[],
  quiet: readonly { readonly from: number; readonly to: number }[],
): MemoryFound {
  let settled = 0;
  /** The least of each quiet time, by process. */
  const least = new Map<number, number[]>();
  for (const { from, to } of quiet) {
    const own = samples
      .filter(({ at, startedAt }) => at >= from && at < to && at - startedAt >= YOUNG_MS)
      .toSorted((a, b) => a.bytes - b.bytes);
    const median = own[own.length >> 1];
    if (median === undefined || own[0] === undefined) continue;
    settled = Math.max(settled, median.bytes);
    least.set(median.startedAt, [...(least.get(median.startedAt) ?? []), own[0].bytes]);
  }
  const growths = [...least.values()].flatMap(([first, ...more]) =>
    first === undefined || more.length === 0 ? [] : [(more.at(-1) ?? first) - first],
  );
  return {
    peak: Math.max(0, ...samples.map(({ bytes }) => bytes)),
    settled,
    growth: growths.length > 0 ? Math.max(...growths) : null,
  };
}

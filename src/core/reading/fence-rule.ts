/** What a message's headers say about the place of its rows. */
export interface Standing {
  /** Header `fence`; null where the collector runs without leases. */
  readonly fence: number | null;
  /** Header `late`: rows that were missing, brought afterwards; null where they came in their turn. */
  readonly late: string | null;
}

/** Reads the headers of a data message. What is no number is no fence. */
export function standingOf(headers: Readonly<Record<string, string>>): Standing {
  const fence = headers.fence === undefined ? null : Number(headers.fence);
  return { fence: fence !== null && Number.isFinite(fence) ? fence : null, late: headers.late ?? null };
}

/**
 * The reader's rule about fences: per topic and key, a message whose fence is below the highest seen comes from a
 * collector that no longer has the code. One without a fence comes from a collector that runs alone, and one that is
 * late by its header brings what nobody else has brought: both are kept, and neither raises the highest.
 */
export class FenceRule {
  readonly #highest = new Map<string, number>();

  /** @param at topic and key @returns whether a reader keeps the message */
  keeps(at: string, { fence, late }: Standing): boolean {
    if (fence === null || late !== null) return true;
    const before = this.#highest.get(at) ?? Number.NEGATIVE_INFINITY;
    if (fence > before) this.#highest.set(at, fence);
    return fence >= before;
  }
}

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
const CALM_MS = 300_000;

/** Codes that keep asking to be subscribed anew wait 1 s, twice as long each time up to 60 s, until they were calm. */
export class Resyncs {
  readonly #waits = new Map<string, { readonly waitMs: number; readonly atMs: number }>();

  /** Whether the code still waits. */
  pending(symbol: string, nowMs: number): boolean {
    return nowMs < (this.#waits.get(symbol)?.atMs ?? Number.NEGATIVE_INFINITY);
  }

  /** The wait of one more, in milliseconds; 0 for the first after a calm time. */
  next(symbol: string, nowMs: number): number {
    const before = this.#waits.get(symbol);
    const calm = !before || nowMs - before.atMs > CALM_MS;
    const waitMs = calm ? 0 : Math.min(Math.max(FIRST_MS, 2 * before.waitMs), LONGEST_MS);
    this.#waits.set(symbol, { waitMs, atMs: nowMs + waitMs });
    return waitMs;
  }
}

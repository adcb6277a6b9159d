import type { Rate } from '../exchange.ts';
import { heldMs } from './rate-budget.ts';

/** The other side's clock starts at arrival: windows are held longer by this share of them, see `heldMs`. */
const MARGIN = 0.2;

/** Sliding windows over requests that weigh differently: within any `perMs` at most `count` of weight, for every rate. */
export class WeightBudget {
  readonly #rates: readonly Rate[];
  readonly #taken: { readonly atMs: number; readonly weight: number }[] = [];
  readonly #longestMs: number;
  #blockedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(rates: readonly Rate[]) {
    this.#rates = rates;
    this.#longestMs = Math.max(0, ...rates.map(({ perMs }) => heldMs(perMs, MARGIN)));
  }

  /** Milliseconds until a request of that weight is allowed; 0 when it is allowed now. */
  delay(nowMs: number, weight: number): number {
    const waits = this.#rates.map((rate) => this.#wait(rate, nowMs, weight));
    return Math.max(0, this.#blockedUntilMs - nowMs, ...waits);
  }

  /** Counts one that happens now. */
  take(nowMs: number, weight: number): void {
    this.#taken.push({ atMs: nowMs, weight });
    let gone = 0;
    while ((this.#taken[gone]?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs - this.#longestMs) gone++;
    if (gone > 0) this.#taken.splice(0, gone);
  }

  /** The exchange has said that it takes nothing for so long. */
  block(nowMs: number, forMs: number): void {
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, nowMs + forMs);
  }

  /** A weight beyond the whole count is let through alone. */
  #wait({ count, perMs }: Rate, nowMs: number, weight: number): number {
    const from = nowMs - heldMs(perMs, MARGIN);
    let used = 0;
    for (let at = this.#taken.length - 1; at >= 0; at--) {
      const { atMs, weight: one } = this.#taken[at] as { atMs: number; weight: number };
      if (atMs <= from) return 0;
      used += one;
      if (used + weight > count) return atMs - from;
    }
    return 0;
  }
}

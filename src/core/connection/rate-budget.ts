import type { Rate } from '../exchange.ts';

/** The other side's clock starts at arrival, and arrivals bunch up: windows are held longer by this share. */
const MARGIN = 0.2;
const MAX_MARGIN_MS = 1000;

export interface BudgetOptions {
  /** Share by which every window is held longer than published, at most one second. */
  readonly margin?: number;
  /** How many of `count` are kept free for what is not asked for here, where `count` is at least 3. */
  readonly reserve?: number;
}

/** How long a window of `perMs` is held. */
export function heldMs(perMs: number, margin: number): number {
  return perMs + Math.min(MAX_MARGIN_MS, perMs * margin);
}

/** Rates of which this much of each count is left, one at least. */
export function share(rates: readonly Rate[], part: number): Rate[] {
  return rates.map(({ count, perMs }) => ({ count: Math.max(1, Math.floor(count * part)), perMs }));
}

/**
 * Sliding windows: within any `perMs` milliseconds at most `count` of something, for every rate given. Holds for each
 * window wherever it starts, because the `count`-th last one must have left the window before the next is allowed.
 */
export class RateBudget {
  readonly #windows: { readonly times: Float64Array; readonly ms: number; next: number }[];

  constructor(rates: readonly Rate[], options: BudgetOptions = {}) {
    const { margin = MARGIN, reserve = 0 } = options;
    this.#windows = rates.map(({ count, perMs }) => ({
      times: new Float64Array(count >= 3 ? Math.max(1, count - reserve) : Math.max(1, count)).fill(-Infinity),
      ms: heldMs(perMs, margin),
      next: 0,
    }));
  }

  /** Milliseconds until the next one is allowed; 0 when it is allowed now. */
  delay(nowMs: number): number {
    let wait = 0;
    for (const { times, ms, next } of this.#windows) {
      wait = Math.max(wait, (times[next] ?? -Infinity) + ms - nowMs);
    }
    return wait;
  }

  /** Counts one that happens now. */
  take(nowMs: number): void {
    for (const window of this.#windows) {
      window.times[window.next] = nowMs;
      window.next = (window.next + 1) % window.times.length;
    }
  }
}

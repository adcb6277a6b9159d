import type { Micros } from '../../core/market/market.ts';

/** Looks that are further apart mean that the process stood still. */
const STALL_MS = 500;

/**
 * How far back rows may reach that are read when a process that stood still goes on: they had waited in the machine, so
 * that the moment of their reading says nothing of when they were sent.
 */
export class LateReading {
  #lastMs = Number.NaN;
  #lastAt: Micros = 0;
  /** What is read until then may have been sent at any time since `from`. */
  #late: { readonly from: Micros; until: Micros } | null = null;

  /**
   * To be called at every tick.
   * @param doubtful whether what sockets are reading now may still have waited
   */
  look(nowMs: number, nowAt: Micros, doubtful: boolean): void {
    const stoodMs = nowMs - this.#lastMs;
    if (stoodMs > STALL_MS) {
      const before = this.#late && this.#late.until >= this.#lastAt ? this.#late.from : this.#lastAt;
      // As long again, for sockets are read one after the other.
      this.#late = { from: Math.min(before, this.#lastAt), until: nowAt + stoodMs * 1000 };
    } else if (this.#late && doubtful) {
      this.#late.until = Math.max(this.#late.until, nowAt);
    }
    this.#lastMs = nowMs;
    this.#lastAt = nowAt;
  }

  /** Since when a row may have been on its way that was read at `at`. */
  sentSince(at: Micros): Micros {
    return this.#late && at <= this.#late.until ? Math.min(at, this.#late.from) : at;
  }
}

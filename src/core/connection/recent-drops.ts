/** Symbols that an exchange was asked to drop a moment ago: what comes of them may have been sent before that. */
export class RecentDrops {
  readonly #lateMs: number;
  readonly #at = new Map<string, number>();

  /** @param lateMs how long rows of a dropped symbol may still be on their way */
  constructor(lateMs: number) {
    this.#lateMs = lateMs;
  }

  dropped(symbol: string, nowMs: number): void {
    for (const one of this.#at.keys()) if (!this.mayBeLate(one, nowMs)) this.#at.delete(one);
    this.#at.set(symbol, nowMs);
  }

  mayBeLate(symbol: string, nowMs: number): boolean {
    return nowMs - (this.#at.get(symbol) ?? Number.NEGATIVE_INFINITY) < this.#lateMs;
  }
}

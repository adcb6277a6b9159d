import type { Market } from '../market/market.ts';

/**
 * Why a code is not served: the exchange refused it; it refused it because the socket has no room (`full`); or it never
 * answered (`unconfirmed`).
 */
export interface Refusal {
  readonly kind: 'refused' | 'full' | 'unconfirmed';
  /** The exchange's own words where it said any. */
  readonly reason: string;
  /** Of `full`: how many codes the socket carries. */
  readonly carried?: number;
}

/** The codes of a connection that are not served, each with the reason. They outlive a socket. */
export class Refusals {
  readonly #bySymbol = new Map<string, Refusal>();

  /** Keeps what was said. @returns the markets for which it is news, be it for other words */
  take(markets: readonly Market[], refusal: Refusal): Market[] {
    const news = markets.filter(({ symbol }) => {
      const before = this.#bySymbol.get(symbol);
      return before?.kind !== refusal.kind || before.reason !== refusal.reason;
    });
    for (const { symbol } of markets) this.#bySymbol.set(symbol, refusal);
    return news;
  }

  of(symbol: string): Refusal | null {
    return this.#bySymbol.get(symbol) ?? null;
  }

  /** The code is served, or no longer wanted. @returns whether it was not served until now */
  delete(symbol: string): boolean {
    return this.#bySymbol.delete(symbol);
  }

  symbols(): Set<string> {
    return new Set(this.#bySymbol.keys());
  }
}

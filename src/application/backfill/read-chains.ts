import type { Chain } from '../../core/backfill/walk.ts';
import type { TradeHole } from '../../core/past-trades.ts';

/** Trades that are kept, of all codes of one exchange. */
const MOST = 40_000;
/** Trades beside a hole that belong to it, µs. */
const BESIDE = 1_000_000;

/**
 * What was read of codes that have more holes: where a code changed hands again and again while the brokers were away, its holes begin
 * with the same trade, and each would be read from there.
 */
export class ReadChains {
  #kept: { readonly symbol: string; readonly chain: Chain }[] = [];
  #count = 0;

  keep(symbol: string, chain: Chain): void {
    if (chain.length === 0 || chain.length > MOST) return;
    this.#kept.push({ symbol, chain });
    this.#count += chain.length;
    while (this.#count > MOST) this.#count -= this.#kept.shift()?.chain.length ?? 0;
  }

  /** The parts that lie in a hole, or beside it. */
  within({ market: { symbol }, before, after, from, to }: TradeHole): Chain[] {
    const first = (before?.timestamp ?? from) - BESIDE;
    const last = (after?.timestamp ?? to) + BESIDE;
    return this.#kept.flatMap((one) => {
      if (one.symbol !== symbol) return [];
      const part = one.chain.filter(({ timestamp }) => timestamp >= first && timestamp <= last);
      return part.length > 0 ? [part] : [];
    });
  }

  /** The code has no more holes. */
  forget(symbol: string): void {
    this.#kept = this.#kept.filter((one) => one.symbol !== symbol);
    this.#count = this.#kept.reduce((sum, { chain }) => sum + chain.length, 0);
  }
}

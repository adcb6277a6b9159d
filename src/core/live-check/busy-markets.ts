import type { Market } from '../market/market.ts';

/** What trades most, wherever it is listed, and what it is paid in. */
const BASES = ['BTC', 'ETH', 'XRP', 'SOL', 'DOGE', 'USDT'];
const QUOTES = ['KRW', 'USDT', 'USD', 'USDC', 'EUR', 'BTC'];

/** Markets that can be expected to be busy, the busiest first; each base once, the first listed where none is known. */
export function busyMarkets(all: readonly Market[], count: number): Market[] {
  const busy = BASES.flatMap((base) => {
    const own = all.filter((market) => market.base === base);
    const best = QUOTES.flatMap((quote) => own.find((market) => market.quote === quote) ?? []);
    return best.slice(0, 1);
  });
  const others = all.filter((market) => !busy.includes(market));
  return [...busy, ...others].slice(0, count);
}

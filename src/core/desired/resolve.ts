import type { Market, Region } from '../market/market.ts';
import type { Markets } from '../market/markets.ts';

/** Finds the market that a command's spelling means; null where there is none. */
export type Resolve = (asked: string) => Market | null;

/** Longer than any exchange's symbol. */
const MAX_SYMBOL = 64;
const CURRENCY = /^[\p{L}\p{N}.]+$/u;

/**
 * How symbols are resolved, first match wins: exact native id, exact code, native id in any case, and in Korea a
 * bare base against KRW. Without a market list only a native id can be taken, as far as the plug-in can split it.
 */
export function resolver(markets: Markets, region: Region): Resolve {
  if (!markets.known) return (asked) => splitOffline(markets, asked);
  let index: Index | null = null;
  return (asked) => {
    const exact = markets.listed(asked);
    if (exact) return exact;
    index ??= indexOf(markets);
    return (
      index.byCode.get(asked) ??
      index.byLower.get(asked.toLowerCase()) ??
      (region === 'korea' ? index.byCode.get(`KRW-${asked.toUpperCase()}`) : undefined) ??
      null
    );
  };
}

interface Index {
  readonly byCode: ReadonlyMap<string, Market>;
  readonly byLower: ReadonlyMap<string, Market>;
}

/** Of two markets with one spelling the one listed first counts. */
function indexOf(markets: Markets): Index {
  const byCode = new Map<string, Market>();
  const byLower = new Map<string, Market>();
  for (const market of markets.all()) {
    const lower = market.symbol.toLowerCase();
    if (!byCode.has(market.code)) byCode.set(market.code, market);
    if (!byLower.has(lower)) byLower.set(lower, market);
  }
  return { byCode, byLower };
}

/** A split that leaves a separator in a currency met a spelling that is not the exchange's: `USDT-BTC` at Binance. */
function splitOffline(markets: Markets, asked: string): Market | null {
  const market = asked.length <= MAX_SYMBOL ? markets.get(asked) : undefined;
  return market && CURRENCY.test(market.base) && CURRENCY.test(market.quote) ? market : null;
}

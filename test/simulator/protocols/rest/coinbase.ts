import { eight, isoMicros } from '../../books/text.ts';
import { digits, newerThan, newest, olderThan, whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MOST = 1000;

/** https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-trades */
export const restService: RestService = {
  limits: {
    // 10 a second with bursts to 15.
    each: [
      { count: 15, perMs: 1000 },
      { count: 105, perMs: 10_000 },
    ],
    refusal: () => ({ status: 429, body: { message: 'Public rate limit exceeded' } }),
  },
  answer(request, market) {
    if (!request.header('user-agent'))
      return { status: 400, body: { message: 'User-Agent header is required.' } };
    const [, id = '', what] = /^\/products\/([^/]+)\/(trades)$/.exec(request.path) ?? [];
    if (!what) return undefined;
    const symbol = decodeURIComponent(id);
    if (!market.find(symbol)) return { status: 404, body: { message: 'NotFound' } };
    return trades(request, market, symbol);
  },
  unknownPath: { status: 404, body: { message: 'Route not found' } },
};

/** Newest first. `after` goes to older ones, `before` tells the newest of those that are newer. */
function trades({ query }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const [limit, after, before] = [whole(query, 'limit'), digits(query, 'after'), digits(query, 'before')];
  if (limit === undefined || after === undefined || before === undefined)
    return { status: 400, body: { message: 'Invalid request parameters' } };
  let rows: readonly PastTrade[] = market.past(symbol);
  if (after !== null) rows = olderThan(rows, after, market.overlap);
  if (before !== null) rows = newerThan(rows, before);
  const page = newest(rows, Math.min(MOST, limit || MOST));
  const [first] = page;
  const last = page.at(-1);
  const headers = first && last ? { 'CB-BEFORE': first.id, 'CB-AFTER': last.id } : {};
  return { body: `[${page.map(row).join(',')}]`, headers };
}

/** The side is the maker's. */
function row({ id, price, size, takerBuys, timeMs }: PastTrade): string {
  return (
    `{"trade_id":${id},"side":"${takerBuys ? 'sell' : 'buy'}","size":"${eight(size)}","price":"${eight(price)}",` +
    `"time":"${isoMicros(timeMs)}"}`
  );
}

import { plain } from '../../books/text.ts';
import { newest } from '../../rest/pages.ts';
import type { RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const SIZES = ['10', '50', '100', '150', '200'];

/** https://docs.coinone.co.kr/reference/recent-completed-orders */
export const restService: RestService = {
  limits: {
    each: [{ count: 1200, perMs: 60_000 }],
    refusal: () => failed('4', 'Blocked user access'),
    headers: (used, { count }) => ({
      'public-ratelimit-limit': `${count}`,
      'public-ratelimit-remaining': `${Math.max(0, count - used)}`,
    }),
  },
  reach: { rows: 200 },
  answer(request, market) {
    const [, quote = '', base] = /^\/public\/v2\/trades\/([^/]+)\/([^/]+)$/.exec(request.path) ?? [];
    if (base === undefined) return undefined;
    const symbol = `${quote}-${base}`.toUpperCase();
    if (!market.find(symbol)) return failed('108', 'Unknown CryptoCurrency');
    return trades(request, market, symbol);
  },
  unknownPath: {
    body: '<!DOCTYPE html><html lang="ko"><head><title>Coinone</title></head><body></body></html>',
    headers: { 'content-type': 'text/html; charset=utf-8' },
  },
};

/** Errors come with status 200. */
function failed(error_code: string, error_msg: string): RestAnswer {
  return { body: { result: 'error', error_code, error_msg } };
}

/** Newest first. */
function trades({ query, now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const size = query.get('size') ?? '200';
  const listing = market.find(symbol);
  if (!SIZES.includes(size)) return failed('107', 'Parameter error');
  const transactions = newest(market.past(symbol), Number(size)).map((row) => ({
    id: row.id,
    timestamp: row.timeMs,
    price: plain(row.price),
    qty: plain(row.size),
    is_seller_maker: row.takerBuys,
  }));
  return {
    body: {
      result: 'success',
      error_code: '0',
      server_time: now,
      quote_currency: listing?.quote,
      target_currency: listing?.base,
      transactions,
    },
  };
}

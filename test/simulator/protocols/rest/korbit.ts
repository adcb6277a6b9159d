import { plain } from '../../books/text.ts';
import { newest, whole } from '../../rest/pages.ts';
import type { RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MOST = 500;

/** https://docs.korbit.co.kr/, REST API v2, public. */
export const restService: RestService = {
  limits: {
    each: [{ count: 50, perMs: 1000 }],
    refusal: (waitMs) => ({
      ...failed(429, 'RATE_LIMIT_EXCEEDED'),
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1000))) },
    }),
  },
  reach: { rows: MOST },
  answer(request, market) {
    if (request.path !== '/v2/trades') return undefined;
    const symbol = request.query.get('symbol') ?? '';
    if (!market.find(symbol)) return failed(400, 'INVALID_CURRENCY_PAIR');
    return trades(request, market, symbol);
  },
  unknownPath: failed(404, 'NOT_FOUND'),
};

function failed(status: number, message: string): RestAnswer {
  return { status, body: { success: false, error: { code: status, message } } };
}

/** Newest first. */
function trades({ query }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const limit = whole(query, 'limit');
  if (limit === undefined || limit === 0 || (limit ?? 1) > MOST) return failed(400, 'INVALID_LIMIT');
  const data = newest(market.past(symbol), limit ?? MOST).map(({ id, price, size, takerBuys, timeMs }) => ({
    timestamp: timeMs,
    price: plain(price),
    qty: plain(size),
    isBuyerTaker: takerBuys,
    tradeId: Number(id),
  }));
  return { body: { success: true, data } };
}

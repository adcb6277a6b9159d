import { plain } from '../../books/text.ts';
import { newest, whole } from '../../rest/pages.ts';
import type { RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MOST = 60;

/** https://bybit-exchange.github.io/docs/v5/market/recent-trade */
export const restService: RestService = {
  limits: {
    each: [{ count: 600, perMs: 5000 }],
    refusal: () => tooFast,
    // The ban lifts by itself.
    block: { after: 1, forMs: 600_000, growth: 1, mostMs: 600_000, answer: () => tooFast },
  },
  reach: { rows: MOST },
  answer(request, market) {
    if (request.path !== '/v5/market/recent-trade') return undefined;
    const { query } = request;
    if (query.get('category') !== 'spot') return failed(10_001, 'params error: category');
    const symbol = query.get('symbol') ?? '';
    if (!market.find(symbol)) return failed(170_121, 'Invalid symbol.');
    return trades(request, market, symbol);
  },
  unknownPath: { status: 404, body: '' },
};

const tooFast: RestAnswer = {
  status: 403,
  body: 'access too frequent',
  headers: { 'content-type': 'text/plain' },
};

/** Errors come with status 200. */
function failed(retCode: number, retMsg: string): RestAnswer {
  return { body: { retCode, retMsg, result: {}, retExtInfo: {}, time: Date.now() } };
}

/** Newest first. */
function trades({ query, now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const limit = whole(query, 'limit');
  if (limit === undefined || limit === 0) return failed(10_001, 'params error: limit');
  const rows = newest(market.past(symbol), Math.min(MOST, limit ?? MOST));
  const list = rows.map(({ id, price, size, takerBuys, timeMs }) => ({
    execId: id,
    symbol,
    price: plain(price),
    size: plain(size),
    side: takerBuys ? 'Buy' : 'Sell',
    time: `${timeMs}`,
    isBlockTrade: false,
    isRPITrade: false,
    seq: `${BigInt(id) / 16n}`,
  }));
  return {
    body: { retCode: 0, retMsg: 'OK', result: { category: 'spot', list }, retExtInfo: {}, time: now },
  };
}

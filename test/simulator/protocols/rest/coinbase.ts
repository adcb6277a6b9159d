import { eight, isoMicros, plain } from '../../books/text.ts';
import type { Level } from '../../protocol.ts';
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
    if (request.path === '/time') {
      return { body: { iso: new Date(market.now).toISOString(), epoch: market.now / 1000 } };
    }
    const [, id = '', what = ''] = /^\/products\/([^/]+)\/([a-z]+)$/.exec(request.path) ?? [];
    const asked = { trades, ticker, book }[what];
    if (!asked) return undefined;
    const symbol = decodeURIComponent(id);
    if (!market.find(symbol)) return { status: 404, body: { message: 'NotFound' } };
    return asked(request, market, symbol);
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

/** Price, size and time are those of the latest trade. */
function ticker(_request: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const { ask, bid, volume, trades: told } = market.tick(symbol);
  const [{ id, price, size, timeMs }] = told;
  return {
    body:
      `{"ask":"${plain(ask)}","bid":"${plain(bid)}","volume":"${eight(volume)}","trade_id":${id},` +
      `"price":"${plain(price)}","size":"${eight(size)}","time":"${isoMicros(timeMs)}","rfq_volume":"0.000000"}`,
  };
}

/** The best level, or all of them; the third of a level is its orders. */
function book({ query }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const level = query.get('level') ?? '1';
  if (level !== '1' && level !== '2') return { status: 400, body: { message: 'Invalid level' } };
  const depth = level === '1' ? 1 : Number.POSITIVE_INFINITY;
  const { bids, asks, timeMs } = market.book(symbol, 'level2_batch', depth);
  const side = (levels: readonly (Level & { orders: number })[]) =>
    levels.map(({ price, size, orders }) => [plain(price), eight(size), orders]);
  return {
    body: {
      bids: side(bids),
      asks: side(asks),
      sequence: 87_057_558_152 + market.tick(symbol).sequence,
      auction_mode: false,
      auction: null,
      time: isoMicros(timeMs),
    },
  };
}

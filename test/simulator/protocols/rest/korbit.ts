import { plain } from '../../books/text.ts';
import type { Level } from '../../protocol.ts';
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
    const { path, query } = request;
    if (path === '/v2/time') return { body: { success: true, data: { time: market.now } } };
    if (path === '/v2/tickers') return tickers(query, market);
    const asked = { '/v2/trades': trades, '/v2/orderbook': book }[path];
    if (!asked) return undefined;
    const symbol = query.get('symbol') ?? '';
    if (!market.find(symbol)) return failed(400, 'INVALID_CURRENCY_PAIR');
    return asked(request, market, symbol);
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

/** Of some symbols after commas, or of all. */
function tickers(query: URLSearchParams, market: RestMarket): RestAnswer {
  const symbols = query.get('symbol')?.split(',') ?? market.listings.map(({ symbol }) => symbol);
  if (symbols.some((symbol) => !market.find(symbol))) return failed(400, 'INVALID_CURRENCY_PAIR');
  const data = symbols.map((symbol) => {
    const tick = market.tick(symbol);
    const { close, prevClose } = tick;
    return {
      symbol,
      open: plain(tick.open),
      high: plain(tick.high),
      low: plain(tick.low),
      close: plain(close),
      prevClose: plain(prevClose),
      priceChange: plain(close - prevClose),
      priceChangePercent: ((100 * (close - prevClose)) / prevClose).toFixed(2),
      volume: plain(tick.volume),
      quoteVolume: plain(tick.quoteVolume),
      bestAskPrice: plain(tick.ask),
      bestBidPrice: plain(tick.bid),
      lastTradedAt: tick.trades[0].timeMs,
    };
  });
  return { body: { success: true, data } };
}

/** The time is the one in `data` of the socket's frame. */
function book(_request: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const { bids, asks, timeMs } = market.book(symbol, 'orderbook', 30);
  const side = (levels: readonly Level[]) =>
    levels.map(({ price, size }) => ({ price: plain(price), qty: plain(size) }));
  return { body: { success: true, data: { timestamp: timeMs, bids: side(bids), asks: side(asks) } } };
}

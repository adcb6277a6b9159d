import { plain } from '../../books/text.ts';
import type { Level, Tick } from '../../protocol.ts';
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
    const { path, query } = request;
    if (path === '/v5/market/time') return time(market.now);
    const asked = {
      '/v5/market/recent-trade': trades,
      '/v5/market/tickers': tickers,
      '/v5/market/orderbook': book,
    }[path];
    if (!asked) return undefined;
    if (query.get('category') !== 'spot') return failed(10_001, 'params error: category');
    const symbol = query.get('symbol');
    if (symbol === null && asked === tickers) return tickers(request, market, null);
    if (!market.find(symbol ?? '')) return failed(170_121, 'Invalid symbol.');
    return asked(request, market, symbol ?? '');
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

function done(result: object, time: number): RestAnswer {
  return { body: { retCode: 0, retMsg: 'OK', result, retExtInfo: {}, time } };
}

function time(now: number): RestAnswer {
  return done({ timeSecond: `${Math.floor(now / 1000)}`, timeNano: `${now}000000` }, now);
}

/** Of one symbol, or of all. */
function tickers(_request: RestRequest, market: RestMarket, symbol: string | null): RestAnswer {
  const list = market.listings
    .filter((listing) => symbol === null || listing.symbol === symbol)
    .map((listing) => ticker(market.tick(listing.symbol)));
  return done({ category: 'spot', list }, market.now);
}

function ticker(tick: Tick): object {
  const { open, close } = tick;
  return {
    symbol: tick.listing.symbol,
    bid1Price: plain(tick.bid),
    bid1Size: plain(tick.bidSize),
    ask1Price: plain(tick.ask),
    ask1Size: plain(tick.askSize),
    lastPrice: plain(close),
    prevPrice24h: plain(open),
    price24hPcnt: ((close - open) / open).toFixed(4),
    highPrice24h: plain(tick.high),
    lowPrice24h: plain(tick.low),
    turnover24h: plain(tick.quoteVolume),
    volume24h: plain(tick.volume),
    usdIndexPrice: '',
  };
}

/** Numbers are those of the socket's 1000 levels. */
function book({ query, now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const limit = whole(query, 'limit');
  if (limit === undefined || limit === 0) return failed(10_001, 'params error: limit');
  const view = market.book(symbol, 'orderbook.1000', Math.min(1000, limit ?? 1));
  const side = (levels: readonly Level[]) => levels.map(({ price, size }) => [plain(price), plain(size)]);
  const numbers = { u: view.frame, seq: 66_544_000_000 + view.version, cts: view.timeMs };
  return done({ s: symbol, a: side(view.asks), b: side(view.bids), ts: view.timeMs + 2, ...numbers }, now);
}

import { plain } from '../../books/text.ts';
import type { Level } from '../../protocol.ts';
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
    const at = /^\/public\/v2\/(trades|ticker_new|orderbook)\/([^/]+)\/([^/]+)$/;
    const [, what = '', quote, base] = at.exec(request.path) ?? [];
    const asked = { trades, ticker_new: ticker, orderbook: book }[what];
    if (!asked) return undefined;
    const symbol = `${quote}-${base}`.toUpperCase();
    if (!market.find(symbol)) return failed('108', 'Unknown CryptoCurrency');
    return asked(request, market, symbol);
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
function trades({ query }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
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
  const pair = { quote_currency: listing?.quote, target_currency: listing?.base };
  return done({ server_time: market.now, ...pair, transactions });
}

function done(more: object): RestAnswer {
  return { body: { result: 'success', error_code: '0', ...more } };
}

function level({ price, size }: Level): object {
  return { price: plain(price), qty: plain(size) };
}

/** Names are in lower case here; the id is that of the latest trade. */
function ticker(_request: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const tick = market.tick(symbol);
  const row = {
    quote_currency: tick.listing.quote.toLowerCase(),
    target_currency: tick.listing.base.toLowerCase(),
    timestamp: tick.timeMs,
    high: plain(tick.high),
    low: plain(tick.low),
    first: plain(tick.open),
    last: plain(tick.close),
    quote_volume: plain(tick.quoteVolume),
    target_volume: plain(tick.volume),
    best_asks: [level({ price: tick.ask, size: tick.askSize })],
    best_bids: [level({ price: tick.bid, size: tick.bidSize })],
    id: tick.trades[0].id,
  };
  return done({ server_time: market.now, tickers: [row] });
}

/** The id is that of the socket's frame; asks are best first here. */
function book({ query }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const size = query.get('size') ?? '15';
  if (!['5', '10', '15', '16'].includes(size)) return failed('107', 'Parameter error');
  const { bids, asks, timeMs, listing } = market.book(symbol, 'ORDERBOOK', Number(size));
  return done({
    server_time: market.now,
    timestamp: timeMs,
    id: `${timeMs * 1000 + 1}`,
    quote_currency: listing.quote,
    target_currency: listing.base,
    order_book_unit: '0.0',
    bids: bids.map(level),
    asks: asks.map(level),
  });
}

import { eight, java } from '../../books/text.ts';
import { digits, newest, olderThan, whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const DAY_MS = 86_400_000;
const MOST = 500;

/** https://docs.upbit.com/kr/reference/list-pair-trades */
export const restService: RestService = {
  limits: {
    each: [
      { count: 10, perMs: 1000 },
      // A page of another site asks.
      { count: 1, perMs: 10_000, of: ({ header }) => header('origin') !== null },
    ],
    refusal: () => failed(429, 'Too many API requests.'),
    block: {
      after: 5,
      forMs: 10_000,
      growth: 3,
      mostMs: 3_600_000,
      answer: (waitMs) => failed(418, `Blocked for ${Math.ceil(waitMs / 1000)} seconds.`),
    },
    headers: (used, { count }) => ({
      'Remaining-Req': `group=market; min=600; sec=${Math.max(0, count - used)}`,
    }),
  },
  // A day that is seven days ago ends so.
  reach: { ms: 8 * DAY_MS },
  answer(request, market) {
    const { path, query } = request;
    if (path === '/v1/ticker/all') return all(query, market);
    const listed = { '/v1/ticker': ticker, '/v1/orderbook': book }[path];
    if (listed) return ofMarkets(query, market, (one) => listed(market, one));
    if (path !== '/v1/trades/ticks') return undefined;
    const symbol = query.get('market');
    if (!symbol) return failed(400, 'market is missing');
    if (!market.find(symbol)) return failed(404, 'Code not found');
    return ticks(request, market, symbol);
  },
  unknownPath: { status: 404, body: { error: { name: 404, message: 'no Route matched with those values' } } },
};

function failed(status: number, message: string): RestAnswer {
  return { status, body: { error: { name: status, message } } };
}

/** Newest first, of one day of UTC alone: the day that is asked for, else that of the latest trade. */
function ticks({ query, now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const count = whole(query, 'count');
  const ago = whole(query, 'days_ago', 'daysAgo');
  const cursor = digits(query, 'cursor');
  const until = timeOfDay(query.get('to'));
  if (count === undefined || count === 0 || (count ?? 1) > MOST) return failed(400, 'count is invalid');
  if (ago === undefined || ago === 0 || (ago ?? 1) > 7) return failed(400, 'days_ago is invalid');
  if (cursor === undefined) return failed(400, 'cursor is invalid');
  if (until === undefined) return failed(400, 'to is invalid');
  const rows = market.past(symbol);
  const latest = rows.at(-1)?.timeMs ?? now;
  const day = Math.floor((ago === null ? latest : now - ago * DAY_MS) / DAY_MS) * DAY_MS;
  const end = day + (until ?? DAY_MS);
  const older = cursor === null ? rows : olderThan(rows, cursor, market.overlap);
  const wanted = older.filter(({ timeMs }) => timeMs >= day && timeMs < end);
  const { prevClose } = market.tick(symbol);
  const page = newest(wanted, count ?? 1).map((row) => tick(row, symbol, prevClose));
  return { body: `[${page.join(',')}]` };
}

/** `HHmmss` or `HH:mm:ss` in milliseconds; null where it is absent. */
export function timeOfDay(text: string | null): number | null | undefined {
  if (text === null || text === '') return null;
  const [, hours, minutes, seconds] = /^([01]\d|2[0-3]):?([0-5]\d):?([0-5]\d)$/.exec(text) ?? [];
  if (seconds === undefined) return undefined;
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
}

/** A whole number has one decimal, too. */
export function decimal(value: number): string {
  return value.toFixed(8).replace(/(\.\d+?)0+$/, '$1');
}

function tick(row: PastTrade, symbol: string, prevClose: number): string {
  const { id, price, size, takerBuys, timeMs } = row;
  const [date = '', time = ''] = new Date(timeMs).toISOString().split('T');
  return (
    `{"market":"${symbol}","trade_date_utc":"${date}","trade_time_utc":"${time.slice(0, 8)}","timestamp":${timeMs},` +
    `"trade_price":${decimal(price)},"trade_volume":${decimal(size)},"prev_closing_price":${decimal(prevClose)},` +
    `"change_price":${decimal(price - prevClose)},"ask_bid":"${takerBuys ? 'BID' : 'ASK'}","sequential_id":${id}}`
  );
}

/** Names after commas, each of which has to exist. */
function ofMarkets(query: URLSearchParams, market: RestMarket, one: (symbol: string) => string): RestAnswer {
  const symbols = query.get('markets')?.split(',') ?? [];
  if (symbols.length === 0) return failed(400, 'markets is missing');
  if (symbols.some((symbol) => !market.find(symbol))) return failed(404, 'Code not found');
  return { body: `[${symbols.map(one).join(',')}]` };
}

/** Every market of some quotes. */
function all(query: URLSearchParams, market: RestMarket): RestAnswer {
  const quotes = query.get('quote_currencies')?.split(',') ?? [];
  if (quotes.length === 0) return failed(400, 'quote_currencies is missing');
  const listings = market.listings.filter(({ quote }) => quotes.includes(quote));
  return { body: `[${listings.map(({ symbol }) => ticker(market, symbol)).join(',')}]` };
}

function ticker(market: RestMarket, symbol: string): string {
  const tick = market.tick(symbol);
  const { close, prevClose, timeMs } = tick;
  const [last] = tick.trades;
  const change = Number((close - prevClose).toFixed(8));
  const rate = change / prevClose;
  const compact = (ms: number) => new Date(ms).toISOString().replace(/[-:T]/g, '');
  const [utc, kst] = [compact(last.timeMs), compact(last.timeMs + 9 * 3_600_000)];
  return (
    `{"market":"${symbol}","trade_date":"${utc.slice(0, 8)}","trade_time":"${utc.slice(8, 14)}",` +
    `"trade_date_kst":"${kst.slice(0, 8)}","trade_time_kst":"${kst.slice(8, 14)}","trade_timestamp":${last.timeMs},` +
    `"opening_price":${decimal(tick.open)},"high_price":${decimal(tick.high)},"low_price":${decimal(tick.low)},` +
    `"trade_price":${decimal(close)},"prev_closing_price":${decimal(prevClose)},` +
    `"change":"${change > 0 ? 'RISE' : change < 0 ? 'FALL' : 'EVEN'}","change_price":${decimal(Math.abs(change))},` +
    `"change_rate":${Math.abs(rate).toFixed(10)},"signed_change_price":${decimal(change)},` +
    `"signed_change_rate":${rate.toFixed(10)},"trade_volume":${decimal(last.size)},` +
    `"acc_trade_price":${decimal(tick.quoteVolume / 3)},"acc_trade_price_24h":${decimal(tick.quoteVolume)},` +
    `"acc_trade_volume":${decimal(tick.volume / 3)},"acc_trade_volume_24h":${decimal(tick.volume)},` +
    `"highest_52_week_price":${decimal(tick.high * 2)},"highest_52_week_date":"2026-03-28",` +
    `"lowest_52_week_price":${decimal(tick.low / 2)},"lowest_52_week_date":"2025-12-30","timestamp":${timeMs}}`
  );
}

/** The time is that of the socket's frame. */
function book(market: RestMarket, symbol: string): string {
  const { bids, asks, timeMs } = market.book(symbol, 'orderbook.30', 30);
  const units = Array.from({ length: Math.max(bids.length, asks.length) }, (_, i) => {
    const [ask, bid] = [asks[i], bids[i]];
    return (
      `{"ask_price":${ask ? java(ask.price) : '0'},"bid_price":${bid ? java(bid.price) : '0'},` +
      `"ask_size":${ask ? eight(ask.size) : '0'},"bid_size":${bid ? eight(bid.size) : '0'}}`
    );
  });
  const total = (side: typeof bids) => eight(side.reduce((sum, { size }) => sum + size, 0));
  return (
    `{"market":"${symbol}","timestamp":${timeMs},"total_ask_size":${total(asks)},"total_bid_size":${total(bids)},` +
    `"orderbook_units":[${units.join(',')}],"level":0}`
  );
}

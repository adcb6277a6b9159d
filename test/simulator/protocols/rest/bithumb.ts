import { digits, isBefore, newest, olderThan, whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';
import { timeOfDay } from './upbit.ts';

const DAY_MS = 86_400_000;
const KST_MS = 9 * 3_600_000;
const MOST = 500;

/** https://apidocs.bithumb.com/reference/최근-체결-내역 */
export const restService: RestService = {
  limits: {
    each: [{ count: 150, perMs: 1000 }],
    refusal: () => tooFast,
    block: { after: 20, forMs: 600_000, growth: 1, mostMs: 600_000, answer: () => tooFast },
    headers: (used, { count }) => ({
      'x-ratelimit-limit': `${count}`,
      'x-ratelimit-remaining': `${Math.max(0, count - used)}`,
    }),
  },
  // A day that is seven days ago begins so.
  reach: { ms: 8 * DAY_MS },
  /** Ids are not the socket's: milliseconds, then a number that counts from 0. */
  forms({ timeMs, size }, _listing, before) {
    const first = `${timeMs}0000`;
    const id = before && !isBefore(before.id, first) ? (BigInt(before.id) + 1n).toString() : first;
    return [{ id, size }];
  },
  answer(request, market) {
    const { path, query } = request;
    const listed = { '/v1/ticker': ticker, '/v1/orderbook': book }[path];
    if (listed) return ofMarkets(query, market, (one) => listed(market, one));
    if (path !== '/v1/trades/ticks') return undefined;
    const symbol = query.get('market');
    if (!symbol) return failed(400, 'market is missing');
    if (!market.find(symbol)) return failed(404, 'Code not found');
    return ticks(request, market, symbol);
  },
  unknownPath: failed(404, 'Not Found'),
};

const tooFast: RestAnswer = { status: 429, body: { error: { name: 429, message: 'Too Many Requests' } } };

/** Errors come with status 200. */
function failed(name: number, message: string): RestAnswer {
  return { body: { error: { name, message } } };
}

/** Newest first, from a time of a day of Seoul back; without a time from the day's first moment. */
function ticks({ query, now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const [count, ago] = [whole(query, 'count'), whole(query, 'daysAgo')];
  const cursor = digits(query, 'cursor');
  const until = timeOfDay(query.get('to'));
  if (count === undefined || count === 0 || (count ?? 1) > MOST) return failed(400, 'count is invalid');
  if (ago === undefined || ago === 0 || (ago ?? 1) > 7) return failed(400, 'daysAgo is invalid');
  if (cursor === undefined) return failed(400, 'cursor is invalid');
  if (until === undefined) return failed(400, 'to is invalid');
  const today = Math.floor((now + KST_MS) / DAY_MS) * DAY_MS - KST_MS;
  const bounded = ago !== null || until !== null;
  const end = bounded ? today - (ago ?? 0) * DAY_MS + (until ?? 0) : Number.POSITIVE_INFINITY;
  const rows = market.past(symbol);
  const older = cursor === null ? rows : olderThan(rows, cursor, market.overlap);
  const wanted = older.filter(({ timeMs }) => timeMs < end);
  const { prevClose } = market.tick(symbol);
  return {
    body: `[${newest(wanted, count ?? 1)
      .map((row) => tick(row, symbol, prevClose))
      .join(',')}]`,
  };
}

/** Dates are those of UTC, numbers as short as they can be. */
function tick(row: PastTrade, symbol: string, prevClose: number): string {
  const { id, price, size, takerBuys, timeMs } = row;
  const [date = '', time = ''] = new Date(timeMs).toISOString().split('T');
  return (
    `{"market":"${symbol}","trade_date_utc":"${date}","trade_time_utc":"${time.slice(0, 8)}","timestamp":${timeMs},` +
    `"trade_price":${price},"trade_volume":${size},"prev_closing_price":${prevClose},` +
    `"change_price":${Number((price - prevClose).toFixed(8))},"ask_bid":"${takerBuys ? 'BID' : 'ASK'}",` +
    `"sequential_id":${id}}`
  );
}

/** Names after commas, 200 at most, each of which has to exist. */
function ofMarkets(query: URLSearchParams, market: RestMarket, one: (symbol: string) => object): RestAnswer {
  const symbols = query.get('markets')?.split(',') ?? [];
  if (symbols.length === 0 || symbols.length > 200) return failed(400, 'markets is invalid');
  if (symbols.some((symbol) => !market.find(symbol))) return failed(404, 'Code not found');
  return { body: symbols.map(one) };
}

/** Its timestamps are the clock of Seoul, written as if it were that of UTC: nine hours ahead. */
function ticker(market: RestMarket, symbol: string): object {
  const tick = market.tick(symbol);
  const { close, prevClose } = tick;
  const [last] = tick.trades;
  const change = Number((close - prevClose).toFixed(8));
  const rate = Number((change / prevClose).toFixed(8));
  const compact = (ms: number) => new Date(ms).toISOString().replace(/[-:T]/g, '');
  const [utc, kst] = [compact(last.timeMs), compact(last.timeMs + KST_MS)];
  return {
    market: symbol,
    trade_date: utc.slice(0, 8),
    trade_time: utc.slice(8, 14),
    trade_date_kst: kst.slice(0, 8),
    trade_time_kst: kst.slice(8, 14),
    trade_timestamp: last.timeMs + KST_MS,
    opening_price: tick.open,
    high_price: tick.high,
    low_price: tick.low,
    trade_price: close,
    prev_closing_price: prevClose,
    change: change > 0 ? 'RISE' : change < 0 ? 'FALL' : 'EVEN',
    change_price: Math.abs(change),
    change_rate: Math.abs(rate),
    signed_change_price: change,
    signed_change_rate: rate,
    trade_volume: last.size,
    acc_trade_price: tick.quoteVolume / 2,
    acc_trade_price_24h: tick.quoteVolume,
    acc_trade_volume: tick.volume / 2,
    acc_trade_volume_24h: tick.volume,
    highest_52_week_price: tick.high * 2,
    highest_52_week_date: '2025-10-09',
    lowest_52_week_price: tick.low / 2,
    lowest_52_week_date: '2026-02-06',
    timestamp: tick.timeMs + KST_MS,
  };
}

/** The time is the socket's in milliseconds; sizes have four decimals, as there. */
function book(market: RestMarket, symbol: string): object {
  const { bids, asks, timeMs } = market.book(symbol, 'orderbook.15', 15);
  const shown = (size: number) => Number(size.toFixed(4));
  const total = (side: typeof bids) => shown(side.reduce((sum, { size }) => sum + size, 0));
  const units = Array.from({ length: Math.max(bids.length, asks.length) }, (_, i) => ({
    ask_price: asks[i]?.price ?? 0,
    bid_price: bids[i]?.price ?? 0,
    ask_size: shown(asks[i]?.size ?? 0),
    bid_size: shown(bids[i]?.size ?? 0),
  }));
  const totals = { total_ask_size: total(asks), total_bid_size: total(bids) };
  return { market: symbol, timestamp: timeMs, ...totals, orderbook_units: units };
}

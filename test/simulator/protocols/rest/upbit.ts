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
    if (request.path !== '/v1/trades/ticks') return undefined;
    const symbol = request.query.get('market');
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

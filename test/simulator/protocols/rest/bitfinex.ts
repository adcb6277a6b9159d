import { whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MOST = 10_000;
const TRADES = /^\/v2\/trades\/([^/]+)\/hist$/;

/** https://docs.bitfinex.com/reference/rest-public-trades */
export const restService: RestService = {
  limits: {
    each: [
      { count: 15, perMs: 60_000, of: ({ path }) => path.startsWith('/v2/trades/') },
      { count: 90, perMs: 60_000, of: ({ path }) => path.startsWith('/v2/conf/') },
      { count: 30, perMs: 60_000, of: ({ path }) => !/^\/v2\/(trades|conf)\//.test(path) },
    ],
    refusal: () => tooFast,
    block: { after: 1, forMs: 60_000, growth: 1, mostMs: 60_000, answer: () => tooFast },
  },
  // The edge keeps equal addresses.
  cacheMs: 5000,
  answer(request, market) {
    const [, name] = TRADES.exec(request.path) ?? [];
    if (name === undefined) return undefined;
    const symbol = decodeURIComponent(name);
    if (!market.find(symbol)) return failed('symbol: invalid');
    return trades(request, market, symbol);
  },
  unknownPath: { status: 404, body: ['error', 10_000, 'not found'] },
};

const tooFast: RestAnswer = { status: 429, body: { error: 'ERR_RATE_LIMIT' } };

function failed(msg: string): RestAnswer {
  return { status: 500, body: ['error', 10_020, msg] };
}

/** Newest first where nothing else is asked for; both ends of the time belong to it. */
function trades({ query }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const [limit, start, end] = [whole(query, 'limit'), whole(query, 'start'), whole(query, 'end')];
  if (limit === undefined || (limit ?? 1) > MOST) return failed('limit: invalid');
  if (start === undefined || end === undefined) return failed('time_interval: invalid');
  const upwards = query.get('sort') === '1' || query.get('sort') === '+1';
  const wanted = market
    .past(symbol)
    .filter(({ timeMs }) => timeMs >= (start ?? timeMs) && timeMs <= (end ?? timeMs))
    .sort(byTime);
  const page = (upwards ? wanted : wanted.reverse()).slice(0, limit ?? 125);
  return { body: `[${page.map(entry).join(',')}]` };
}

/** Trades of one millisecond are in no order of their ids. */
function byTime(a: PastTrade, b: PastTrade): number {
  return a.timeMs - b.timeMs || mixed(a.id) - mixed(b.id);
}

function mixed(id: string): number {
  return (Number(id.slice(-6)) * 7919) % 1009;
}

/** Above 0 the taker bought. */
function entry({ id, price, size, takerBuys, timeMs }: PastTrade): string {
  return `[${id},${timeMs},${takerBuys ? size : -size},${price}]`;
}

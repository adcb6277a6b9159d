import type { Level } from '../../protocol.ts';
import { whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MOST = 10_000;

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
    const { path } = request;
    if (path === '/v2/platform/status') return { body: [1] };
    const asked = ASKED.find(({ at }) => at.test(path));
    if (!asked) return undefined;
    const [, name = ''] = asked.at.exec(path) ?? [];
    const symbol = decodeURIComponent(name);
    if (!market.find(symbol)) return failed('symbol: invalid');
    return asked.tell(request, market, symbol);
  },
  unknownPath: { status: 404, body: ['error', 10_000, 'not found'] },
};

const ASKED = [
  { at: /^\/v2\/trades\/([^/]+)\/hist$/, tell: trades },
  { at: /^\/v2\/ticker\/([^/]+)$/, tell: ticker },
  { at: /^\/v2\/book\/([^/]+)\/P0$/, tell: book },
];

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

/** Sizes are the sums of the 25 best levels. */
function ticker(_request: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const tick = market.tick(symbol);
  const { open, close } = tick;
  const sum = (levels: readonly Level[]) => levels.reduce((total, { size }) => total + size, 0);
  const change = Number((close - open).toFixed(8));
  const [bids, asks] = [sum(tick.bids(25)), sum(tick.asks(25))];
  const rate = Number((change / open).toFixed(8));
  return { body: [tick.bid, bids, tick.ask, asks, change, rate, close, tick.volume, tick.high, tick.low] };
}

/** Price, orders, amount: above 0 a bid. */
function book({ query }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const len = query.get('len') ?? '25';
  if (!['1', '25', '100', '250'].includes(len)) return failed('len: invalid');
  const view = market.book(symbol, `book P0 F0 ${len}`, Number(len));
  const bids = view.bids.map(({ price, size, orders }) => [price, orders, size]);
  return { body: [...bids, ...view.asks.map(({ price, size, orders }) => [price, orders, -size])] };
}

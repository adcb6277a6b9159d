import { java } from '../../books/text.ts';
import { newest, whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MOST = 2000;

/** https://www.htx.com/en-us/opend/newApiPages/, market data of spot. */
export const restService: RestService = {
  limits: {
    // What clients allow themselves; the page's own figures are in motion.
    each: [{ count: 10, perMs: 1000 }],
    refusal: () => failed(429, 'too-many-requests', '429 too many request'),
  },
  reach: { rows: MOST },
  // A content network stands in front.
  cacheMs: 1000,
  answer(request, market) {
    if (request.path !== '/market/history/trade') return undefined;
    const symbol = request.query.get('symbol') ?? '';
    if (!market.find(symbol)) return failed(200, 'invalid-parameter', 'invalid symbol');
    return trades(request, market, symbol);
  },
};

function failed(status: number, code: string, msg: string): RestAnswer {
  return { status, body: { ts: Date.now(), status: 'error', 'err-code': code, 'err-msg': msg } };
}

/** Newest first, nested: what one order took is a group. The size counts trades, and cuts a group where it ends. */
function trades({ query, now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const size = whole(query, 'size');
  if (size === undefined || size === 0 || (size ?? 1) > MOST)
    return failed(200, 'invalid-parameter', `invalid size, valid range: [1, ${MOST}]`);
  const groups: [PastTrade, ...PastTrade[]][] = [];
  for (const row of newest(market.past(symbol), size ?? 1)) {
    const open = groups.at(-1);
    const [first] = open ?? [];
    if (open && first?.timeMs === row.timeMs && first.takerBuys === row.takerBuys) open.push(row);
    else groups.push([row]);
  }
  const head = `{"ch":"market.${symbol}.trade.detail","status":"ok","ts":${now}`;
  return { body: `${head},"data":[${groups.map(group).join(',')}]}` };
}

/** The id of a row is a number of 27 digits, which Java writes with an exponent. */
function group(rows: readonly [PastTrade, ...PastTrade[]]): string {
  const [{ id, timeMs }] = rows;
  const row = ({ id, price, size, takerBuys, timeMs }: PastTrade) =>
    `{"id":1.36108763320348${id.slice(-2)}e+26,"ts":${timeMs},"trade-id":${id},"amount":${java(size)},` +
    `"price":${java(price)},"direction":"${takerBuys ? 'buy' : 'sell'}"}`;
  return `{"id":${136_108_763_320n + BigInt(id) / 10n},"ts":${timeMs},"data":[${rows.map(row).join(',')}]}`;
}

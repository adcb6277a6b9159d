import { java } from '../../books/text.ts';
import type { Level } from '../../protocol.ts';
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
    const { path } = request;
    if (path === '/v1/common/timestamp') return { body: { status: 'ok', data: market.now } };
    const asked = {
      '/market/history/trade': trades,
      '/market/detail/merged': merged,
      '/market/depth': depth,
    }[path];
    if (!asked) return undefined;
    const symbol = request.query.get('symbol') ?? '';
    if (!market.find(symbol)) return failed(200, 'invalid-parameter', 'invalid symbol');
    return asked(request, market, symbol);
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

function merged({ now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  const tick = market.tick(symbol);
  return {
    body:
      `{"ch":"market.${symbol}.detail.merged","status":"ok","ts":${now},"tick":{"id":${332_000_000_000 + tick.sequence},` +
      `"version":${332_000_000_000 + tick.sequence},"open":${java(tick.open)},"close":${java(tick.close)},` +
      `"low":${java(tick.low)},"high":${java(tick.high)},"amount":${java(tick.volume)},"vol":${java(tick.quoteVolume)},` +
      `"count":161094,"bid":[${java(tick.bid)},${java(tick.bidSize)}],"ask":[${java(tick.ask)},${java(tick.askSize)}]}}`,
  };
}

/** 150 levels where no other number is asked for. */
function depth({ query, now }: RestRequest, market: RestMarket, symbol: string): RestAnswer {
  if (query.get('type') !== 'step0') return failed(200, 'invalid-parameter', 'invalid type');
  const levels = whole(query, 'depth') ?? 150;
  if (![5, 10, 20, 150].includes(levels)) return failed(200, 'invalid-parameter', 'invalid depth');
  const view = market.book(symbol, 'depth.step0', levels);
  const side = (rows: readonly Level[]) =>
    `[${rows.map(({ price, size }) => `[${java(price)},${java(size)}]`).join(',')}]`;
  return {
    body:
      `{"ch":"market.${symbol}.depth.step0","status":"ok","ts":${now},"tick":{"ts":${view.timeMs},` +
      `"version":${100_434_000_000 + view.version},"bids":${side(view.bids)},"asks":${side(view.asks)}}}`,
  };
}

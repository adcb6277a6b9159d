import { eight } from '../../books/text.ts';
import type { Tick } from '../../protocol.ts';
import { digits, firstFrom, newest, whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';
import { depthOf } from '../books/binance.ts';

const MOST = 1000;
const DAY_MS = 86_400_000;
/** Aggregates have ids of their own. */
const AGGREGATES_BELOW = 1_000_000_000n;

/** https://developers.binance.com/docs/binance-spot-api-docs/rest-api */
export const restService: RestService = {
  limits: {
    each: [{ count: 6000, perMs: 60_000, aligned: true }],
    weight: ({ path, query }) => weight(path, query),
    refusal: (waitMs, detail) => tooMuch(429, waitMs, `Too much request weight used; ${detail}.`),
    block: {
      after: 10,
      forMs: 120_000,
      growth: 2,
      mostMs: 3 * DAY_MS,
      answer: (waitMs) =>
        tooMuch(418, waitMs, `Way too much request weight used; IP banned until ${Date.now() + waitMs}.`),
    },
    headers: (used) => ({ 'x-mbx-used-weight': `${used}`, 'x-mbx-used-weight-1m': `${used}` }),
  },
  answer(request, market) {
    const { path, query } = request;
    if (path === '/api/v3/historicalTrades') return ofSymbol(query, market, (rows) => byId(request, rows));
    if (path === '/api/v3/trades')
      return ofSymbol(query, market, (rows) => ({
        body: text(newest(rows, limit(query)).reverse(), request),
      }));
    if (path === '/api/v3/aggTrades') return ofSymbol(query, market, (rows) => aggregates(request, rows));
    if (path === '/api/v3/time') return { body: { serverTime: market.now } };
    return path === '/api/v3/ticker/24hr' ? tickers(query, market) : undefined;
  },
};

function weight(path: string, query: URLSearchParams): number {
  if (path === '/api/v3/exchangeInfo') return 20;
  if (path === '/api/v3/historicalTrades' || path === '/api/v3/trades') return 25;
  if (path === '/api/v3/aggTrades') return 4;
  if (path === '/api/v3/ticker/24hr') return query.has('symbol') ? 2 : 80;
  if (path !== '/api/v3/depth') return 1;
  const depth = depthOf(query);
  return depth <= 100 ? 5 : depth <= 500 ? 25 : depth <= 1000 ? 50 : 250;
}

function tooMuch(status: number, waitMs: number, msg: string): RestAnswer {
  const headers = { 'Retry-After': String(Math.ceil(waitMs / 1000)) };
  return { status, body: { code: -1003, msg }, headers };
}

function bad(code: number, msg: string): RestAnswer {
  return { status: 400, body: { code, msg } };
}

function ofSymbol(
  query: URLSearchParams,
  market: RestMarket,
  then: (rows: readonly PastTrade[]) => RestAnswer,
): RestAnswer {
  const symbol = query.get('symbol');
  if (!symbol) return bad(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
  // Lower case is no character of a symbol.
  if (!/^[\p{Lu}\p{Lo}0-9\-_.]{1,20}$/u.test(symbol)) {
    return bad(
      -1100,
      "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
    );
  }
  if (!market.find(symbol)) return bad(-1121, 'Invalid symbol.');
  for (const name of ['limit', 'fromId', 'startTime', 'endTime']) {
    if (digits(query, name) === undefined)
      return bad(-1100, `Illegal characters found in parameter '${name}'; legal range is '^[0-9]{1,20}$'.`);
  }
  return then(market.past(symbol));
}

function limit(query: URLSearchParams): number {
  return Math.min(MOST, whole(query, 'limit') || 500);
}

/** Oldest first from an id on, that id included. Ids that are gone are passed over without a word. */
function byId(request: RestRequest, rows: readonly PastTrade[]): RestAnswer {
  const { query } = request;
  const from = digits(query, 'fromId');
  const count = limit(query);
  if (!from) return { body: text(newest(rows, count).reverse(), request) };
  const at = firstFrom(rows, from);
  return { body: text(rows.slice(at, at + count), request) };
}

function micros({ query, header }: RestRequest): boolean {
  return [query.get('timeUnit'), header('x-mbx-time-unit')].includes('MICROSECOND');
}

/** Times are milliseconds where microseconds were not asked for. */
function text(rows: readonly PastTrade[], request: RestRequest): string {
  const zeros = micros(request) ? '000' : '';
  const row = ({ id, price, size, takerBuys, timeMs }: PastTrade) =>
    `{"id":${id},"price":"${eight(price)}","qty":"${eight(size)}","quoteQty":"${eight(price * size)}",` +
    `"time":${timeMs}${zeros},"isBuyerMaker":${!takerBuys},"isBestMatch":true}`;
  return `[${rows.map(row).join(',')}]`;
}

/** Trades of one time, price and side as one. */
function aggregates(request: RestRequest, rows: readonly PastTrade[]): RestAnswer {
  const { query } = request;
  const groups: [PastTrade, ...PastTrade[]][] = [];
  for (const row of rows) {
    const open = groups.at(-1);
    const [first] = open ?? [];
    const same =
      first?.timeMs === row.timeMs && first.price === row.price && first.takerBuys === row.takerBuys;
    if (open && same) open.push(row);
    else groups.push([row]);
  }
  const [from, start, end] = [digits(query, 'fromId'), whole(query, 'startTime'), whole(query, 'endTime')];
  const count = limit(query);
  const wanted = groups.filter(
    ([{ id, timeMs }]) =>
      (!from || BigInt(id) - AGGREGATES_BELOW >= BigInt(from)) &&
      timeMs >= (start ?? timeMs) &&
      timeMs <= (end ?? timeMs),
  );
  const bounded = from || typeof start === 'number';
  const shown = bounded ? wanted.slice(0, count) : wanted.slice(-count);
  const zeros = micros(request) ? '000' : '';
  const one = (group: readonly [PastTrade, ...PastTrade[]]) => {
    const [first] = group;
    const size = group.reduce((sum, row) => sum + row.size, 0);
    return (
      `{"a":${BigInt(first.id) - AGGREGATES_BELOW},"p":"${eight(first.price)}","q":"${eight(size)}",` +
      `"f":${first.id},"l":${group.at(-1)?.id},"T":${first.timeMs}${zeros},"m":${!first.takerBuys},"M":true}`
    );
  };
  return { body: `[${shown.map(one).join(',')}]` };
}

/** Of one symbol an object, of all a list. */
function tickers(query: URLSearchParams, market: RestMarket): RestAnswer {
  if (!query.has('symbol')) {
    return { body: `[${market.listings.map(({ symbol }) => ticker(market.tick(symbol))).join(',')}]` };
  }
  return ofSymbol(query, market, () => ({ body: ticker(market.tick(query.get('symbol') ?? '')) }));
}

function ticker(tick: Tick): string {
  const { open, close, volume, quoteVolume, timeMs } = tick;
  const [last] = tick.trades;
  return (
    `{"symbol":"${tick.listing.symbol}","priceChange":"${eight(close - open)}",` +
    `"priceChangePercent":"${((100 * (close - open)) / open).toFixed(3)}","weightedAvgPrice":"${eight(quoteVolume / volume)}",` +
    `"prevClosePrice":"${eight(tick.prevClose)}","lastPrice":"${eight(close)}","lastQty":"${eight(last.size)}",` +
    `"bidPrice":"${eight(tick.bid)}","bidQty":"${eight(tick.bidSize)}","askPrice":"${eight(tick.ask)}",` +
    `"askQty":"${eight(tick.askSize)}","openPrice":"${eight(open)}","highPrice":"${eight(tick.high)}",` +
    `"lowPrice":"${eight(tick.low)}","volume":"${eight(volume)}","quoteVolume":"${eight(quoteVolume)}",` +
    `"openTime":${timeMs - DAY_MS},"closeTime":${timeMs},"firstId":${BigInt(last.id) - 1_139_278n},"lastId":${last.id},` +
    `"count":1139279}`
  );
}

import { eight } from '../../books/text.ts';
import type { Level, Listing } from '../../protocol.ts';
import { whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MOST = 1000;
/** So many trades share a microsecond, and with it their time on the socket. */
const PER_MICRO = 12;
const V1: Readonly<Record<string, string>> = { BTC: 'XBT', DOGE: 'XDG' };

/** https://docs.kraken.com/api/docs/rest-api/get-recent-trades */
export const restService: RestService = {
  limits: {
    // No figure is published; one a second is what clients live with, with a little room for its edges.
    each: [
      { count: 2, perMs: 1000 },
      { count: 15, perMs: 12_000 },
    ],
    refusal: () => failed('EGeneral:Too many requests'),
  },
  answer(request, market) {
    const { path } = request;
    if (path === '/0/public/Time') return time(market.now);
    const asked = { '/0/public/Trades': trades, '/0/public/Ticker': ticker, '/0/public/Depth': depth }[path];
    if (!asked) return undefined;
    const listing = pairOf(request.query, market);
    return listing ? asked(request, market, listing) : failed('EQuery:Unknown asset pair');
  },
  microsOf,
  unknownPath: failed('EGeneral:Unknown method'),
};

function failed(error: string): RestAnswer {
  return { body: { error: [error] } };
}

/** In the spelling of REST: a key of the result, or the name without its prefixes. */
function names({ base, quote }: Listing): { key: string; altname: string } {
  const [b, q] = [V1[base] ?? base, V1[quote] ?? quote];
  return { key: `X${b}Z${q}`, altname: `${b}${q}` };
}

function pairOf(query: URLSearchParams, market: RestMarket): Listing | undefined {
  const pair = query.get('pair') ?? '';
  return market.listings.find((listing) => {
    const { key, altname } = names(listing);
    return pair === key || pair === altname;
  });
}

/** Microseconds of its millisecond at which a trade happened. @param nth of that millisecond */
export function microsOf(nth: number): number {
  return Math.min(999, Math.floor(nth / PER_MICRO));
}

/** Nanoseconds since the epoch, some of them the same. What the socket tells in microseconds is the same to that digit. */
function nanos({ timeUs, nth }: PastTrade): bigint {
  const within = nth < PER_MICRO * 1000 ? (nth % PER_MICRO) >> 1 : PER_MICRO;
  return BigInt(timeUs) * 1000n + BigInt(within * 60);
}

/** Oldest first from a time on, that time included; without one the newest. */
function trades({ query }: RestRequest, market: RestMarket, listing: Listing): RestAnswer {
  const count = whole(query, 'count');
  const since = sinceOf(query.get('since'));
  if (count === undefined || count === 0 || (count ?? 0) > MOST || since === undefined)
    return failed('EGeneral:Invalid arguments');
  const rows = market.past(listing.symbol);
  const most = count ?? MOST;
  const from = since === null ? Math.max(0, rows.length - most) : firstAt(rows, since);
  const page = rows.slice(from, from + most);
  const last = page.at(-1);
  const { key } = names(listing);
  // Now and then the end is not told.
  const told = last && BigInt(last.id) % 5n === 0n ? '' : `,"last":"${last ? nanos(last) : (since ?? 0n)}"`;
  return {
    body: `{"error":[],"result":{"${key}":[${page.map((row) => element(row, listing)).join(',')}]${told}}}`,
  };
}

/** Nanoseconds; a smaller number is seconds, from which rows of some 10 ms earlier are told, too. */
function sinceOf(text: string | null): bigint | null | undefined {
  if (text === null || text === '') return null;
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  if (!text.includes('.') && text.length > 12) return BigInt(text);
  const [seconds = '0', fraction = ''] = text.split('.');
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return ns > 10_000_000n ? ns - 10_000_000n : 0n;
}

function firstAt(rows: readonly PastTrade[], since: bigint): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle];
    if (row && nanos(row) < since) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Price, volume, seconds, taker, kind of order, nothing, id. The time has up to seven decimals. */
function element(row: PastTrade, { priceDigits }: Listing): string {
  const ns = nanos(row);
  const fraction = `${ns % 1_000_000_000n}`.padStart(9, '0').slice(0, 7).replace(/0+$/, '');
  const time = `${ns / 1_000_000_000n}${fraction && `.${fraction}`}`;
  const price = row.price.toFixed(Math.max(5, priceDigits));
  return `["${price}","${eight(row.size)}",${time},"${row.takerBuys ? 'b' : 's'}","m","",${row.id}]`;
}

/** `Sun, 21 Mar 21 14:23:14 +0000` */
function time(now: number): RestAnswer {
  const rfc1123 = new Date(now)
    .toUTCString()
    .replace(/ \d\d(\d\d) /, ' $1 ')
    .replace('GMT', '+0000');
  return { body: { error: [], result: { unixtime: Math.floor(now / 1000), rfc1123 } } };
}

/** Figures of today, then of 24 hours; prices with their lots. */
function ticker(_request: RestRequest, market: RestMarket, listing: Listing): RestAnswer {
  const tick = market.tick(listing.symbol);
  const price = (value: number) => value.toFixed(Math.max(5, listing.priceDigits));
  const best = (value: number, size: number) => [price(value), `${Math.ceil(size)}`, size.toFixed(3)];
  const mean = price(tick.quoteVolume / tick.volume);
  const row = {
    a: best(tick.ask, tick.askSize),
    b: best(tick.bid, tick.bidSize),
    c: [price(tick.close), eight(tick.trades[0].size)],
    v: [eight(tick.volume / 2), eight(tick.volume)],
    p: [mean, mean],
    t: [19_785, 39_571],
    l: [price(tick.low), price(tick.low)],
    h: [price(tick.high), price(tick.high)],
    o: price(tick.open),
  };
  return { body: { error: [], result: { [names(listing).key]: row } } };
}

/** Price, volume, seconds. Nothing tells which book of the socket it is. */
function depth({ query }: RestRequest, market: RestMarket, listing: Listing): RestAnswer {
  const count = whole(query, 'count');
  if (count === undefined || count === 0 || (count ?? 1) > 500) return failed('EGeneral:Invalid arguments');
  const { bids, asks, timeMs } = market.book(listing.symbol, 'book 500', count ?? 100);
  const side = (levels: readonly Level[]) =>
    levels.map(({ price, size }) => [
      price.toFixed(Math.max(5, listing.priceDigits)),
      eight(size),
      Math.floor(timeMs / 1000),
    ]);
  const rows = { asks: side(asks), bids: side(bids) };
  return { body: { error: [], result: { [names(listing).key]: rows } } };
}

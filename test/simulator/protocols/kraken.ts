import { consecutiveIds } from '../ids.ts';
import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books, channelOf } from './books/kraken.ts';
import { microsOf, restService } from './rest/kraken.ts';

/** https://docs.kraken.com/api/docs/guides/spot-ws-intro, API v2. */
export const kraken: Protocol = {
  id: 'kraken',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'USD', share: 0.5 },
    { quote: 'EUR', share: 0.3 },
    { quote: 'USDT', share: 0.1 },
    { quote: 'BTC', share: 0.1 },
  ],
  symbol: (base, quote) => `${base}/${quote}`,
  upgrades: (path) => path === '/v2',
  rest: (path, _query, listings) => (path === '/0/public/AssetPairs' ? assetPairs(listings) : undefined),
  rules: {
    opens: [{ count: 150, perMs: 600_000 }],
    openRefusal: { status: 429, escalate: { after: 5, status: 403, blockMs: 600_000 } },
    sockets: null,
    // No figure is published; twice 10 a second is what clients live with.
    messages: [{ count: 20, perMs: 1000 }],
    messagesCount: ['text'],
    messagesBeyond: { frame: '{"Error":"Exceeded msg rate"}' },
    frameChars: null,
    idle: { ms: 60_000, resetBy: ['text'], ending: 'abrupt' },
    ping: null,
    subscribeWithin: null,
    lifetime: null,
    beatMs: 1000,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 5,
  ...consecutiveIds(4_665_846n),
  connect,
};

const V1: Readonly<Record<string, string>> = { BTC: 'XBT', DOGE: 'XDG' };

/** Keys and codes in the spelling of REST; only wsname is easy to read. */
function assetPairs(listings: readonly Listing[]): unknown {
  const pairs = listings.map(({ base, quote, priceDigits, sizeDigits }) => {
    const b = V1[base] ?? base;
    const q = V1[quote] ?? quote;
    const row = {
      altname: `${b}${q}`,
      wsname: `${b}/${q}`,
      aclass_base: 'currency',
      base: `X${b}`,
      aclass_quote: 'currency',
      quote: q.length === 3 && q !== 'XBT' ? `Z${q}` : q,
      pair_decimals: priceDigits,
      lot_decimals: sizeDigits,
      ordermin: '0.0001',
      tick_size: `${10 ** -priceDigits}`,
      status: 'online',
    };
    return [`X${b}Z${q}`, row] as const;
  });
  const [[, first] = ['', {}]] = pairs;
  const odd = {
    'XXBTZUSD.d': { ...first, altname: 'XBTUSD.d' },
    XHALTEDZUSD: { ...first, wsname: 'HALTED/USD', status: 'cancel_only' },
    XNONAMEZUSD: { altname: 'NONAMEUSD', base: 'NONAME', quote: 'ZUSD', status: 'online' },
  };
  return { error: [], result: { ...Object.fromEntries(pairs), ...odd } };
}

function connect(venue: Venue): Conversation {
  const subscribed = new Set<string>();
  const say = (frame: object): Reply => ({ do: 'send', text: JSON.stringify(frame) });
  const times = () => {
    const now = new Date(venue.now()).toISOString();
    return { time_in: now.replace('Z', '090Z'), time_out: now.replace('Z', '135Z') };
  };
  const refuse = (error: string, frame: object): Reply[] => [
    { do: 'refused', detail: error },
    say({ error, ...frame, success: false, ...times() }),
  ];

  function one(method: string, symbol: string, params: Record<string, unknown>, req: object): Reply[] {
    const { channel, snapshot, event_trigger } = params;
    const type = channel === 'book' ? 'orderbook' : (channel as DataType);
    const book = type === 'orderbook' ? channelOf(params.depth) : undefined;
    const stream = { type, symbol, ...(book !== undefined && { channel: book }) };
    // One depth of a book per symbol and socket.
    const key = `${type} ${symbol}`;
    const result: Record<string, unknown> = { channel, symbol };
    if (book !== undefined) result.depth = Number(book.slice('book '.length));
    const answer = () => say({ method, ...req, result, success: true, ...times() });
    if (method === 'unsubscribe') {
      if (!subscribed.delete(key)) return refuse('Subscription Not Found', { method, ...req, symbol });
      return [{ do: 'unsubscribe', ...stream }, answer()];
    }
    if (!venue.find(symbol))
      return refuse(`Currency pair not supported ${symbol}`, { method, ...req, symbol });
    if (subscribed.has(key)) return refuse('Already subscribed', { method, ...req, symbol });
    subscribed.add(key);
    const wanted = typeof snapshot === 'boolean' ? snapshot : type !== 'trade';
    result.snapshot = wanted;
    if (type === 'ticker') result.event_trigger = event_trigger ?? 'trades';
    return [answer(), { do: 'subscribe', ...stream, snapshot: wanted }];
  }

  function status(): Reply[] {
    const system = venue.closed ? 'maintenance' : 'online';
    // The id exceeds 2^53.
    const data = `"data":[{"version":"2.0.10","system":"${system}","api_version":"v2","connection_id":17408390984690501469}]`;
    return [{ do: 'send', text: `{"channel":"status","type":"update",${data}}` }];
  }

  return {
    open: status,
    announceMaintenance: status,
    receive(text) {
      const request = asObject(parse(text));
      if (!request) return refuse('Malformed request', {});
      const { method, req_id } = request;
      const req = Number.isInteger(req_id) ? { req_id } : {};
      if (method === 'ping') return [say({ method: 'pong', ...req, ...times() })];
      if (method !== 'subscribe' && method !== 'unsubscribe') return refuse('Unsupported method', req);
      const params = asObject(request.params) ?? {};
      if (params.channel !== 'ticker' && params.channel !== 'trade' && params.channel !== 'book') {
        return refuse('Channel not supported', { method, ...req });
      }
      if (params.channel === 'book' && channelOf(params.depth) === undefined) {
        return refuse('Subscription depth not supported', { method, ...req });
      }
      const symbols = asArray(params.symbol)?.filter((symbol) => typeof symbol === 'string') ?? [];
      if (symbols.length === 0) return refuse('Symbol(s) not found', { method, ...req });
      return symbols.flatMap((symbol) => one(method, symbol, params, req));
    },
    data: (type, tick) => [type === 'ticker' ? ticker(tick) : trade(tick)],
    beat: () => (subscribed.size > 0 ? [{ do: 'send', text: '{"channel":"heartbeat"}' }] : []),
  };
}

/** Numbers are bare, with trailing zeros. */
function frame(channel: string, tick: Tick, rows: readonly string[]): string {
  return `{"channel":"${channel}","type":"${tick.snapshot ? 'snapshot' : 'update'}","data":[${rows.join(',')}]}`;
}

function ticker(tick: Tick): string {
  const { listing, open, close } = tick;
  const digits = Math.max(listing.priceDigits, 2);
  const price = (value: number) => value.toFixed(digits);
  const row =
    `{"symbol":"${listing.symbol}","bid":${price(tick.bid)},"bid_qty":${tick.bidSize.toFixed(8)},"ask":${price(tick.ask)},` +
    `"ask_qty":${tick.askSize.toFixed(8)},"last":${price(close)},"volume":${tick.volume.toFixed(8)},` +
    `"vwap":${price(tick.quoteVolume / tick.volume)},"low":${price(tick.low)},"high":${price(tick.high)},` +
    `"change":${price(close - open)},"change_pct":${((100 * (close - open)) / open).toFixed(2)},"trades":39571,` +
    `"timestamp":"${isoMicros(tick.timeMs)}"}`;
  return frame('ticker', tick, [row]);
}

function trade(tick: Tick): string {
  const { symbol } = tick.listing;
  const rows = tick.trades.map(
    ({ id, price, size, takerBuys, timeMs, nth = 0 }) =>
      `{"symbol":"${symbol}","side":"${takerBuys ? 'buy' : 'sell'}","price":${price.toFixed(8)},"qty":${size.toFixed(8)},` +
      `"ord_type":"market","trade_id":${id},"timestamp":"${isoMicros(timeMs, microsOf(nth))}"}`,
  );
  return frame('trade', tick, rows);
}

/** @param micros of the millisecond */
function isoMicros(timeMs: number, micros = 0): string {
  return new Date(timeMs).toISOString().replace('Z', `${`${micros}`.padStart(3, '0')}Z`);
}

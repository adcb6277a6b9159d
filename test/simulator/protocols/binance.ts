import { consecutiveIds } from '../ids.ts';
import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books } from './books/binance.ts';
import { restService } from './rest/binance.ts';

const STREAMS_PER_SOCKET = 1024;

/** https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams */
export const binance: Protocol = {
  id: 'binance',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'USDT', share: 0.5 },
    { quote: 'BTC', share: 0.2 },
    { quote: 'FDUSD', share: 0.1 },
    { quote: 'TRY', share: 0.1 },
    { quote: 'USDC', share: 0.1 },
  ],
  symbol: (base, quote) => `${base}${quote}`,
  upgrades: (path) => /^\/(ws(\/.+)?|stream)$/.test(path),
  rest: (path, query, listings) =>
    path === '/api/v3/exchangeInfo' ? exchangeInfo(query, listings) : undefined,
  rules: {
    opens: [{ count: 300, perMs: 300_000 }],
    openRefusal: { status: 429, retryAfterS: 60, escalate: { after: 10, status: 418, blockMs: 120_000 } },
    sockets: null,
    messages: [{ count: 5, perMs: 1000 }],
    messagesCount: ['text', 'ping', 'pong'],
    messagesBeyond: { ending: { code: 1008, reason: 'Too many requests' } },
    frameChars: null,
    idle: null,
    ping: { everyMs: 20_000, payload: '', deadMs: 60_000 },
    subscribeWithin: null,
    lifetime: { ms: 24 * 3_600_000, ending: { code: 1001, reason: '' } },
    beatMs: null,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 1,
  ...consecutiveIds(3_489_021_234n),
  connect,
};

/** A stream of one code; books have a channel. */
interface Stream {
  readonly type: DataType;
  readonly symbol: string;
  readonly channel?: string;
}

function exchangeInfo(query: URLSearchParams, listings: readonly Listing[]): unknown {
  const symbols = listings.map(({ symbol, base, quote }) => ({
    symbol,
    status: 'TRADING',
    baseAsset: base,
    baseAssetPrecision: 8,
    quoteAsset: quote,
    quoteAssetPrecision: 8,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters: [],
    permissions: [],
    permissionSets: query.get('showPermissionSets') === 'false' ? [] : [['SPOT']],
  }));
  // Rows that are listed and not tradable; a filtered request leaves them out.
  const halted = {
    ...symbols[0],
    symbol: 'HALTEDUSDT',
    baseAsset: 'HALTED',
    quoteAsset: 'USDT',
    status: 'BREAK',
  };
  const rateLimits = [{ rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 6000 }];
  const shown = query.get('symbolStatus') === 'TRADING' ? symbols : [...symbols, halted];
  return { timezone: 'UTC', serverTime: Date.now(), rateLimits, exchangeFilters: [], symbols: shown };
}

function connect(venue: Venue, path: string, query: URLSearchParams): Conversation {
  let combined = path === '/stream';
  const streams = new Map<string, Stream>();
  const names = new Map<string, string>();

  function subscribe(params: readonly string[]): Reply[] {
    return params.flatMap((name): Reply[] => {
      const stream = read(name, venue);
      // Whether a stream that does not exist is acked is not documented; here it is, and stays silent.
      if (!stream) return [{ do: 'refused', detail: name }];
      if (streams.has(name)) return [];
      streams.set(name, stream);
      if (stream.channel === undefined) names.set(key(stream.type, stream.symbol), name);
      // Partial books are whole in each frame, the first one comes with the next change.
      return [{ do: 'subscribe', ...stream }];
    });
  }

  function unsubscribe(params: readonly string[]): Reply[] {
    return params.flatMap((name): Reply[] => {
      const stream = streams.get(name);
      streams.delete(name);
      return stream ? [{ do: 'unsubscribe', ...stream }] : [];
    });
  }

  function wrapped(stream: string, text: string): string {
    return combined ? `{"stream":"${stream}","data":${text}}` : text;
  }

  return {
    open: () => subscribe(combined ? (query.get('streams')?.split('/') ?? []) : path.split('/').slice(2)),
    receive(text) {
      const request = asObject(parse(text));
      if (!request) return error(3, 'Invalid JSON: expected value at line 1 column 1', undefined);
      const { method, id } = request;
      if (!validId(id)) return error(2, 'Invalid request: request ID must be an unsigned integer', null);
      const params = asArray(request.params)?.filter((name) => typeof name === 'string');
      if (method === 'LIST_SUBSCRIPTIONS') return [send({ result: [...streams.keys()], id })];
      if (method === 'SET_PROPERTY') {
        const [name, value] = asArray(request.params) ?? [];
        if (name !== 'combined') return error(0, 'Unknown property', id);
        if (typeof value !== 'boolean') return error(1, 'Invalid value type: expected Boolean', id);
        combined = value;
        return [send({ result: null, id })];
      }
      if ((method !== 'SUBSCRIBE' && method !== 'UNSUBSCRIBE') || !params || params.length === 0) {
        return error(2, `Invalid request: unknown variant ${method}`, id);
      }
      if (method === 'UNSUBSCRIBE') return [...unsubscribe(params), send({ result: null, id })];
      const after = new Set([...streams.keys(), ...params]).size;
      if (after > STREAMS_PER_SOCKET) {
        return [
          { do: 'violation', limit: 'streams per socket', detail: `${after} of ${STREAMS_PER_SOCKET}` },
          ...error(4, 'Too many subscriptions', id),
        ];
      }
      return [send({ result: null, id }), ...subscribe(params)];
    },
    data(type, tick) {
      const text = type === 'ticker' ? ticker(tick) : trade(tick);
      return [wrapped(names.get(key(type, tick.listing.symbol)) ?? '', text)];
    },
    book: (symbol, channel, text) => wrapped(`${symbol.toLowerCase()}@${channel}`, text),
    announceEnd() {
      const event = { e: 'serverShutdown', E: venue.now() };
      return [send(combined ? { stream: '!serverShutdown', data: event } : event)];
    },
  };
}

function key(type: DataType, symbol: string): string {
  return `${type} ${symbol}`;
}

/** `btcusdt@trade`; upper-case symbols name no stream. */
function read(name: string, venue: Venue): Stream | undefined {
  const [, lower = '', channel = ''] = /^([^@]+)@(.+)$/.exec(name) ?? [];
  const symbol = lower.toUpperCase();
  if (lower === symbol || !venue.find(symbol)) return undefined;
  if (channel === 'ticker' || channel === 'trade') return { type: channel, symbol };
  return books.channel(channel) ? { type: 'orderbook', symbol, channel } : undefined;
}

function validId(id: unknown): boolean {
  if (id === null || id === undefined || Number.isSafeInteger(id)) return true;
  return typeof id === 'string' && /^[A-Za-z0-9]{1,36}$/.test(id);
}

function send(value: unknown): Reply {
  return { do: 'send', text: JSON.stringify(value) };
}

function error(code: number, msg: string, id: unknown): Reply[] {
  const refused: Reply = { do: 'refused', detail: `${code} ${msg}` };
  return [refused, send(id === undefined ? { code, msg } : { error: { code, msg }, id })];
}

function ticker(tick: Tick): string {
  const { listing, open, close, volume, quoteVolume } = tick;
  const [last] = tick.trades;
  const text = (value: number) => value.toFixed(8);
  const dayAgo = tick.timeMs - 86_400_000;
  return (
    `{"e":"24hrTicker","E":${tick.timeMs},"s":"${listing.symbol}","p":"${text(close - open)}",` +
    `"P":"${((100 * (close - open)) / open).toFixed(3)}","w":"${text(quoteVolume / volume)}","x":"${text(tick.prevClose)}",` +
    `"c":"${text(close)}","Q":"${text(last.size)}","b":"${text(tick.bid)}","B":"${text(tick.bidSize)}",` +
    `"a":"${text(tick.ask)}","A":"${text(tick.askSize)}","o":"${text(open)}","h":"${text(tick.high)}","l":"${text(tick.low)}",` +
    `"v":"${text(volume)}","q":"${text(quoteVolume)}","O":${dayAgo},"C":${tick.timeMs},"F":1354044647,"L":${last.id},"n":1139279}`
  );
}

function trade(tick: Tick): string {
  const [{ id, price, size, takerBuys, timeMs }] = tick.trades;
  return (
    `{"e":"trade","E":${tick.timeMs},"s":"${tick.listing.symbol}","t":${id},"p":"${price.toFixed(8)}",` +
    `"q":"${size.toFixed(8)}","T":${timeMs},"m":${!takerBuys},"M":true}`
  );
}

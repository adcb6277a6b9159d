import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books } from './books/korbit.ts';
import { restService } from './rest/korbit.ts';

/** https://docs.korbit.co.kr/, WebSocket API v2, public. */
export const korbit: Protocol = {
  id: 'korbit',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [{ quote: 'KRW', share: 1 }],
  symbol: (base, quote) => `${base}_${quote}`.toLowerCase(),
  upgrades: (path) => path === '/v2/public',
  rest: (path, _query, listings) => (path === '/v2/currencyPairs' ? currencyPairs(listings) : undefined),
  rules: {
    // Nothing is published about opens, messages and sockets.
    opens: [],
    openRefusal: { status: 429 },
    sockets: null,
    messages: [],
    messagesCount: [],
    messagesBeyond: { ending: 'abrupt' },
    frameChars: null,
    idle: null,
    ping: { everyMs: 30_000, payload: 'ping', deadMs: 90_000 },
    subscribeWithin: null,
    lifetime: null,
    beatMs: null,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 5,
  // Rising with holes.
  firstId: (nth) => (1_234_567n + BigInt(nth) * 7919n).toString(),
  nextId: (previous, timeMs) => (BigInt(previous) + 1n + BigInt(timeMs % 4)).toString(),
  connect,
};

function currencyPairs(listings: readonly Listing[]): unknown {
  const row = (symbol: string, base: string, quote: string, status: string) => ({
    symbol,
    status,
    baseCurrency: base.toLowerCase(),
    quoteCurrency: quote.toLowerCase(),
    minOrderValue: '5000',
    maxOrderValue: '1000000000',
  });
  const data = listings.map(({ symbol, base, quote }) => row(symbol, base, quote, 'launched'));
  return { success: true, data: [...data, row('stopped_krw', 'stopped', 'krw', 'stopped')] };
}

function connect(venue: Venue): Conversation {
  const say = (frame: object): Reply => ({ do: 'send', text: JSON.stringify(frame) });
  const refuse = (message: string, code?: string, id?: unknown): Reply[] => [
    { do: 'refused', detail: message },
    say({ status: 'fail', code, message, requestId: id }),
  ];

  /** Success is told only where the request has an id; whether one bad symbol spoils its request is not documented. */
  function one(request: Record<string, unknown>): Reply[] {
    const { method, type: asked, requestId } = request;
    const id = Number.isInteger(requestId) ? requestId : undefined;
    const type: DataType | null =
      asked === 'ticker' || asked === 'trade' || asked === 'orderbook' ? asked : null;
    if (!type) return refuse('unknown_type', 'INVALID_REQUEST', id);
    if (method !== 'subscribe' && method !== 'unsubscribe') {
      return refuse('unknown_method', 'INVALID_REQUEST', id);
    }
    const symbols = (asArray(request.symbols) ?? []).map(String);
    const unknown = symbols.find((symbol) => !venue.find(symbol));
    if (method === 'subscribe' && unknown !== undefined) {
      return refuse(`The symbol does not exist (${unknown})`, 'INVALID_SYMBOL', id);
    }
    const done: Reply[] = id === undefined ? [] : [say({ status: 'success', requestId: id })];
    const changes = symbols.map((symbol): Reply => {
      const stream = { type, symbol, ...(type === 'orderbook' && { channel: 'orderbook' }) };
      return method === 'subscribe'
        ? { do: 'subscribe', ...stream, snapshot: true }
        : { do: 'unsubscribe', ...stream };
    });
    return [...done, ...changes];
  }

  return {
    open: () => [],
    receive(text) {
      const requests = asArray(parse(text));
      const objects = requests?.map(asObject).filter((request) => request !== undefined);
      if (!requests || objects?.length !== requests.length) return refuse('invalid_format');
      return objects.flatMap(one);
    },
    data: (type, tick) => [type === 'ticker' ? ticker(tick) : trade(tick)],
  };
}

/** `snapshot` is true or absent. */
function frame(type: DataType, tick: Tick, data: unknown): string {
  const { symbol } = tick.listing;
  const mark = tick.snapshot ? { snapshot: true } : {};
  return JSON.stringify({ symbol, timestamp: tick.timeMs, type, ...mark, data });
}

function ticker(tick: Tick): string {
  const { close, prevClose } = tick;
  return frame('ticker', tick, {
    open: plain(tick.open),
    high: plain(tick.high),
    low: plain(tick.low),
    close: plain(close),
    prevClose: plain(prevClose),
    priceChange: plain(close - prevClose),
    priceChangePercent: ((100 * (close - prevClose)) / prevClose).toFixed(2),
    volume: plain(tick.volume),
    quoteVolume: plain(tick.quoteVolume),
    bestAskPrice: plain(tick.ask),
    bestBidPrice: plain(tick.bid),
    lastTradedAt: tick.trades[0].timeMs,
  });
}

/** The time of the envelope is the server's, that of a trade stands in its element. */
function trade(tick: Tick): string {
  const rows = tick.trades.map(({ id, price, size, takerBuys, timeMs }) => ({
    timestamp: timeMs,
    price: plain(price),
    qty: plain(size),
    isBuyerTaker: takerBuys,
    tradeId: Number(id),
  }));
  return frame('trade', tick, rows);
}

/** Without exponent and trailing zeros. */
function plain(value: number): string {
  const text = value.toFixed(8);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

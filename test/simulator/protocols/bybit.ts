import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books } from './books/bybit.ts';
import { restService } from './rest/bybit.ts';

const ARGS_PER_REQUEST = 10;
const ARGS_CHARS = 21_000;

/** https://bybit-exchange.github.io/docs/v5/ws/connect, spot. */
export const bybit: Protocol = {
  id: 'bybit',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'USDT', share: 0.6 },
    { quote: 'USDC', share: 0.2 },
    { quote: 'BTC', share: 0.1 },
    { quote: 'EUR', share: 0.1 },
  ],
  symbol: (base, quote) => `${base}${quote}`,
  upgrades: (path) => path === '/v5/public/spot',
  rest: (path, query, listings) =>
    path === '/v5/market/instruments-info' ? instruments(query, listings) : undefined,
  rules: {
    opens: [{ count: 500, perMs: 300_000 }],
    openRefusal: { status: 403 },
    sockets: { count: 1000, ending: 'abrupt' },
    messages: [],
    messagesCount: [],
    messagesBeyond: { ending: 'abrupt' },
    frameChars: null,
    // Whether protocol pings count is not published.
    idle: { ms: 600_000, resetBy: ['text'], ending: 'abrupt' },
    ping: null,
    subscribeWithin: null,
    lifetime: null,
    beatMs: null,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 1024,
  // 19 digits, rising with holes.
  firstId: (nth) => (2_290_000_001_225_843_671n + BigInt(nth) * 7919n).toString(),
  nextId: (previous, timeMs) => (BigInt(previous) + 1n + BigInt(timeMs % 3)).toString(),
  connect,
};

function instruments(query: URLSearchParams, listings: readonly Listing[]): unknown {
  if (query.get('category') !== 'spot') {
    return { retCode: 10001, retMsg: 'params error: category', result: {}, retExtInfo: {}, time: Date.now() };
  }
  const row = ({ symbol, base: baseCoin, quote: quoteCoin }: Listing) => ({
    symbolId: 9,
    symbol,
    baseCoin,
    quoteCoin,
    innovation: '0',
    status: 'Trading',
    marginTrading: 'none',
    stTag: '0',
    lotSizeFilter: { basePrecision: '0.000001', quotePrecision: '0.0000001' },
    priceFilter: { tickSize: '0.1' },
    symbolType: '',
  });
  const list = listings.map(row);
  const early = {
    ...list[0],
    symbol: 'EARLYUSDT',
    baseCoin: 'EARLY',
    quoteCoin: 'USDT',
    status: 'PreLaunch',
  };
  const result = { category: 'spot', list: [...list, early] };
  return { retCode: 0, retMsg: 'OK', result, retExtInfo: {}, time: Date.now() };
}

function connect(venue: Venue): Conversation {
  const connId = `sim-${Math.floor(venue.random() * 1e9).toString(36)}`;
  const topics = new Set<string>();
  const answer = (success: boolean, retMsg: string, op: string, reqId: unknown): Reply => ({
    do: 'send',
    text: JSON.stringify({ success, ret_msg: retMsg, conn_id: connId, req_id: reqId, op }),
  });
  const refuse = (retMsg: string, op: string, reqId: unknown): Reply[] => [
    { do: 'refused', detail: retMsg },
    answer(false, retMsg, op, reqId),
  ];

  /** Whether a request with one bad topic serves its good ones is not published; here it serves none. */
  function subscribe(args: readonly string[], reqId: unknown): Reply[] {
    if (args.length > ARGS_PER_REQUEST) {
      const detail = `${args.length} of ${ARGS_PER_REQUEST}`;
      return [
        { do: 'violation', limit: 'args per request', detail },
        ...refuse('args size >10', 'subscribe', reqId),
      ];
    }
    for (const topic of args) {
      if (topics.has(topic)) return refuse(`error:already subscribed,topic:${topic}`, 'subscribe', reqId);
      if (!read(topic, venue)) return refuse(`error:handler not found,topic:${topic}`, 'subscribe', reqId);
    }
    for (const topic of args) topics.add(topic);
    const chars = [...topics].reduce((sum, topic) => sum + topic.length, 0);
    const detail = `${chars} of ${ARGS_CHARS}`;
    return [
      ...(chars > ARGS_CHARS
        ? [{ do: 'violation', limit: 'characters of args per socket', detail } as const]
        : []),
      answer(true, 'subscribe', 'subscribe', reqId),
      ...args.flatMap((topic): Reply[] => {
        const stream = read(topic, venue);
        // A ticker and a book tell their state at once; trades do not.
        return stream ? [{ do: 'subscribe', ...stream, snapshot: stream.type !== 'trade' }] : [];
      }),
    ];
  }

  function unsubscribe(args: readonly string[], reqId: unknown): Reply[] {
    const replies = args.flatMap((topic): Reply[] => {
      const stream = topics.delete(topic) ? read(topic, venue) : undefined;
      return stream ? [{ do: 'unsubscribe', ...stream }] : [];
    });
    return [...replies, answer(true, '', 'unsubscribe', reqId)];
  }

  return {
    open: () => [],
    receive(text) {
      const request = asObject(parse(text));
      const op = request?.op;
      const reqId = request?.req_id;
      if (op === 'ping') return [answer(true, 'pong', 'ping', reqId)];
      const args = asArray(request?.args)?.filter((topic) => typeof topic === 'string') ?? [];
      if (args.length === 0) return refuse('error:invalid request', String(op), reqId);
      if (op === 'subscribe') return subscribe(args, reqId);
      return op === 'unsubscribe' ? unsubscribe(args, reqId) : refuse('error:invalid op', String(op), reqId);
    },
    data: (type, tick) => [type === 'ticker' ? ticker(tick) : trade(tick)],
  };
}

/** `publicTrade.BTCUSDT`; case counts. */
function read(topic: string, venue: Venue): { type: DataType; symbol: string; channel?: string } | undefined {
  const at = topic.lastIndexOf('.');
  const symbol = topic.slice(at + 1);
  if (!venue.find(symbol)) return undefined;
  const name = topic.slice(0, at);
  if (books.channel(name)) return { type: 'orderbook', symbol, channel: name };
  if (name === 'tickers') return { type: 'ticker', symbol };
  return name === 'publicTrade' ? { type: 'trade', symbol } : undefined;
}

/** Without exponent and trailing zeros. */
function plain(value: number): string {
  return value.toFixed(8).replace(/\.?0+$/, '');
}

function ticker(tick: Tick): string {
  const { listing, open, close } = tick;
  return JSON.stringify({
    topic: `tickers.${listing.symbol}`,
    ts: tick.timeMs,
    type: 'snapshot',
    cs: 2_588_407_389 + tick.sequence,
    data: {
      symbol: listing.symbol,
      lastPrice: plain(close),
      highPrice24h: plain(tick.high),
      lowPrice24h: plain(tick.low),
      prevPrice24h: plain(open),
      volume24h: plain(tick.volume),
      turnover24h: plain(tick.quoteVolume),
      price24hPcnt: ((close - open) / open).toFixed(4),
      usdIndexPrice: '',
    },
  });
}

function trade(tick: Tick): string {
  const { symbol } = tick.listing;
  const data = tick.trades.map(({ id, price, size, takerBuys, timeMs }) => ({
    i: id,
    T: timeMs,
    p: plain(price),
    v: plain(size),
    S: takerBuys ? 'Buy' : 'Sell',
    seq: 115_058_640_184 + tick.sequence,
    s: symbol,
    BT: false,
    RPI: false,
  }));
  return JSON.stringify({ topic: `publicTrade.${symbol}`, ts: tick.timeMs, type: 'snapshot', data });
}

import { java } from '../books/text.ts';
import { consecutiveIds } from '../ids.ts';
import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { RateWindow } from '../rate-window.ts';
import { asArray, asObject, parse } from '../read.ts';
import { answer as bookAnswer, books, isOn } from './books/huobi.ts';
import { restService } from './rest/huobi.ts';

const REQUESTS = { count: 1, perMs: 100 };

interface Stream {
  readonly type: DataType;
  readonly symbol: string;
  readonly channel?: string;
}

/** Pings that may stay without an answer. */
const UNANSWERED = 2;

/** https://www.htx.com/en-us/opend/newApiPages/, spot. */
export const huobi: Protocol = {
  id: 'huobi',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'USDT', share: 0.7 },
    { quote: 'BTC', share: 0.2 },
    { quote: 'HUSD', share: 0.1 },
  ],
  symbol: (base, quote) => `${base}${quote}`.toLowerCase(),
  upgrades: (path) => path === '/ws' || path === '/feed',
  rest: (path, _query, listings) => (path === '/v1/common/symbols' ? symbols(listings) : undefined),
  rules: {
    opens: [],
    openRefusal: { status: 429 },
    sockets: null,
    messages: [],
    messagesCount: [],
    messagesBeyond: { ending: 'abrupt' },
    frameChars: null,
    idle: null,
    ping: null,
    subscribeWithin: null,
    lifetime: null,
    beatMs: 5000,
  },
  books,
  restService,
  encode: (text) => Bun.gzipSync(text),
  tradesPerFrame: 10,
  newestFirst: true,
  // So in recordings.
  ...consecutiveIds(103_627_281_663n),
  connect,
};

function symbols(listings: readonly Listing[]): unknown {
  const row = ({ symbol, base, quote }: Listing) => ({
    'base-currency': base.toLowerCase(),
    'quote-currency': quote.toLowerCase(),
    'price-precision': 8,
    'amount-precision': 8,
    'symbol-partition': 'main',
    symbol,
    state: 'online',
    'value-precision': 8,
    'api-trading': 'enabled',
    tags: '',
  });
  const data = listings.map(row);
  const gone = { ...data[0], symbol: 'goneusdt', 'base-currency': 'gone', state: 'offline' };
  const closed = { ...data[0], symbol: 'closedusdt', 'base-currency': 'closed', 'api-trading': 'disabled' };
  return { status: 'ok', data: [...data, gone, closed] };
}

function connect(venue: Venue, path: string): Conversation {
  const topics = new Set<string>();
  const requests = new RateWindow(REQUESTS);
  const pings: number[] = [];
  const say = (frame: object): Reply => ({ do: 'send', text: JSON.stringify({ ...frame, ts: venue.now() }) });
  const refuse = (msg: string, id: unknown): Reply[] => [
    { do: 'refused', detail: msg },
    say({ status: 'error', id, 'err-code': 'bad-request', 'err-msg': msg }),
  ];

  function subscribe(topic: string, id: unknown): Reply[] {
    const [, symbol = ''] = topic.split('.');
    const stream = read(topic);
    if (!stream || !serves(stream)) return refuse(`invalid topic ${topic}`, id);
    if (!venue.find(symbol)) return refuse(`invalid symbol ${symbol}`, id);
    const answer = say({ id, status: 'ok', subbed: topic });
    if (topics.has(topic)) return [answer];
    topics.add(topic);
    // The latest trades come at once; nothing marks them. Nor are whole books of a subscription marked.
    return [answer, { do: 'subscribe', ...stream, snapshot: stream.type === 'trade' }];
  }

  /** Tickers and trades are on /ws alone, changes of books on /feed alone. */
  function serves({ channel }: Stream): boolean {
    return channel === undefined ? path === '/ws' : isOn(channel, path);
  }

  function request(topic: string, id: unknown): Reply[] {
    if (requests.hit(performance.now(), venue.lagMs?.() ?? 0)) {
      return [
        { do: 'violation', limit: 'REQ messages', detail: `more than 1 in ${REQUESTS.perMs} ms` },
        ...refuse(`429 too many request topic is ${topic}`, id),
      ];
    }
    const stream = read(topic);
    if (!stream?.channel || !/^mbp\.\d+$/.test(stream.channel) || !serves(stream)) {
      return refuse(`invalid topic ${topic}`, id);
    }
    const { symbol, channel } = stream;
    if (!venue.find(symbol)) return refuse(`invalid ${channel}.symbol ${symbol}`, id);
    return [{ do: 'book', symbol, channel, text: (view) => bookAnswer(topic, id, view) }];
  }

  function unsubscribe(topic: string, id: unknown): Reply[] {
    const stream = topics.delete(topic) ? read(topic) : undefined;
    if (!stream) return refuse(`unsub with not subbed topic ${topic}`, id);
    return [{ do: 'unsubscribe', ...stream }, say({ id, status: 'ok', unsubbed: topic })];
  }

  return {
    open: () => [],
    receive(text) {
      const message = asObject(parse(text));
      if (!message) return refuse('not json string', undefined);
      const { pong, sub, unsub, req, id } = message;
      if (pong !== undefined) {
        const at = pings.indexOf(pong as number);
        if (at === -1) return [{ do: 'violation', limit: 'pong', detail: `${text} answers no ping` }];
        pings.splice(0, at + 1);
        return [];
      }
      if (sub !== undefined) return names(sub).flatMap((topic) => subscribe(topic, id));
      if (typeof req === 'string') return request(req, id);
      if (unsub !== undefined) return names(unsub).flatMap((topic) => unsubscribe(topic, id));
      return refuse('invalid command', id);
    },
    data: (type, tick) => [type === 'ticker' ? ticker(tick) : trade(tick)],
    beat() {
      if (pings.length >= UNANSWERED) {
        const detail = `${pings.length} pings without an answer`;
        return [
          { do: 'violation', limit: 'pong', detail },
          { do: 'end', ending: 'abrupt' },
        ];
      }
      const ping = venue.now();
      pings.push(ping);
      return [{ do: 'send', text: `{"ping":${ping}}` }];
    },
  };
}

function names(value: unknown): string[] {
  return (asArray(value) ?? [value]).filter((name) => typeof name === 'string');
}

/** `market.btcusdt.trade.detail`; symbols in lower case. */
function read(topic: string): Stream | undefined {
  const [, symbol = '', channel = ''] = /^market\.([a-z0-9]+)\.(.+)$/.exec(topic) ?? [];
  if (channel === 'ticker') return { type: 'ticker', symbol };
  if (channel === 'trade.detail') return { type: 'trade', symbol };
  return books.channel(channel) ? { type: 'orderbook', symbol, channel } : undefined;
}

function ticker(tick: Tick): string {
  const { symbol } = tick.listing;
  const [last] = tick.trades;
  return (
    `{"ch":"market.${symbol}.ticker","ts":${tick.timeMs},"tick":{"open":${java(tick.open)},"high":${java(tick.high)},` +
    `"low":${java(tick.low)},"close":${java(tick.close)},"amount":${java(tick.volume)},"vol":${java(tick.quoteVolume)},` +
    `"count":161094,"bid":${java(tick.bid)},"bidSize":${java(tick.bidSize)},"ask":${java(tick.ask)},` +
    `"askSize":${java(tick.askSize)},"lastPrice":${java(last.price)},"lastSize":${java(last.size)}}}`
  );
}

function trade(tick: Tick): string {
  const { symbol } = tick.listing;
  const data = tick.trades.map(
    ({ id, price, size, takerBuys, timeMs }) =>
      `{"id":"1925822546881664${id}","ts":${timeMs},"tradeId":${id},"amount":${java(size)},"price":${java(price)},` +
      `"direction":"${takerBuys ? 'buy' : 'sell'}","isRpiTrade":false}`,
  );
  return (
    `{"ch":"market.${symbol}.trade.detail","ts":${tick.timeMs},"tick":{"id":${192_582_254_688 + tick.sequence},` +
    `"ts":${tick.timeMs},"data":[${data.reverse().join(',')}]}}`
  );
}

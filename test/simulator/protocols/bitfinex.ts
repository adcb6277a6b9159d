import type {
  Conversation,
  DataType,
  Level,
  Listing,
  Protocol,
  Reply,
  Tick,
  Trade,
  Venue,
} from '../protocol.ts';
import { asObject, parse } from '../read.ts';
import { books, channelOf } from './books/bitfinex.ts';
import { restService } from './rest/bitfinex.ts';

const CHANNELS_PER_SOCKET = 25;
const TIMESTAMP = 32_768;
const SEQ_ALL = 65_536;
const OB_CHECKSUM = 131_072;

/** https://docs.bitfinex.com/docs/ws-public */
export const bitfinex: Protocol = {
  id: 'bitfinex',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'USD', share: 0.5 },
    { quote: 'USDT', share: 0.3 },
    { quote: 'BTC', share: 0.1 },
    { quote: 'CNHT', share: 0.1 },
  ],
  symbol(base, quote) {
    const [b, q] = [raw(base), raw(quote)];
    return b.length === 3 && q.length === 3 ? `t${b}${q}` : `t${b}:${q}`;
  },
  upgrades: (path) => path === '/ws/2',
  rest: (path, _query, listings) =>
    decodeURIComponent(path) === '/v2/conf/pub:list:pair:exchange' ? [pairs(listings)] : undefined,
  rules: {
    opens: [{ count: 20, perMs: 60_000 }],
    openRefusal: { status: 429, escalate: { after: 1, status: 429, blockMs: 60_000 } },
    sockets: null,
    messages: [],
    messagesCount: [],
    messagesBeyond: { ending: 'abrupt' },
    frameChars: null,
    // Only a socket without any channel gets nothing for so long.
    idle: { ms: 60_000, resetBy: ['sent'], ending: 'abrupt' },
    ping: null,
    subscribeWithin: null,
    lifetime: null,
    beatMs: 15_000,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 1,
  // Rising with holes.
  firstId: (nth) => (1_790_134_800n + BigInt(nth) * 7919n).toString(),
  nextId: (previous, timeMs) => (BigInt(previous) + 1n + BigInt(timeMs % 3)).toString(),
  connect,
};

function raw(code: string): string {
  return code === 'USDT' ? 'UST' : code;
}

/** Without the leading t; the exchange's own test pairs stand among the others. */
function pairs(listings: readonly Listing[]): string[] {
  return ['AAABBB', ...listings.map(({ symbol }) => symbol.slice(1)), 'TESTBTC:TESTUSD'];
}

interface Channel {
  readonly id: number;
  readonly name: 'ticker' | 'trades' | 'book';
  readonly symbol: string;
  /** Of a book. */
  readonly book?: string;
}

function connect(venue: Venue): Conversation {
  const channels = new Map<string, Channel>();
  /** Ids of ended channels, given to the next ones: an id says nothing beyond its ack. */
  const free: number[] = [];
  let nextId = 1000 + Math.floor(venue.random() * 700_000);
  let flags = 0;
  let seq = 0;

  const say = (frame: object): Reply => ({ do: 'send', text: JSON.stringify(frame) });
  const refuse = (request: object, msg: string, code: number, more: object = {}): Reply[] => [
    { do: 'refused', detail: `${code} ${msg}` },
    say({ ...request, event: 'error', msg, code, ...more }),
  ];

  /** The tail that the conf flags ask for: the number of this frame on the socket, then the server's time. */
  function tail(timeMs: number): string {
    const number = flags & SEQ_ALL ? `,${++seq}` : '';
    return flags & TIMESTAMP ? `${number},${timeMs}` : number;
  }

  function subscribe(request: Record<string, unknown>): Reply[] {
    const { channel: name } = request;
    if (name !== 'ticker' && name !== 'trades' && name !== 'book') {
      return refuse(request, 'channel: unknown', 10300);
    }
    const asked = typeof request.symbol === 'string' ? request.symbol : '';
    const symbol = asked.startsWith('t') ? asked : `t${asked}`;
    const pair = symbol.slice(1);
    if (!venue.find(symbol)) return refuse(request, 'symbol: invalid', 10300, { pair });
    const book = name === 'book' ? channelOf(request) : undefined;
    if (book && 'wrong' in book) return refuse(request, book.wrong, 10300, { pair });
    const key = `${book?.name ?? name} ${symbol}`;
    const known = channels.get(key);
    if (known) return refuse(request, 'subscribe: dup', 10301, { chanId: known.id, pair });
    if (channels.size >= (venue.room ?? CHANNELS_PER_SOCKET) && channels.size < CHANNELS_PER_SOCKET)
      return refuse(request, 'subscribe: limit', 10305, { pair });
    if (channels.size >= CHANNELS_PER_SOCKET) {
      const detail = `${channels.size + 1} of ${CHANNELS_PER_SOCKET}`;
      return [
        { do: 'violation', limit: 'channels per socket', detail },
        ...refuse(request, 'subscribe: limit', 10305, { pair }),
      ];
    }
    const id = free.pop() ?? nextId++;
    channels.set(key, { id, name, symbol, ...(book && { book: book.name }) });
    const { subId } = request;
    const [, prec, freq, len] = book?.name.split(' ') ?? [];
    const answer = {
      event: 'subscribed',
      channel: name,
      chanId: id,
      symbol,
      ...(book ? { prec, freq, len } : {}),
      pair,
      ...(subId ? { subId } : {}),
    };
    return [
      say(answer),
      { do: 'subscribe', type: typeOf(name), symbol, snapshot: true, ...(book && { channel: book.name }) },
    ];
  }

  function unsubscribe(request: Record<string, unknown>): Reply[] {
    const [key, channel] = [...channels].find(([, { id }]) => id === request.chanId) ?? [];
    if (!key || !channel) return refuse(request, 'unsubscribe: invalid', 10400);
    channels.delete(key);
    free.push(channel.id);
    return [
      {
        do: 'unsubscribe',
        type: typeOf(channel.name),
        symbol: channel.symbol,
        ...(channel.book !== undefined && { channel: channel.book }),
      },
      say({ event: 'unsubscribed', status: 'OK', chanId: channel.id }),
    ];
  }

  return {
    open: () => {
      const serverId = '083bd8d4-aca7-4690-a573-eabfc8103de8';
      return [say({ event: 'info', version: 2, serverId, platform: { status: 1 } })];
    },
    receive(text) {
      const request = asObject(parse(text));
      // What is no JSON gets no answer.
      if (!request) return [{ do: 'refused', detail: text.slice(0, 100) }];
      switch (request.event) {
        case 'conf':
          if (!Number.isInteger(request.flags)) return [say({ event: 'conf', status: 'FAILED' })];
          flags = Number(request.flags);
          return [say({ event: 'conf', status: 'OK', flags })];
        case 'ping':
          return [say({ event: 'pong', ts: venue.now(), cid: request.cid })];
        case 'subscribe':
          return subscribe(request);
        case 'unsubscribe':
          return unsubscribe(request);
        default:
          return refuse({}, `event: invalid (${String(request.event)})`, 10000);
      }
    },
    data(type, tick) {
      const id = channels.get(`${type === 'ticker' ? 'ticker' : 'trades'} ${tick.listing.symbol}`)?.id ?? 0;
      if (type === 'ticker') return [`[${id},${ticker(tick)}${tail(tick.timeMs)}]`];
      const [deal] = tick.trades;
      if (tick.snapshot) return [`[${id},[${entry(deal)}]${tail(tick.timeMs)}]`];
      const told = (word: string) => `[${id},"${word}",${entry(deal)}${tail(tick.timeMs)}]`;
      // Now and then the execution itself is not told.
      return venue.random() < 0.01 ? [told('tu')] : [told('te'), told('tu')];
    },
    book(symbol, name, text, timeMs) {
      if (text.startsWith('"cs"') && !(flags & OB_CHECKSUM)) return null;
      return `[${channels.get(`${name} ${symbol}`)?.id ?? 0},${text}${tail(timeMs)}]`;
    },
    beat: () =>
      [...channels.values()].map(({ id }) => ({ do: 'send', text: `[${id},"hb"${tail(venue.now())}]` })),
    announceEnd: () => [say({ event: 'info', code: 20051, msg: 'Stopping. Please try to reconnect' })],
  };
}

function typeOf(name: Channel['name']): DataType {
  if (name === 'book') return 'orderbook';
  return name === 'ticker' ? 'ticker' : 'trade';
}

/** Sizes are the sums of the 25 best levels. */
function ticker(tick: Tick): string {
  const { open, close } = tick;
  const sum = (levels: readonly Level[]) => levels.reduce((total, { size }) => total + size, 0);
  const change = Number((close - open).toFixed(8));
  const rate = Number((change / open).toFixed(8));
  const figures = [
    tick.bid,
    sum(tick.bids(25)),
    tick.ask,
    sum(tick.asks(25)),
    change,
    rate,
    close,
    tick.volume,
  ];
  return JSON.stringify([...figures, tick.high, tick.low, null]);
}

/** Above 0 the taker bought. */
function entry({ id, price, size, takerBuys, timeMs }: Trade): string {
  return `[${id},${timeMs},${takerBuys ? size : -size},${price}]`;
}

import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books } from './books/okx.ts';
import { restService } from './rest/okx.ts';

const REQUESTS = { count: 480, perMs: 3_600_000 };
const START = 1_067_468_268n;

/** https://www.okx.com/docs-v5/en/#overview-websocket, spot. */
export const okx: Protocol = {
  id: 'okx',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'USDT', share: 0.6 },
    { quote: 'USDC', share: 0.2 },
    { quote: 'BTC', share: 0.1 },
    { quote: 'EUR', share: 0.1 },
  ],
  symbol: (base, quote) => `${base}-${quote}`,
  upgrades: (path) => path === '/ws/v5/public',
  rest: (path, query, listings) =>
    path === '/api/v5/public/instruments' ? instruments(query, listings) : undefined,
  rules: {
    opens: [{ count: 3, perMs: 1000 }],
    openRefusal: { status: 429 },
    sockets: null,
    // Requests are counted in the conversation: pings are none.
    messages: [],
    messagesCount: [],
    messagesBeyond: { ending: 'abrupt' },
    frameChars: { count: 65_536, ending: { code: 1009, reason: 'Max frame length has been exceeded' } },
    // Data and pongs keep it open; a client's ping earns a pong.
    idle: { ms: 30_000, resetBy: ['sent'], ending: { code: 4004, reason: 'No data received in 30s' } },
    ping: null,
    subscribeWithin: null,
    lifetime: null,
    beatMs: null,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 1,
  // Ids are 0 or 1 beyond a multiple of three: a trade of the former kind is two merged fills, else it is one.
  firstId: (nth) => ((START / 3n) * 3n + BigInt(nth) * 7917n).toString(),
  nextId: (previous) => (BigInt(previous) + (BigInt(previous) % 3n === 0n ? 1n : 2n)).toString(),
  firstFill: (id) => (BigInt(id) - BigInt(fillsOf(id)) + 1n).toString(),
  connect,
};

function fillsOf(id: string): number {
  return BigInt(id) % 3n === 0n ? 2 : 1;
}

function instruments(query: URLSearchParams, listings: readonly Listing[]): unknown {
  if (query.get('instType') !== 'SPOT') return { code: '51000', msg: 'Parameter instType error', data: [] };
  const row = ({ symbol, base, quote }: Listing) => ({
    alias: '',
    baseCcy: base,
    expTime: '',
    instId: symbol,
    instType: 'SPOT',
    listTime: '1548133413000',
    lotSz: '0.00000001',
    minSz: '0.00001',
    quoteCcy: quote,
    settleCcy: '',
    state: 'live',
    tickSz: '0.1',
    uly: '',
  });
  const data = listings.map(row);
  const halted = { ...data[0], instId: 'HALTED-USDT', baseCcy: 'HALTED', quoteCcy: 'USDT', state: 'suspend' };
  return { code: '0', msg: '', data: [...data, halted] };
}

function connect(venue: Venue): Conversation {
  const connId = Math.floor(venue.random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0');
  const requests: number[] = [];
  const say = (frame: object): Reply => ({ do: 'send', text: JSON.stringify({ ...frame, connId }) });
  const refuse = (code: string, msg: string, id: unknown): Reply[] => [
    { do: 'refused', detail: `${code} ${msg}` },
    say({ id, event: 'error', code, msg }),
  ];

  function tooMany(): boolean {
    const now = venue.now();
    while (requests[0] !== undefined && requests[0] <= now - REQUESTS.perMs) requests.shift();
    return requests.push(now) > REQUESTS.count;
  }

  function one(op: 'subscribe' | 'unsubscribe', value: unknown, id: unknown): Reply[] {
    const arg = asObject(value);
    const { channel, instId } = arg ?? {};
    const type = typeOf(channel);
    if (type === null || typeof instId !== 'string' || !venue.find(instId)) {
      const what = `channel:${String(channel)},instId:${String(instId)}`;
      return refuse('60018', `Subscribe failed, wrong URL or ${what} doesn't exist.`, id);
    }
    const answer = say({ id, event: op, arg: { channel, instId } });
    // The state comes at once: for trades the latest one, as after a reconnect.
    const stream = { type, symbol: instId, ...(type === 'orderbook' && { channel: String(channel) }) };
    return op === 'subscribe'
      ? [answer, { do: 'subscribe', ...stream, snapshot: true }]
      : [{ do: 'unsubscribe', ...stream }, answer];
  }

  return {
    open: () => [],
    receive(text) {
      if (text === 'ping') return [{ do: 'send', text: 'pong' }];
      const request = asObject(parse(text));
      const id = request?.id;
      const args = asArray(request?.args);
      if (!request || !args) return refuse('60012', `Invalid request: ${text.slice(0, 200)}`, id);
      if (id !== undefined && !(typeof id === 'string' && /^[A-Za-z0-9]{1,32}$/.test(id))) {
        return refuse('60033', 'Invalid id', undefined);
      }
      const { op } = request;
      if (op !== 'subscribe' && op !== 'unsubscribe') return refuse('60019', `Invalid op: ${String(op)}`, id);
      if (!tooMany()) return args.flatMap((arg) => one(op, arg, id));
      const detail = `${requests.length} of ${REQUESTS.count}`;
      return [
        { do: 'violation', limit: 'requests an hour', detail },
        ...refuse('60014', 'Requests too frequent', id),
      ];
    },
    data: (type, tick) => [type === 'ticker' ? ticker(tick) : trade(tick)],
    announceEnd: () => [
      say({
        event: 'notice',
        code: '64008',
        msg: 'The connection will soon be closed for a service upgrade. Please reconnect.',
      }),
    ],
  };
}

function typeOf(channel: unknown): DataType | null {
  if (channel === 'tickers') return 'ticker';
  if (channel === 'trades') return 'trade';
  return typeof channel === 'string' && books.channel(channel) ? 'orderbook' : null;
}

/** Without exponent and trailing zeros. */
function plain(value: number): string {
  return value.toFixed(8).replace(/\.?0+$/, '');
}

function ticker(tick: Tick): string {
  const { listing, open, close } = tick;
  const instId = listing.symbol;
  const data = {
    instType: 'SPOT',
    instId,
    last: plain(close),
    lastSz: plain(tick.trades[0].size),
    askPx: plain(tick.ask),
    askSz: plain(tick.askSize),
    bidPx: plain(tick.bid),
    bidSz: plain(tick.bidSize),
    open24h: plain(open),
    high24h: plain(tick.high),
    low24h: plain(tick.low),
    sodUtc0: plain(tick.prevClose),
    sodUtc8: plain(tick.prevClose),
    volCcy24h: plain(tick.quoteVolume),
    vol24h: plain(tick.volume),
    ts: `${tick.timeMs}`,
  };
  return JSON.stringify({ arg: { channel: 'tickers', instId }, data: [data] });
}

function trade(tick: Tick): string {
  const instId = tick.listing.symbol;
  const data = tick.trades.map(({ id, price, size, takerBuys, timeMs }) => ({
    instId,
    tradeId: id,
    px: plain(price),
    sz: plain(size),
    side: takerBuys ? 'buy' : 'sell',
    ts: `${timeMs}`,
    count: `${fillsOf(id)}`,
    source: '0',
    seqId: 82_083_114_838 + tick.sequence,
  }));
  return JSON.stringify({ arg: { channel: 'trades', instId }, data });
}

import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books, channelOf } from './books/bithumb.ts';
import { restService } from './rest/bithumb.ts';

/** 2025-09-16 00:00 in Seoul: the ids count milliseconds from here. */
const ID_EPOCH_MS = 1_757_948_400_000;
const KST_MS = 9 * 3_600_000;

/** https://apidocs.bithumb.com/, the socket of API 2. */
export const bithumb: Protocol = {
  id: 'bithumb',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'KRW', share: 0.95 },
    { quote: 'BTC', share: 0.05 },
  ],
  symbol: (base, quote) => `${quote}-${base}`,
  upgrades: (path) => path === '/websocket/v1',
  rest(path, query, listings) {
    if (path !== '/v1/market/all') return undefined;
    return listings.map((listing, nth) => marketRow(listing, nth, query));
  },
  rules: {
    opens: [{ count: 10, perMs: 1000 }],
    openRefusal: { status: 429, escalate: { after: 5, status: 429, blockMs: 600_000 } },
    sockets: null,
    messages: [],
    messagesCount: [],
    messagesBeyond: { ending: 'abrupt' },
    frameChars: null,
    idle: { ms: 60_000, resetBy: ['text', 'ping'], ending: 'abrupt' },
    ping: null,
    subscribeWithin: null,
    lifetime: null,
    beatMs: 10_000,
  },
  books,
  restService,
  // Every frame is a binary one holding plain JSON.
  encode: (text) => Buffer.from(text),
  tradesPerFrame: 1,
  // 18 digits, with neighbours that a double cannot tell apart.
  firstId: (nth, timeMs) => ((idBase(timeMs) << 25n) + BigInt(nth * 97 + 1)).toString(),
  nextId(previous, timeMs) {
    const first = idBase(timeMs) << 25n;
    const next = BigInt(previous) + 1n;
    return (next > first ? next : first).toString();
  },
  connect,
};

function idBase(timeMs: number): bigint {
  return BigInt(Math.max(0, timeMs - ID_EPOCH_MS));
}

/** Every row is tradable, those marked CAUTION too. */
function marketRow({ symbol, base }: Listing, nth: number, query: URLSearchParams): unknown {
  const row = { market: symbol, korean_name: base, english_name: base };
  return query.get('isDetails') === 'true'
    ? { market_warning: nth % 10 === 9 ? 'CAUTION' : 'NONE', ...row }
    : row;
}

function connect(venue: Venue): Conversation {
  let statusWanted = false;
  return {
    open: () => [],
    receive(text) {
      if (text === 'PING') {
        statusWanted = true;
        return [];
      }
      const request = asArray(parse(text));
      const parts = request?.map(asObject).filter((part) => part !== undefined);
      if (!request || parts?.length !== request.length) return wrongFormat();
      if (!parts.some(({ ticket }) => typeof ticket === 'string' && ticket !== '')) {
        return failure('NO_TICKET', '티켓이 존재하지 않거나, 유효하지 않습니다.');
      }
      const wanted = parts.filter(({ codes, type }) => type !== undefined || codes !== undefined);
      if (wanted.length === 0 || wanted.some(({ type }) => type === undefined)) return wrongFormat();
      const replies: Reply[] = [{ do: 'unsubscribe-all' }];
      for (const part of wanted) {
        const { type } = part;
        if (type !== 'ticker' && type !== 'trade' && type !== 'orderbook') {
          return failure('INVALID_PARAM', `${String(type)} 은 지원하지 않는 타입입니다.`);
        }
        const codes = asArray(part.codes) ?? [];
        if (codes.length === 0) return failure('INVALID_PARAM', 'codes 가 존재하지 않습니다.');
        replies.push(...codes.flatMap((code) => one(type, code, part)));
      }
      return replies;
    },
    data: (type, tick) => [type === 'ticker' ? ticker(tick) : trade(tick)],
    beat: () => (statusWanted ? [{ do: 'send', text: '{"status":"UP"}' }] : []),
  };

  /** Options are read in camelCase only; unknown and lower-case codes are ignored without a word. */
  function one(type: DataType, code: unknown, part: Record<string, unknown>): Reply[] {
    const asked = typeof code === 'string' ? code : '';
    const listing = venue.find(type === 'orderbook' ? asked.replace(/\.\d+$/, '') : asked);
    if (!listing) return [{ do: 'refused', detail: `${type} ${String(code)}` }];
    const { symbol } = listing;
    const stream = { type, symbol, ...(type === 'orderbook' && { channel: channelOf(asked) }) };
    const begin: Reply = { do: 'subscribe', ...stream, snapshot: part.isOnlyRealtime !== true };
    return part.isOnlySnapshot === true ? [begin, { do: 'unsubscribe', ...stream }] : [begin];
  }
}

function wrongFormat(): Reply[] {
  return failure('WRONG_FORMAT', 'Format 이 맞지 않습니다.');
}

/** An error frame, then the close. */
function failure(name: string, message: string): Reply[] {
  return [
    { do: 'refused', detail: name },
    { do: 'send', text: JSON.stringify({ error: { name, message } }) },
    { do: 'end', ending: { code: 1000, reason: '' }, afterMs: 50 },
  ];
}

function streamType({ snapshot }: Tick): string {
  return snapshot ? 'SNAPSHOT' : 'REALTIME';
}

function changeWord(change: number): string {
  return change > 0 ? 'RISE' : change < 0 ? 'FALL' : 'EVEN';
}

/** Dates and times of day are those of Seoul; timestamps are not shifted. */
function ticker(tick: Tick): string {
  const { listing, close, prevClose, volume, quoteVolume } = tick;
  const [last] = tick.trades;
  const change = Number((close - prevClose).toFixed(8));
  const rate = Number((change / prevClose).toFixed(8));
  const seoul = new Date(last.timeMs + KST_MS).toISOString();
  return JSON.stringify({
    type: 'ticker',
    code: listing.symbol,
    opening_price: tick.open,
    high_price: tick.high,
    low_price: tick.low,
    trade_price: close,
    prev_closing_price: prevClose,
    change: changeWord(change),
    change_price: Math.abs(change),
    signed_change_price: change,
    change_rate: Math.abs(rate),
    signed_change_rate: rate,
    trade_volume: last.size,
    acc_trade_volume: volume / 2,
    acc_trade_volume_24h: volume,
    acc_trade_price: quoteVolume / 2,
    acc_trade_price_24h: quoteVolume,
    trade_date: seoul.slice(0, 10).replaceAll('-', ''),
    trade_time: seoul.slice(11, 19).replaceAll(':', ''),
    trade_timestamp: last.timeMs,
    ask_bid: last.takerBuys ? 'BID' : 'ASK',
    acc_ask_volume: volume / 4,
    acc_bid_volume: volume / 4,
    highest_52_week_price: tick.high * 2,
    highest_52_week_date: '2025-10-09',
    lowest_52_week_price: tick.low / 2,
    lowest_52_week_date: '2026-02-06',
    market_state: 'ACTIVE',
    is_trading_suspended: false,
    delisting_date: '',
    market_warning: 'NONE',
    timestamp: tick.timeMs,
    stream_type: streamType(tick),
  });
}

function trade(tick: Tick): string {
  const { listing, prevClose } = tick;
  const [{ id, price, size, takerBuys, timeMs }] = tick.trades;
  const seoul = new Date(timeMs + KST_MS).toISOString();
  const change = price - prevClose;
  return (
    `{"type":"trade","code":"${listing.symbol}","trade_price":${price},"trade_volume":${size},` +
    `"ask_bid":"${takerBuys ? 'BID' : 'ASK'}","prev_closing_price":${prevClose},"change":"${changeWord(change)}",` +
    `"change_price":${Math.abs(change)},"trade_date":"${seoul.slice(0, 10)}","trade_time":"${seoul.slice(11, 19)}",` +
    `"trade_timestamp":${timeMs},"sequential_id":${id},"timestamp":${tick.timeMs},"stream_type":"${streamType(tick)}"}`
  );
}

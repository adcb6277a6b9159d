import { timeBasedIds } from '../ids.ts';
import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books, channelOf } from './books/upbit.ts';
import { restService } from './rest/upbit.ts';

/** https://docs.upbit.com/kr/reference/websocket-guide */
export const upbit: Protocol = {
  id: 'upbit',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'KRW', share: 0.4 },
    { quote: 'BTC', share: 0.35 },
    { quote: 'USDT', share: 0.25 },
  ],
  symbol: (base, quote) => `${quote}-${base}`,
  upgrades: (path) => path === '/websocket/v1',
  rest: (path, query, listings) =>
    path === '/v1/market/all' ? listings.map((listing) => marketRow(listing, query)) : undefined,
  rules: {
    opens: [{ count: 5, perMs: 1000 }],
    openRefusal: { status: 429, escalate: { after: 5, status: 418, blockMs: 10_000 } },
    sockets: null,
    messages: [
      { count: 5, perMs: 1000 },
      { count: 100, perMs: 60_000 },
    ],
    messagesCount: ['text'],
    // What an overrun does on an open socket is not documented.
    messagesBeyond: { ending: { code: 1008, reason: 'too many requests' } },
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
  ...timeBasedIds(4),
  connect,
};

function marketRow({ symbol, base }: Listing, query: URLSearchParams): unknown {
  const row = { market: symbol, korean_name: base, english_name: base };
  if (query.get('is_details') !== 'true') return row;
  const caution = { PRICE_FLUCTUATIONS: false, TRADING_VOLUME_SOARING: false };
  return { ...row, market_event: { warning: false, caution } };
}

function connect(venue: Venue): Conversation {
  let statusWanted = false;
  let list = false;
  return {
    open: () => [],
    receive(text) {
      if (text === 'PING') {
        statusWanted = true;
        return [];
      }
      const request = asArray(parse(text));
      const parts = request?.map(asObject).filter((part) => part !== undefined);
      if (!request || parts?.length !== request.length)
        return failure('WRONG_FORMAT', 'Format 이 맞지 않습니다.');
      if (!parts.some(({ ticket }) => typeof ticket === 'string' && ticket !== '')) {
        return failure('NO_TICKET', '티켓이 존재하지 않거나, 유효하지 않습니다.');
      }
      const wanted = parts.filter(({ type }) => type !== undefined);
      if (wanted.length === 0) return failure('NO_TYPE', '타입이 존재하지 않습니다.');
      const format = parts.find((part) => part.format !== undefined)?.format;
      list = format === 'JSON_LIST';
      const replies: Reply[] = [{ do: 'unsubscribe-all' }];
      for (const { type, codes, is_only_snapshot, is_only_realtime } of wanted) {
        if (!isType(type)) return failure('INVALID_PARAM', `${type} 은 지원하지 않는 타입입니다.`);
        const symbols = asArray(codes);
        if (!symbols || symbols.length === 0) return failure('NO_CODES', '코드가 존재하지 않습니다.');
        for (const code of symbols) {
          const listing = typeof code === 'string' ? venue.find(code.replace(/\.\d+$/, '')) : undefined;
          if (!listing) {
            // Unknown and lower-case codes are ignored without a word.
            replies.push({ do: 'refused', detail: `${type} ${code}` });
            continue;
          }
          const { symbol } = listing;
          const stream = { type, symbol, ...(type === 'orderbook' && { channel: channelOf(String(code)) }) };
          replies.push({ do: 'subscribe', ...stream, snapshot: is_only_realtime !== true });
          if (is_only_snapshot === true) replies.push({ do: 'unsubscribe', ...stream });
        }
      }
      return replies;
    },
    data(type, tick) {
      const text = type === 'ticker' ? ticker(tick) : trade(tick);
      return [list ? `[${text}]` : text];
    },
    book: (_symbol, _channel, text) => (list ? `[${text}]` : text),
    beat: () => (statusWanted ? [{ do: 'send', text: '{"status":"UP"}' }] : []),
  };
}

function isType(value: unknown): value is DataType {
  return value === 'ticker' || value === 'trade' || value === 'orderbook';
}

/** An error frame; the close follows about 150 ms later. */
function failure(name: string, message: string): Reply[] {
  return [
    { do: 'refused', detail: name },
    { do: 'send', text: JSON.stringify({ error: { name, message } }) },
    { do: 'end', ending: { code: 1000, reason: '' }, afterMs: 150 },
  ];
}

function ticker(tick: Tick): string {
  const { listing, close, prevClose } = tick;
  const [last] = tick.trades;
  const change = Number((close - prevClose).toFixed(8));
  const rate = (change / prevClose).toFixed(10);
  const word = change > 0 ? 'RISE' : change < 0 ? 'FALL' : 'EVEN';
  const day = new Date(last.timeMs).toISOString();
  const dayVolume = (tick.volume / 3).toFixed(8);
  const dayTurnover = (tick.quoteVolume / 3).toFixed(8);
  const halfVolume = (tick.volume / 6).toFixed(8);
  return (
    `{"type":"ticker","code":"${listing.symbol}","opening_price":${tick.open},"high_price":${tick.high},"low_price":${tick.low},` +
    `"trade_price":${close},"prev_closing_price":${prevClose.toFixed(8)},"acc_trade_price":${dayTurnover},"change":"${word}",` +
    `"change_price":${Math.abs(change).toFixed(8)},"signed_change_price":${change.toFixed(8)},` +
    `"change_rate":${rate.replace('-', '')},"signed_change_rate":${rate},"ask_bid":"${last.takerBuys ? 'BID' : 'ASK'}",` +
    `"trade_volume":${last.size},"acc_trade_volume":${dayVolume},"trade_date":"${day.slice(0, 10).replaceAll('-', '')}",` +
    `"trade_time":"${day.slice(11, 19).replaceAll(':', '')}","trade_timestamp":${last.timeMs},"acc_ask_volume":${halfVolume},` +
    `"acc_bid_volume":${halfVolume},"highest_52_week_price":${(tick.high * 2).toFixed(8)},"highest_52_week_date":"2026-03-28",` +
    `"lowest_52_week_price":${(tick.low / 2).toFixed(8)},"lowest_52_week_date":"2025-12-30","market_state":"ACTIVE",` +
    `"is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":${tick.timeMs},` +
    `"acc_trade_price_24h":${tick.quoteVolume},"acc_trade_volume_24h":${tick.volume.toFixed(8)},` +
    `"stream_type":"${streamType(tick)}"}`
  );
}

function trade(tick: Tick): string {
  const { listing, prevClose } = tick;
  const [{ id, price, size, takerBuys, timeMs }] = tick.trades;
  const day = new Date(timeMs).toISOString();
  const change = price - prevClose;
  return (
    `{"type":"trade","code":"${listing.symbol}","timestamp":${tick.timeMs},"trade_date":"${day.slice(0, 10)}",` +
    `"trade_time":"${day.slice(11, 19)}","trade_timestamp":${timeMs},"trade_price":${price.toFixed(8)},` +
    `"trade_volume":${size.toFixed(8)},"ask_bid":"${takerBuys ? 'BID' : 'ASK'}","prev_closing_price":${prevClose.toFixed(8)},` +
    `"change":"${change > 0 ? 'RISE' : change < 0 ? 'FALL' : 'EVEN'}","change_price":${Math.abs(change).toFixed(8)},` +
    `"sequential_id":${id},"best_ask_price":${tick.ask},"best_ask_size":${tick.askSize.toFixed(8)},` +
    `"best_bid_price":${tick.bid},"best_bid_size":${tick.bidSize.toFixed(8)},"stream_type":"${streamType(tick)}"}`
  );
}

function streamType({ snapshot }: Tick): string {
  return snapshot ? 'SNAPSHOT' : 'REALTIME';
}

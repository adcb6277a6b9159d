import { timeBasedIds } from '../ids.ts';
import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asObject, parse } from '../read.ts';
import { books } from './books/coinone.ts';
import { restService } from './rest/coinone.ts';

/** https://docs.coinone.co.kr/reference/public-websocket-1 */
export const coinone: Protocol = {
  id: 'coinone',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [{ quote: 'KRW', share: 1 }],
  symbol: (base, quote) => `${quote}-${base}`,
  upgrades: (path) => path === '/' || path === '',
  rest: (path, _query, listings) => (path === '/public/v2/markets/KRW' ? markets(listings) : undefined),
  rules: {
    opens: [],
    openRefusal: { status: 429 },
    sockets: { count: 20, ending: { code: 4290, reason: 'too many connections' } },
    messages: [],
    messagesCount: [],
    messagesBeyond: { ending: 'abrupt' },
    frameChars: null,
    idle: { ms: 30 * 60_000, resetBy: ['text'], ending: 'abrupt' },
    ping: null,
    // A socket that never sent anything dies.
    subscribeWithin: { ms: 60_000, ending: 'abrupt' },
    lifetime: null,
    beatMs: null,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 1,
  ...timeBasedIds(3),
  connect,
};

function markets(listings: readonly Listing[]): unknown {
  const row = ({ base, quote, priceDigits, sizeDigits }: Listing) => ({
    quote_currency: quote,
    target_currency: base,
    price_unit: (10 ** -priceDigits).toFixed(priceDigits),
    qty_unit: (10 ** -sizeDigits).toFixed(sizeDigits),
    max_order_amount: '1000000000.0',
    min_order_amount: '5000.0',
    min_qty: '0.0001',
    order_book_units: ['0.0', '1.0', '10.0'],
    maintenance_status: 0,
    trade_status: 1,
    order_types: ['limit', 'market'],
  });
  const rows = listings.map(row);
  const closed = { ...rows[0], target_currency: 'CLOSED', trade_status: 2 };
  const mended = { ...rows[0], target_currency: 'MENDED', maintenance_status: 1 };
  return { result: 'success', error_code: '0', server_time: Date.now(), markets: [...rows, closed, mended] };
}

const TYPES: Readonly<Record<string, DataType>> = {
  TICKER: 'ticker',
  TRADE: 'trade',
  ORDERBOOK: 'orderbook',
};

function connect(venue: Venue): Conversation {
  const say = (frame: object): Reply => ({ do: 'send', text: JSON.stringify(frame) });
  const refuse = (error_code: number, message: string, more: object = {}): Reply[] => [
    { do: 'refused', detail: `${error_code} ${message}` },
    say({ response_type: 'ERROR', error_code, message, ...more }),
  ];

  return {
    open: () => [
      say({ response_type: 'CONNECTED', data: { session_id: '6f3e1d0f-f9ab-f300-1567-0eb31af6d6ef' } }),
    ],
    receive(text) {
      const request = asObject(parse(text));
      if (!request) return refuse(160010, 'Invalid Request');
      const { request_type: verb, channel } = request;
      if (verb === 'PING') return [say({ response_type: 'PONG' })];
      if (verb !== 'SUBSCRIBE' && verb !== 'UNSUBSCRIBE') {
        return refuse(160011, 'Invalid Type', { field: 'request_type' });
      }
      const type = typeof channel === 'string' ? TYPES[channel] : undefined;
      if (!type) return refuse(160011, 'Invalid Type', { field: 'channel' });
      const { quote_currency, target_currency } = asObject(request.topic) ?? {};
      if (typeof quote_currency !== 'string' || typeof target_currency !== 'string') {
        return refuse(160010, 'Invalid Request');
      }
      // The ack repeats the topic as it was sent, and comes for markets that do not exist, too.
      const answer = say({ response_type: `${verb}D`, channel, data: { quote_currency, target_currency } });
      const symbol = `${quote_currency}-${target_currency}`.toUpperCase();
      const stream = { type, symbol, ...(type === 'orderbook' && { channel: 'ORDERBOOK' }) };
      if (verb === 'UNSUBSCRIBE') return [{ do: 'unsubscribe', ...stream }, answer];
      if (!venue.find(symbol)) return [answer, ...refuse(160012, 'Invalid Topic')];
      return [answer, { do: 'subscribe', ...stream, snapshot: type !== 'trade' }];
    },
    data: (type, tick) => [type === 'ticker' ? ticker(tick) : trade(tick)],
  };
}

function frame(channel: string, { listing }: Tick, data: object): string {
  const { quote, base } = listing;
  const topic = { quote_currency: quote.toUpperCase(), target_currency: base.toUpperCase() };
  return JSON.stringify({ response_type: 'DATA', channel, data: { ...topic, ...data } });
}

/** The present state has no mark. */
function ticker(tick: Tick): string {
  const [{ id }] = tick.trades;
  return frame('TICKER', tick, {
    timestamp: tick.timeMs,
    quote_volume: plain(tick.quoteVolume),
    target_volume: plain(tick.volume),
    high: plain(tick.high),
    low: plain(tick.low),
    first: plain(tick.open),
    last: plain(tick.close),
    volume_power: '0',
    ask_best_price: plain(tick.ask),
    ask_best_qty: plain(tick.askSize),
    bid_best_price: plain(tick.bid),
    bid_best_qty: plain(tick.bidSize),
    id,
    yesterday_high: plain(tick.high * 1.01),
    yesterday_low: plain(tick.low * 0.99),
    yesterday_first: plain(tick.open * 1.01),
    yesterday_last: plain(tick.prevClose),
    yesterday_quote_volume: plain(tick.quoteVolume * 2),
    yesterday_target_volume: plain(tick.volume * 2),
  });
}

/** A seller who was the maker met a taker who bought. */
function trade(tick: Tick): string {
  const [{ id, price, size, takerBuys, timeMs }] = tick.trades;
  return frame('TRADE', tick, {
    id,
    timestamp: timeMs,
    price: plain(price),
    qty: plain(size),
    is_seller_maker: takerBuys,
  });
}

/** Without exponent and trailing zeros. */
function plain(value: number): string {
  const text = value.toFixed(8);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

import { consecutiveIds } from '../ids.ts';
import type { Conversation, DataType, Listing, Protocol, Reply, Tick, Venue } from '../protocol.ts';
import { asArray, asObject, parse } from '../read.ts';
import { books } from './books/coinbase.ts';
import { restService } from './rest/coinbase.ts';

/** https://docs.cdp.coinbase.com/exchange/websocket-feed/overview, the Exchange feed. */
export const coinbase: Protocol = {
  id: 'coinbase',
  types: ['ticker', 'trade', 'orderbook'],
  quotes: [
    { quote: 'USD', share: 0.6 },
    { quote: 'EUR', share: 0.15 },
    { quote: 'GBP', share: 0.1 },
    { quote: 'USDT', share: 0.1 },
    { quote: 'BTC', share: 0.05 },
  ],
  symbol: (base, quote) => `${base}-${quote}`,
  upgrades: (path) => path === '/' || path === '',
  rest: (path, _query, listings) => (path === '/products' ? products(listings) : undefined),
  rules: {
    // 8 a second with bursts to 20.
    opens: [
      { count: 20, perMs: 1000 },
      { count: 92, perMs: 10_000 },
    ],
    openRefusal: { status: 429 },
    sockets: null,
    // Published per address; a socket alone must stay below it, too.
    messages: [{ count: 100, perMs: 1000 }],
    messagesCount: ['text'],
    messagesBeyond: { ending: { code: 1008, reason: 'ErrSlowRead' } },
    frameChars: null,
    idle: null,
    ping: null,
    subscribeWithin: { ms: 5000, ending: { code: 1008, reason: 'subscribe required' } },
    lifetime: null,
    beatMs: 1000,
  },
  books,
  restService,
  encode: (text) => text,
  tradesPerFrame: 1,
  ...consecutiveIds(703_124_072n),
  connect,
};

function products(listings: readonly Listing[]): unknown {
  const row = ({ symbol, base, quote, priceDigits, sizeDigits }: Listing) => ({
    id: symbol,
    base_currency: base,
    quote_currency: quote,
    quote_increment: (10 ** -priceDigits).toFixed(priceDigits),
    base_increment: (10 ** -sizeDigits).toFixed(sizeDigits),
    display_name: `${base}/${quote}`,
    min_market_funds: '1',
    margin_enabled: false,
    post_only: false,
    limit_only: false,
    cancel_only: false,
    fx_stablecoin: false,
    max_slippage_percentage: '0.02000000',
    auction_mode: false,
    high_bid_limit_percentage: '',
    trading_disabled: false,
    status: 'online',
    status_message: '',
  });
  const rows = listings.map(row);
  const gone = {
    ...rows[0],
    id: 'GONE-USD',
    base_currency: 'GONE',
    status: 'delisted',
    trading_disabled: true,
  };
  const halted = { ...rows[0], id: 'HALTED-USD', base_currency: 'HALTED', trading_disabled: true };
  return [...rows, gone, halted];
}

/** Channels that are open to all, by the name in requests; acks show some under another. */
const SHOWN: Readonly<Record<string, string>> = {
  ticker: 'ticker',
  matches: 'matches',
  heartbeat: 'heartbeat',
  ticker_batch: 'ticker_1000',
  level2_batch: 'level2_50',
  status: 'status',
  auctionfeed: 'auctionfeed',
  rfq_matches: 'rfq_matches',
};
const LOCKED =
  'level2, level3, and full channels now require authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth';

interface Wish {
  readonly channel: string;
  /** Empty in an unsubscribe: the whole channel. */
  readonly products: readonly string[];
}

function connect(venue: Venue): Conversation {
  const channels = new Map<string, Set<string>>();
  const last = new Map<string, { id: string; sequence: number }>();

  function state(): Reply {
    const shown = [...channels].map(([name, ids]) => ({
      name: SHOWN[name],
      product_ids: [...ids].reverse(),
      account_ids: null,
    }));
    return { do: 'send', text: JSON.stringify({ type: 'subscriptions', channels: shown }) };
  }

  function refuse(message: string, reason: string): Reply[] {
    return [
      { do: 'refused', detail: reason },
      { do: 'send', text: JSON.stringify({ type: 'error', message, reason }) },
    ];
  }

  /** One bad channel or product spoils its whole request; the words for a product are not documented. */
  function subscribe(wishes: readonly Wish[]): Reply[] {
    const failed = 'Failed to subscribe';
    for (const { channel, products } of wishes) {
      if (['level2', 'level3', 'full'].includes(channel)) return [...refuse(failed, LOCKED), state()];
      if (!SHOWN[channel]) return [...refuse(failed, `${channel} is not a valid channel`), state()];
      const unknown = products.find((id) => !venue.find(id));
      if (unknown !== undefined) return [...refuse(failed, `${unknown} is not a valid product`), state()];
      if (products.length === 0) return [...refuse(failed, 'No products provided'), state()];
    }
    const begun: Reply[] = [];
    for (const { channel, products } of wishes) {
      const ids = channels.get(channel) ?? new Set();
      channels.set(channel, ids);
      for (const symbol of products) {
        ids.add(symbol);
        const type = typeOf(channel);
        if (type) begun.push({ do: 'subscribe', type, symbol, snapshot: true, ...bookChannel(channel) });
      }
    }
    return [state(), ...begun];
  }

  function unsubscribe(wishes: readonly Wish[]): Reply[] {
    const ended: Reply[] = [];
    for (const { channel, products } of wishes) {
      const ids = channels.get(channel);
      for (const symbol of products.length > 0 ? products : [...(ids ?? [])]) {
        const type = typeOf(channel);
        if (ids?.delete(symbol) && type) {
          ended.push({ do: 'unsubscribe', type, symbol, ...bookChannel(channel) });
        }
      }
      if (ids?.size === 0) channels.delete(channel);
    }
    return [...ended, state()];
  }

  return {
    open: () => [],
    receive(text) {
      const request = asObject(parse(text));
      const verb = request?.type;
      if (!request || (verb !== 'subscribe' && verb !== 'unsubscribe')) {
        return refuse('Malformed JSON', text.slice(0, 100));
      }
      const wishes = wishesOf(request);
      if (wishes.length === 0) return refuse(`Failed to ${verb}`, 'No channels provided');
      return verb === 'subscribe' ? subscribe(wishes) : unsubscribe(wishes);
    },
    data(type, tick) {
      const { symbol } = tick.listing;
      last.set(symbol, { id: tick.trades[0].id, sequence: 87_057_558_152 + tick.sequence });
      return [type === 'ticker' ? ticker(tick) : match(tick)];
    },
    beat: () =>
      [...(channels.get('heartbeat') ?? [])].map((symbol) => {
        const { id = '0', sequence = 0 } = last.get(symbol) ?? {};
        const head = `{"type":"heartbeat","last_trade_id":${id},"product_id":"${symbol}","sequence":${sequence}`;
        return { do: 'send', text: `${head},"time":"${isoMicros(venue.now())}"}` };
      }),
  };
}

/** A channel is a string, for the products at the root, or an object with its own. */
function wishesOf(request: Record<string, unknown>): Wish[] {
  const root = idsOf(request.product_ids);
  return (asArray(request.channels) ?? []).flatMap((entry): Wish[] => {
    if (typeof entry === 'string') return [{ channel: entry, products: root }];
    const { name, product_ids } = asObject(entry) ?? {};
    return typeof name === 'string'
      ? [{ channel: name, products: product_ids ? idsOf(product_ids) : root }]
      : [];
  });
}

function idsOf(value: unknown): string[] {
  return (asArray(value) ?? []).filter((id) => typeof id === 'string');
}

function typeOf(channel: string): DataType | null {
  if (channel === 'level2_batch') return 'orderbook';
  return channel === 'ticker' ? 'ticker' : channel === 'matches' ? 'trade' : null;
}

function bookChannel(channel: string): { channel?: string } {
  return channel === 'level2_batch' ? { channel } : {};
}

function isoMicros(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('Z', '000Z');
}

/** The ticker's side is the taker's. */
function ticker(tick: Tick): string {
  const { listing, trades, volume } = tick;
  const [{ id, size, takerBuys, timeMs }] = trades;
  return (
    `{"type":"ticker","sequence":${87_057_558_152 + tick.sequence},"product_id":"${listing.symbol}",` +
    `"price":"${plain(tick.close)}","open_24h":"${plain(tick.open)}","volume_24h":"${volume.toFixed(8)}",` +
    `"low_24h":"${plain(tick.low)}","high_24h":"${plain(tick.high)}","volume_30d":"${(volume * 30).toFixed(8)}",` +
    `"best_bid":"${plain(tick.bid)}","best_bid_size":"${tick.bidSize.toFixed(8)}","best_ask":"${plain(tick.ask)}",` +
    `"best_ask_size":"${tick.askSize.toFixed(8)}","side":"${takerBuys ? 'buy' : 'sell'}",` +
    `"time":"${isoMicros(timeMs)}","trade_id":${id},"last_size":"${plain(size)}"}`
  );
}

/** The match's side is the maker's. */
function match({ listing, trades, sequence, snapshot }: Tick): string {
  const [{ id, price, size, takerBuys, timeMs }] = trades;
  return (
    `{"type":"${snapshot ? 'last_match' : 'match'}","trade_id":${id},` +
    '"maker_order_id":"4d7f8cc2-5993-41d8-b86b-f4a8161c5610","taker_order_id":"bcf814bf-168b-44f9-b7aa-43425f854a2c",' +
    `"side":"${takerBuys ? 'sell' : 'buy'}","size":"${plain(size)}","price":"${plain(price)}",` +
    `"product_id":"${listing.symbol}","sequence":${87_057_558_152 + sequence},"time":"${isoMicros(timeMs)}"}`
  );
}

/** Without exponent and trailing zeros. */
function plain(value: number): string {
  const text = value.toFixed(8);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

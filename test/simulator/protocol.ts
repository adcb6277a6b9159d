import type { Books, BookView } from './books/channel.ts';
import type { RestService } from './rest/service.ts';

/**
 * What the simulator must know of one exchange. A protocol is pure: it owns no socket, timer or clock, and it shares no
 * code with the plug-ins under test, so that it is a second reading of the exchange's documents.
 */

export type DataType = 'ticker' | 'trade' | 'orderbook';

/** One row of the exchange's market list. */
export interface Listing {
  /** Upper case. */
  readonly base: string;
  readonly quote: string;
  /** As the exchange's frames spell it. */
  readonly symbol: string;
  /** Decimal places of a price and of a size. */
  readonly priceDigits: number;
  readonly sizeDigits: number;
}

export interface Trade {
  /** Decimal digits; may exceed 2^53. */
  readonly id: string;
  readonly price: number;
  readonly size: number;
  readonly takerBuys: boolean;
  /** Epoch milliseconds of the match. */
  readonly timeMs: number;
  /** How many trades of the code came before it in that millisecond; 0. */
  readonly nth?: number;
}

export interface Level {
  readonly price: number;
  readonly size: number;
}

/** One code at the instant of an event; prices of its ticker, trades and book agree. */
export interface Tick {
  readonly listing: Listing;
  /** When the exchange makes the frame, epoch milliseconds, at or after the trades' own times. */
  readonly timeMs: number;
  /** Oldest first. For `trade` the trades of this event, else the latest trade alone. */
  readonly trades: readonly [Trade, ...Trade[]];
  readonly open: number;
  readonly high: number;
  readonly low: number;
  /** Price of the latest trade. */
  readonly close: number;
  readonly prevClose: number;
  /** Rolling 24 h, base and quote units. */
  readonly volume: number;
  readonly quoteVolume: number;
  readonly bid: number;
  readonly bidSize: number;
  readonly ask: number;
  readonly askSize: number;
  /** Rises by one with each event of the code, whoever listens. */
  readonly sequence: number;
  /** True for the frames that answer a new subscription. */
  readonly snapshot: boolean;
  /** The best `depth` levels, best first: the book's, where the code has one. */
  bids(depth: number): Level[];
  asks(depth: number): Level[];
}

export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** How a socket is ended: with a close frame, or by cutting the connection without one. */
export type Ending = { readonly code: number; readonly reason: string } | 'abrupt';

/** What the exchange publishes about its limits; the simulator enforces them and records each breach. */
export interface Rules {
  /** Sockets opened per source address, and the answer beyond. */
  readonly opens: readonly Rate[];
  readonly openRefusal: {
    readonly status: number;
    readonly retryAfterS?: number;
    /** After so many refusals in a row the address is shut out with another status. */
    readonly escalate?: { readonly after: number; readonly status: number; readonly blockMs: number };
  };
  /** Sockets open at once per source address; beyond, a new one is accepted and ended so. */
  readonly sockets: { readonly count: number; readonly ending: Ending } | null;
  /** Messages of the client per socket, and what happens beyond: an ending, or a frame and the message is ignored. */
  readonly messages: readonly Rate[];
  readonly messagesCount: readonly ('text' | 'ping' | 'pong')[];
  readonly messagesBeyond: { readonly ending: Ending } | { readonly frame: string };
  /** Subscriptions on one socket; beyond, a further one is a violation and stays silent. Absent: no such limit. */
  readonly subscriptions?: number | null;
  /** Largest text frame of the client in characters; beyond, the socket is ended. */
  readonly frameChars: { readonly count: number; readonly ending: Ending } | null;
  /**
   * A socket ends after `ms` without any of `resetBy`: a client's text, ping or pong, or a frame `sent` to it. Where the
   * documents leave open what counts, name the least: the collector must do well under the strictest reading.
   */
  readonly idle: {
    readonly ms: number;
    readonly resetBy: readonly ('text' | 'ping' | 'pong' | 'sent')[];
    readonly ending: Ending;
  } | null;
  /** Protocol pings of the server; without any pong for `deadMs` the socket is cut. */
  readonly ping: { readonly everyMs: number; readonly payload: string; readonly deadMs: number } | null;
  /** A first subscription must come within so many milliseconds. */
  readonly subscribeWithin: { readonly ms: number; readonly ending: Ending } | null;
  /** Age at which the server ends the socket. */
  readonly lifetime: { readonly ms: number; readonly ending: Ending } | null;
  /** Interval of `Conversation.beat`. */
  readonly beatMs: number | null;
}

/** What a conversation wants done, in this order. */
export type Reply =
  | { readonly do: 'send'; readonly text: string }
  /** Starts a subscription. With `snapshot` the code's present state is sent at once, marked as one. */
  | {
      readonly do: 'subscribe';
      readonly type: DataType;
      readonly symbol: string;
      readonly snapshot?: boolean;
      /** Of an order book, as `Books.channel` knows it. */
      readonly channel?: string;
    }
  | {
      readonly do: 'unsubscribe';
      readonly type: DataType;
      readonly symbol: string;
      readonly channel?: string;
    }
  /** Answers a request for a whole book with what its channel has told so far. */
  | {
      readonly do: 'book';
      readonly symbol: string;
      readonly channel: string;
      readonly text: (view: BookView) => string;
    }
  | { readonly do: 'unsubscribe-all' }
  /** `afterMs` later, while subscriptions go on. */
  | { readonly do: 'end'; readonly ending: Ending; readonly afterMs?: number }
  /** A published limit was broken. `assertNoViolations` fails the run. */
  | { readonly do: 'violation'; readonly limit: string; readonly detail: string }
  /** A request the exchange refuses (unknown code, wrong form): on record, no violation. */
  | { readonly do: 'refused'; readonly detail: string };

/** What a conversation may ask of the exchange around it. */
export interface Venue {
  /** By the spelling of the frames; delisted and refused codes are not found. */
  find(symbol: string): Listing | undefined;
  /** Whether the exchange says that it is in maintenance; then no code is found. */
  readonly closed?: boolean;
  /** Codes that a socket has room for where that is less than its documents say. */
  readonly room?: number;
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that this process itself runs late: what arrives bunched then is not the client's doing. */
  lagMs?(): number;
  /** Uniform in [0, 1), from the run's seed. */
  random(): number;
}

/** One socket seen from the exchange. Its state (request ids, channel ids, formats) lives in a closure. */
export interface Conversation {
  /** Frames the server speaks first. */
  open(): Reply[];
  /** Answers one text frame of the client, text heartbeats included. */
  receive(text: string): Reply[];
  /** Frames for one ticker or trade event of a subscribed code: the wire text, before `Protocol.encode`. */
  data(type: DataType, tick: Tick): string[];
  /**
   * One frame of a book as this socket gets it, null where it did not ask for frames of its kind; absent: as its channel
   * wrote it, the same for all.
   */
  book?(symbol: string, channel: string, text: string, timeMs: number): string | null;
  /** Called every `Rules.beatMs`: text heartbeats, and the end of a client that does not answer them. */
  beat?(): Reply[];
  /** The exchange's announcement that this socket will end soon; absent where it has none. */
  announceEnd?(): Reply[];
  /** What the exchange says when a maintenance begins or ends; absent where it says nothing. */
  announceMaintenance?(): Reply[];
}

export interface Protocol {
  readonly id: string;
  /** Types it can serve. */
  readonly types: readonly DataType[];
  /** Quotes of its markets and their share of the list, the main one first. */
  readonly quotes: readonly { readonly quote: string; readonly share: number }[];
  symbol(base: string, quote: string): string;
  /** Whether a WebSocket upgrade on this path (without the simulator's prefix) exists. */
  upgrades(path: string): boolean;
  /** Answer of a REST route, status 200, or undefined for 404. */
  rest(path: string, query: URLSearchParams, listings: readonly Listing[]): unknown;
  readonly rules: Rules;
  /** How it publishes order books; absent: it does not. */
  readonly books?: Books;
  /** Its REST service beside the market list: limits, trades of the past, time, tickers, books. */
  readonly restService?: RestService;
  /** How a frame's text goes on the wire: a string is a text frame, bytes are a binary one. */
  encode(text: string): string | Uint8Array;
  /** Trades that one frame may hold; above 1 the simulator sometimes puts several into one event. */
  readonly tradesPerFrame: number;
  /** A frame of several trades has the newest first; so has the ledger. */
  readonly newestFirst?: true;
  /** The first id of the nth code and the one after `previous`, for a trade at `timeMs`. */
  firstId(nth: number, timeMs: number): string;
  nextId(previous: string, timeMs: number): string;
  /** The first of the ids that a trade takes, where merged fills take several; absent: each takes its own alone. */
  firstFill?(id: string): string;
  /** A new socket; `path` and `query` of its upgrade, without the prefix. */
  connect(venue: Venue, path: string, query: URLSearchParams): Conversation;
}

import type { Books } from './books/books.ts';
import type { BookCause } from './events.ts';
import type { Book, LevelMarks } from './market/book.ts';
import type { ExchangeId, Market, Micros, Pair, Region, RequestType } from './market/market.ts';
import type { Markets } from './market/markets.ts';
import type { JsonObject } from './market/read-values.ts';
import type { Orderbook, Row } from './market/rows.ts';
import type { Scanner } from './market/scan.ts';
import type { PastTrades } from './past-trades.ts';
import type { RestState } from './rest-state.ts';

/** At most `count` of something within any `perMs` milliseconds. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** What an exchange allows; shared code keeps to it. */
export interface Limits {
  /** Codes that one subscription frame may name. */
  readonly codesPerFrame: number;
  /** Characters that one subscription frame may hold; null where nothing is published. */
  readonly frameChars: number | null;
  /** Codes that one socket may carry. */
  readonly codesPerSocket: number;
  /** Order books that it may carry, where they are fewer. */
  readonly booksPerSocket?: number;
  /** Messages out per socket, protocol pings included where the exchange counts them. */
  readonly sends: readonly Rate[];
  /** Sockets opened per source address. */
  readonly opens: readonly Rate[];
  /**
   * Weight of REST requests per source address: half of what the exchange allows, since others on it have needs too. Left
   * out where nothing but the market list is fetched.
   */
  readonly rest?: readonly Rate[];
  /** How long an address that was answered 429 on opening is shut out, in ms, where the answer does not say; 10 s. */
  readonly shutOutMs?: number;
  /** Sockets open at once per source address; null where nothing is published. */
  readonly sockets: number | null;
  /** Age at which the exchange cuts a socket; null where it does not. A new socket takes over before. */
  readonly lifetimeMs: number | null;
}

export interface Heartbeat {
  /** What the client sends: a protocol ping, or this text. Absent where the server pings. */
  readonly send?: 'ping' | { readonly text: string };
  /** Interval of `send` in milliseconds. */
  readonly everyMs?: number;
  /** A socket without any frame (data, heartbeat, pong, server ping) for this long is dead. */
  readonly deadAfterMs: number;
}

/** What a plug-in reads out of a frame. A plug-in never throws for what a frame holds; it emits `reject`. */
export type Event =
  | Row
  /** The exchange confirmed these symbols. */
  | { readonly kind: 'ack'; readonly symbols: readonly string[] }
  /**
   * The exchange refused these symbols (none where its words name none), in its own words. `full`: not for what they
   * are, but because this socket carries as many as it may; another one has room.
   */
  | {
      readonly kind: 'refused';
      readonly symbols: readonly string[];
      readonly reason: string;
      readonly full?: boolean;
    }
  /** The exchange says that it serves again: what it refused before may be asked for. */
  | { readonly kind: 'reopened' }
  /** A heartbeat or another control frame: the socket lives, which says nothing about data. */
  | { readonly kind: 'alive' }
  /**
   * An answer the protocol demands, sent at once. One with `instead` takes the place of an earlier one of that name that
   * still waits to be sent: of pongs the latest is enough.
   */
  | { readonly kind: 'send'; readonly text: string; readonly instead?: string }
  /** A frame, or element `row` of one, that cannot be a row. */
  | { readonly kind: 'reject'; readonly reason: string; readonly row: number | null }
  /** This symbol must be subscribed again: the exchange dropped it, or its state cannot be trusted. */
  | { readonly kind: 'resync'; readonly symbol: string }
  /** The exchange will end or reset this socket: a new one takes over. */
  | { readonly kind: 'restart'; readonly reason: string }
  | BookReading
  /** The book of this symbol is whole, or it is not, and a new one is needed; `cause` where it was and broke. */
  | { readonly kind: 'book'; readonly symbol: string; readonly whole: true }
  | {
      readonly kind: 'book';
      readonly symbol: string;
      readonly whole: false;
      readonly cause: BookCause | null;
      /** Until when it was right for certain. */
      readonly since: Micros;
    };

/** What a plug-in says of order books beside rows; the books of the socket take it, nobody else sees it. */
export type BookReading =
  /** A row whose checksum is over the book that it leads to, with what it reads of each level. */
  | { readonly kind: 'checked'; readonly row: Orderbook; readonly marks: LevelMarks | null }
  /** A checksum in a frame of its own, over the book as it stands. */
  | { readonly kind: 'checksum'; readonly symbol: string; readonly value: number }
  /** What came, or did not, leaves the book of this symbol in doubt; null: every book of the socket. */
  | { readonly kind: 'broken'; readonly symbol: string | null; readonly cause: BookCause };

/** @param row index of the element, where the frame holds an array of rows */
export type Emit = (event: Event, row?: number) => void;

/** Reads frames that are spelled as nearly all of their kind are; the same comes of it as of `read`. */
export interface Scanned {
  readonly scan: Scanner;
  read(frame: JsonObject, receivedAt: Micros, emit: Emit): void;
}

/** The state of one socket: channel ids, request ids. A new socket gets a new session. */
export interface Session {
  /** Frames to send right after the socket opened, before any subscription. */
  open(): string[];
  /**
   * Frames that bring the subscription from what it was to `want`. Shared code calls it with at most
   * `codesPerFrame` markets in `add` and `drop` together and paces the frames.
   * @param want everything that shall be subscribed afterwards, for exchanges whose requests replace the whole list
   */
  change(want: readonly Market[], add: readonly Market[], drop: readonly Market[]): string[];
  /** Reads one frame. `receivedAt` becomes `received_at` of its rows. */
  read(text: string, receivedAt: Micros, emit: Emit): void;
  /** Frames of one kind that need no parsing. What `scan` gives null for is for `read`. */
  readonly scanned?: Scanned | undefined;
  /** Frames that ask for the whole book of a market, where that takes a request of its own. */
  askBook?(market: Market): string[];
  /** The three that follow are not of a plug-in: `openSession` adds them where order books are kept. */
  readonly books?: Books;
  /** Whether `look` has something to say. */
  due?(at: Micros): boolean;
  /** To be called behind all frames until `at`: rows that come of time alone. */
  look?(at: Micros, emit: Emit): void;
}

/** What a session is made for, beside its type. */
export interface SessionOptions {
  /** The frames are those of a recording, which may lack the acks: only then may a session guess what they would have said. */
  readonly recorded?: boolean;
  /** One of `orderbooks.choices`; left out: the first. */
  readonly book?: string | undefined;
}

/**
 * How a socket comes to a whole book. `whole`: every frame is one; `sent`: the exchange sends one upon subscription, then
 * changes; `asked`: changes come, and a whole one upon a request over the socket; `fetched`: the same over REST.
 */
export type BookStart = 'whole' | 'sent' | 'asked' | 'fetched';

/** Order books of an exchange. */
export interface Orderbooks {
  /** Channels or depths that settings may choose from, as the exchange spells them; the first is taken unless told. */
  readonly choices: readonly [string, ...string[]];
  start(choice: string): BookStart;
  /** A book that is crossed for longer, in ms, cannot be right; null where it may be. */
  readonly crossedMs: number | null;
  /** The checksum over a kept book. `marks`: it reads what `checked` gives of each level. */
  readonly checksum?: { readonly marks: boolean; of(book: Book): number };
  /** Of `fetched`. */
  readonly rest?: {
    readonly url: (symbol: string, choice: string) => string;
    /** What a request weighs in `limits.rest`. */
    readonly weight: number;
    /** The body as a frame that `read` takes for a snapshot. */
    readonly frame: (symbol: string, body: string) => string;
  };
}

/** One row of an exchange's market list. */
export interface Listing {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
}

/** What a close code or a refused upgrade means beyond "try again". */
export interface Ban {
  /** Milliseconds to stay away. */
  readonly forMs: number;
  readonly reason: string;
}

/** A plug-in: data and pure functions. It owns no socket, clock, timer or Kafka client. */
export interface Exchange {
  readonly id: ExchangeId;
  /** For people: `Upbit`. */
  readonly name: string;
  readonly region: Region;
  /** The exchange's documentation. */
  readonly docs: string;
  readonly types: readonly RequestType[];
  /**
   * WebSocket address for a type; wss, with path. Its host and `hosts` are what a command may name.
   * @param book of order books, one of `orderbooks.choices`
   */
  endpoint(type: RequestType, book?: string): string;
  /** Further hosts of the same service that a command's `connection.url` may name. */
  readonly hosts: readonly string[];
  /** `gzip`: every binary frame is one gzip member. Text frames are read as text in both cases. */
  readonly encoding: 'text' | 'gzip';
  readonly heartbeat: Heartbeat;
  readonly limits: Limits;
  /** `ack`: the exchange confirms subscriptions; `data`: the first data frame is the only confirmation. */
  readonly confirms: 'ack' | 'data';
  /** `replace`: a subscription frame replaces everything on the socket; `add`: it adds to it. */
  readonly subscribing: 'add' | 'replace';
  /** A subscription may be asked for while it is there: it is answered again and doubles nothing. */
  readonly repeatable?: true;
  /** `consecutive`: +`fills` per trade and symbol, a hole is a loss; `increasing`: rising; `unordered`: only unique. */
  readonly tradeIds: 'consecutive' | 'increasing' | 'unordered';
  /** Rows stand for as many ids as the fills that they merge, which the rows in Kafka do not say. */
  readonly mergesFills?: true;
  readonly markets: {
    /** REST addresses of the market list, fetched in this order. */
    readonly urls: readonly string[];
    /** What each weighs in `limits.rest`; 1 unless given. */
    readonly weight?: number;
    /** Tradable markets out of the parsed bodies, one per url. Throws an Error where the bodies are not the list. */
    parse(bodies: readonly unknown[]): Listing[];
    /** Base and quote of a symbol without the list; null where the symbol cannot be one of this exchange. */
    split(symbol: string): Pair | null;
  };
  /** Left out where `types` has no order books. */
  readonly orderbooks?: Orderbooks;
  /** Left out where the exchange has none worth fetching. */
  readonly pastTrades?: PastTrades;
  /** What `check --live` holds live data against; left out where nobody has looked it up. */
  readonly restState?: RestState;
  /** A close code that means a ban. */
  ban?(closeCode: number, reason: string): Ban | null;
  /** Of order books the session reads, and the books over it check: see `openSession`. */
  session(type: RequestType, markets: Markets, options?: SessionOptions): Session;
}

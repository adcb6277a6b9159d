import type { BookView } from '../books/channel.ts';
import type { Listing, Tick, Trade } from '../protocol.ts';

/** A trade as REST has it; what a socket tells as one row may be several here. */
export interface PastTrade extends Trade {
  /** In REST's own id space. */
  readonly id: string;
  /** Id of the row that a socket tells it with. */
  readonly socketId: string;
  /** Size of that row. */
  readonly socketSize: number;
  /** How many of REST's rows of the code came before it in the same millisecond. */
  readonly nth: number;
  /** Exchange time as the socket tells it, epoch microseconds. */
  readonly timeUs: number;
  /** When it happened by the simulator's clock, epoch milliseconds; `timeMs` is the exchange's. */
  readonly at: number;
  /** REST shows it so much later than its other trades; Infinity: never. */
  readonly lateMs: number;
}

/** The part of a trade that an exchange's REST service may have otherwise than its socket. */
export interface RestForm {
  readonly id: string;
  readonly size: number;
}

/** One question. Its path comes without the simulator's prefix. */
export interface RestRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Source address. */
  readonly address: string;
  header(name: string): string | null;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface RestAnswer {
  /** 200 where it is left out. */
  readonly status?: number;
  /** A text as it is, anything else as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a service may ask of the market behind it. */
export interface RestMarket {
  readonly listings: readonly Listing[];
  /** The exchange's own time, epoch milliseconds. */
  readonly now: number;
  /** A page behind a cursor begins so many rows too early; 0 but for a fault. */
  readonly overlap: number;
  find(symbol: string): Listing | undefined;
  /** Trades of a listed code that REST shows now, oldest first. */
  past(symbol: string): readonly PastTrade[];
  /** The code's present state. */
  tick(symbol: string): Tick;
  /** The book as a channel of the socket has told it so far, with the time of its last frame. */
  book(symbol: string, channel: string, depth: number): BookView;
}

/** A published limit of requests per source address. */
export interface RestLimit {
  /** Requests, or what they weigh. */
  readonly count: number;
  readonly perMs: number;
  /** Counted in intervals of the clock; otherwise any stretch of `perMs` counts. */
  readonly aligned?: true;
  /** Whether it counts a request; absent: every one. */
  of?(request: RestRequest): boolean;
}

export interface RestLimits {
  readonly each: readonly RestLimit[];
  /** What a request weighs; absent: 1. */
  weight?(request: RestRequest): number;
  /** The answer beyond a limit. @param waitMs until it has room again */
  refusal(waitMs: number, detail: string): RestAnswer;
  /** Whoever had so many refusals since the last answer is shut out; each time `growth` times as long. */
  readonly block?: {
    readonly after: number;
    readonly forMs: number;
    readonly growth: number;
    readonly mostMs: number;
    answer(waitMs: number): RestAnswer;
  };
  /** Headers that tell how much is used of the first limit that counts the request. */
  headers?(used: number, limit: RestLimit): Record<string, string>;
}

/** How an exchange answers REST, beside its market list. Pure, as protocols are. */
export interface RestService {
  readonly limits: RestLimits;
  /** How far back trades go: the newest rows, or an age; absent: all that the simulator keeps. */
  readonly reach?: { readonly rows?: number; readonly ms?: number };
  /** Equal addresses get an equal answer for so long; absent: nothing is kept. */
  readonly cacheMs?: number;
  /** Microseconds of its millisecond at which the nth trade of it happened; absent: 0. */
  microsOf?(nth: number): number;
  /** The rows that REST has of one trade, oldest first; absent: the trade as it is. */
  forms?(trade: Trade, listing: Listing, before: PastTrade | undefined): readonly RestForm[];
  /** Undefined where the path is none of its own. */
  answer(request: RestRequest, market: RestMarket): RestAnswer | undefined;
  /** The answer to a path that does not exist. */
  readonly unknownPath?: RestAnswer;
}

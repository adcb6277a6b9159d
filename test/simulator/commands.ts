import type { BookFaultCommand } from './books/perform.ts';
import type { DataType } from './protocol.ts';
import type { PastSettings } from './rest/desk.ts';
import type { RestFault } from './rest/faults.ts';

/** Which sockets: one by id, else up to `count` of an exchange, the oldest first, else all of it, else all. */
export interface Which {
  readonly exchange?: string;
  readonly socket?: number;
  readonly count?: number;
}

interface Stream {
  readonly exchange: string;
  readonly type?: DataType;
  readonly symbol?: string;
}

/** What a simulator can be told to do, by `simulator.do` or as JSON by POST /control. Times are milliseconds. */
export type Command =
  /** Ends sockets by a close frame. */
  | ({ readonly do: 'close'; readonly code?: number; readonly reason?: string } & Which)
  /** Cuts connections without a close frame. */
  | ({ readonly do: 'cut' } & Which)
  /** Keeps sockets open and sends nothing more on them, until `resume`. */
  | ({ readonly do: 'stall' | 'resume' } & Which)
  /** Announces the end of sockets as the exchange does, and ends them `afterMs` later (500). */
  | ({ readonly do: 'rotate'; readonly afterMs?: number } & Which)
  /** Silences an exchange, a type or a code, until `unmute` of the exchange. */
  | ({ readonly do: 'mute' } & Stream)
  | { readonly do: 'unmute'; readonly exchange: string }
  /** One frame that is no data: see `garbage.ts` for the kinds. */
  | ({ readonly do: 'garbage'; readonly kind?: string } & Which)
  /** A frame of `bytes` (5,000,000), one that ends too early where `broken`. */
  | ({ readonly do: 'big'; readonly bytes?: number; readonly broken?: boolean } & Which)
  /** A gzip member that inflates to `bytes` (256 MiB). */
  | ({ readonly do: 'bomb'; readonly bytes?: number } & Which)
  /** A data frame whose price is not a number. */
  | { readonly do: 'nan'; readonly exchange: string; readonly type: DataType; readonly symbol: string }
  /** The latest trade once more. */
  | { readonly do: 'duplicate'; readonly exchange: string; readonly symbol: string }
  /** The next trade of the code is sent after the one that follows it. */
  | { readonly do: 'reorder'; readonly exchange: string; readonly symbol: string }
  /** The next `count` (1) trade ids are never used. */
  | { readonly do: 'hole'; readonly exchange: string; readonly symbol: string; readonly count?: number }
  /** `count` (1) events happen now, beside the rate. */
  | {
      readonly do: 'event';
      readonly exchange: string;
      readonly type: DataType;
      readonly symbol: string;
      readonly count?: number;
      /** Exact time of trades, epoch milliseconds; never before the latest one's. */
      readonly atMs?: number;
    }
  /** Upgrades are answered with a status, for a time or a number of times. */
  | {
      readonly do: 'refuse-open';
      readonly exchange: string;
      readonly status: number;
      readonly retryAfterS?: number;
      readonly forMs?: number;
      readonly times?: number;
    }
  /** Upgrades are never answered. */
  | { readonly do: 'hang-open'; readonly exchange: string; readonly forMs?: number; readonly times?: number }
  /** Sockets open and are ended at once, by a close frame where a code is given. */
  | {
      readonly do: 'drop-open';
      readonly exchange: string;
      readonly code?: number;
      readonly forMs?: number;
      readonly times?: number;
    }
  | { readonly do: 'allow-open'; readonly exchange: string }
  /** Connections to the exchange's port are refused, until `reopen`; its open sockets stay. */
  | { readonly do: 'shut' | 'reopen'; readonly exchange: string }
  /** REST misbehaves, for a time or a number of requests, until `rest` without any of it; see `rest/faults.ts`. */
  | ({
      readonly do: 'rest';
      readonly exchange: string;
      readonly forMs?: number;
      readonly times?: number;
    } & Partial<Omit<RestFault, 'untilMs' | 'left'>>)
  /** How REST shows the trades of the past; what is left out stays as it is. */
  | ({ readonly do: 'past'; readonly exchange: string } & Partial<PastSettings>)
  /** The next `count` (1) trades of a code are shown by REST so much later; without `ms` never. */
  | {
      readonly do: 'late';
      readonly exchange: string;
      readonly symbol: string;
      readonly count?: number;
      readonly ms?: number;
    }
  /** The exchange's time of trades and tickers is so far from the clock from now on; times never go back. */
  | { readonly do: 'shift'; readonly exchange: string; readonly ms: number }
  /** The exchange lists the code and refuses to serve it, until `serve`. */
  | { readonly do: 'refuse' | 'serve'; readonly exchange: string; readonly symbol: string }
  /** The exchange says that it is in maintenance and refuses every code, until `reopened`. */
  | { readonly do: 'maintenance' | 'reopened'; readonly exchange: string }
  /** A socket has room for so many codes; more are refused for that reason. */
  | { readonly do: 'room'; readonly exchange: string; readonly codes: number }
  | {
      readonly do: 'list';
      readonly exchange: string;
      readonly base: string;
      readonly quote: string;
      readonly usd?: number;
    }
  | { readonly do: 'delist'; readonly exchange: string; readonly symbol: string }
  | { readonly do: 'rate'; readonly rowsPerS: number }
  /** Level changes a second over all books. */
  | { readonly do: 'book-rate'; readonly changesPerS: number }
  /** Keeps the book as its subscribers have it now in the ledger; from another process it is the answer, too. */
  | { readonly do: 'book'; readonly exchange: string; readonly symbol: string; readonly channel?: string }
  /** A fault of order books; see `books/faults.ts`. */
  | BookFaultCommand
  /** Writes the ledger as NDJSON. */
  | { readonly do: 'dump'; readonly file: string }
  /** Forgets the ledger. */
  | { readonly do: 'clear' };

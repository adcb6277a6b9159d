import type { Clock } from '../../common/clock.ts';
import type { Gap, StreamState } from '../events.ts';
import type { Exchange } from '../exchange.ts';
import type { Market, Micros, RequestType } from '../market/market.ts';
import type { Markets } from '../market/markets.ts';
import type { OpenSocket, SocketOptions } from '../ports.ts';
import type { FetchBook, LinkEnd } from './link-parts.ts';
import type { OpenGate } from './open-gate.ts';
import type { Pipe } from './pipe.ts';
import type { Refusal } from './refusals.ts';
import type { ConnectionSettings } from './settings.ts';
import type { Verdict } from './verdict.ts';

export interface ConnectionParts {
  readonly exchange: Exchange;
  readonly type: RequestType;
  readonly markets: Markets;
  /** Where to connect, after settings and commands had their say. */
  readonly url: string;
  /** What the gate knows the address by; left out: the host of `url`. */
  readonly guard?: string;
  /** Which of the exchange's order books; left out: its first choice. */
  readonly book?: string | null;
  readonly socket: SocketOptions;
  readonly settings: ConnectionSettings;
  readonly clock: Clock;
  /** `skewOf` the clock when the process began; left out: now. */
  readonly skewAtStart?: Micros;
  readonly openSocket: OpenSocket;
  /** Shared by all connections to the same exchange from the same address. */
  readonly gate: OpenGate;
  readonly pipe: Pipe;
  /** Asks for a book over REST, where the exchange has its books there; it is answered in its time. */
  readonly fetchBook?: FetchBook | undefined;
  /** Numbers sockets; shared by all connections of the process. */
  readonly nextSocketId: () => number;
}

export interface StateDetail {
  readonly reason: string | null;
  /** When the next attempt is due. */
  readonly retryAt: Micros | null;
  /** Failures in a row. */
  readonly attempts: number;
}

/** What a connection tells the outside. None of these may throw. */
export interface ConnectionEvents {
  state(state: StreamState, detail: StateDetail): void;
  /** Once per code and socket, and again where the code was left and is subscribed once more. */
  confirmed(market: Market, socketId: number): void;
  /**
   * Codes that are not served, told once for each change of what is said of them; with no markets where the exchange's
   * words name none.
   */
  refused(markets: readonly Market[], refusal: Refusal): void;
  /** A code that was told as not served is served. */
  served(market: Market): void;
  /** An answer was not sent, as the exchange asked for more of them than its limits allow. */
  unanswered(): void;
  /** The exchange said that it will end a socket; told once for each. */
  announced(reason: string): void;
  gap(gap: Gap): void;
  /** A gap of this code begins; it is told by `gap` when it lasts, or is over. */
  lost?(market: Market): void;
  /** A code has turned silent, or was silent from the start, for this reason; null: it has come back. */
  silent(market: Market, reason: string | null): void;
  /** A socket was lost or never opened, against our will. */
  failed(end: LinkEnd, next: Verdict, attempts: number): void;
}

import type { Clock } from '../../common/clock.ts';
import type { BookCause } from '../events.ts';
import type { Exchange, Session } from '../exchange.ts';
import type { Market, Micros } from '../market/market.ts';
import type { OpenSocket, SocketEnd, SocketOptions } from '../ports.ts';
import type { ClockOffset } from './clock-offset.ts';
import type { Link } from './link.ts';
import type { Pipe } from './pipe.ts';
import type { Refusal } from './refusals.ts';
import type { ConnectionSettings } from './settings.ts';

/**
 * Why a socket is no more. `unopened`: it never came about; `remote`: the exchange or the network ended it; the others
 * were our decision.
 */
export type EndCause = 'unopened' | 'remote' | 'open_timeout' | 'dead' | 'mute' | 'replaced' | 'stopped';

export interface LinkEnd extends SocketEnd {
  readonly cause: EndCause;
}

export interface LinkParts {
  readonly exchange: Exchange;
  readonly session: Session;
  readonly url: string;
  readonly socket: SocketOptions;
  readonly settings: ConnectionSettings;
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  readonly pipe: Pipe;
  /** Of the exchange's clock, by all sockets of the connection. */
  readonly offset: ClockOffset;
  /** See `ConnectionParts`. */
  readonly fetchBook?: FetchBook | undefined;
}

/** A book that is wanted over REST. */
export interface BookFetch {
  readonly market: Market;
  /** How much changes in it: of many the busiest come first. */
  activity(): number;
  /** Whether it is still of use. */
  wanted(): boolean;
  /** Told once: the body of the answer; null where there is none. */
  deliver(body: string | null): void;
}
export type FetchBook = (fetch: BookFetch) => void;

/** What a connection wants to know of its sockets. */
export interface LinkOwner {
  opened(link: Link): void;
  /** @param first whether it is so on this socket for the first time */
  confirmed(link: Link, market: Market, first: boolean): void;
  /** With no markets where the exchange's words name none. Told again whenever it was asked again in vain. */
  refused(link: Link, markets: readonly Market[], refusal: Refusal): void;
  /** An answer was dropped before its turn. */
  unanswered(): void;
  resyncing(link: Link, market: Market): void;
  /** The book of this code is whole. */
  booked(link: Link, market: Market): void;
  /** The book of this code broke; it was right until `since`. */
  broke(link: Link, market: Market, cause: BookCause, since: Micros): void;
  /** Rows came, also such as were read when the socket had ended. */
  received(market: Market): void;
  /** @param live false where all rows are snapshots */
  data(link: Link, market: Market, atMs: number, live: boolean): void;
  /** The exchange has left out rows since `from`, as the process stood still. */
  leapt(link: Link, from: Micros): void;
  restart(link: Link, reason: string): void;
  ended(link: Link, end: LinkEnd): void;
}

import type { WrittenTrades } from '../application/backfill/fill-parts.ts';
import type { Fault } from '../common/errors.ts';
import type { Publisher, Writer } from '../core/ports.ts';
import type { BreakerState } from './kafka/client/breaker.ts';
import type { ClientStatistics } from './kafka/client/statistics.ts';
import type { OutboxState } from './kafka/recover/open-spool.ts';

export type MessagingDriver = 'kafka' | 'embedded' | 'stdout';

/** How the way out stands. All counts are since the start. */
export interface MessagingState {
  readonly driver: MessagingDriver;
  /** The circuit breaker before the producer; null where there is none. */
  readonly breaker: {
    readonly state: BreakerState;
    /** Epoch microseconds. */
    readonly since: number;
    readonly opened: number;
  } | null;
  /** Why messages are not acknowledged now, one sentence each, in the other side's words; empty where all is well. */
  readonly troubles: readonly string[];
  /** Encoded messages that wait for the breaker or the producer. */
  readonly waiting: { readonly messages: number; readonly bytes: number };
  /** Messages that the producer has and no broker acknowledged yet. */
  readonly inFlight: { readonly messages: number; readonly bytes: number };
  readonly delivered: { readonly messages: number; readonly bytes: number };
  /** Messages sent again, and messages that nobody will ever take, with their rows. */
  readonly retried: number;
  readonly refused: { readonly messages: number; readonly rows: number };
  /** Messages about the data that gave way because Kafka took none for long, by topic. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Producers replaced after a fatal error. */
  readonly renewed: number;
  /** Messages on disk; null where there is no outbox. */
  readonly outbox: OutboxState | null;
  /** librdkafka's own figures, a few seconds old; null before the first and where there is none. */
  readonly client: ClientStatistics | null;
}

/** What a flush could not get rid of. */
export interface Leftover {
  /** Rows that were not acknowledged. */
  readonly undelivered: number;
  /** Messages that were not acknowledged, those without rows included. */
  readonly messages: number;
  /** Of these messages those that lie in the outbox: the next start sends them. Left out where there is none. */
  readonly kept?: number;
}

/** The way out of the program: one shape for every driver. */
export interface Messaging {
  readonly driver: MessagingDriver;
  readonly writer: Writer;
  readonly publisher: Publisher;
  /** What lies in topics of trades. Left out where there are no topics. */
  readonly written?: WrittenTrades;
  /** Address of the brokers; null where there are none. */
  readonly bootstrap: string | null;
  /** Resolves where the way out is gone for good, which ends the program; a broker may always come back. */
  readonly lost: Promise<Fault>;
  /** Resolves when rows may be received: within a minute, whatever the disk of an outbox does. Left out: at once. */
  readonly begun?: Promise<void>;
  state(): MessagingState;
  /** Sends and waits; what is left at the deadline fails with `undelivered`. */
  flush(deadlineMs: number): Promise<Leftover>;
  close(): Promise<void>;
}

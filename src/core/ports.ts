import type { Market, Micros, Region, RequestType } from './market/market.ts';
import type { Row } from './market/rows.ts';

/**
 * What the inside needs from outside. The implementations live in `src/infra`; the composition root picks them.
 */

/** Rows of one code of one stream, in the exchange's order: one Kafka message. */
export interface Batch {
  readonly exchange: string;
  readonly region: Region;
  readonly requestType: RequestType;
  readonly market: Market;
  readonly rows: readonly Row[];
  /** The same rows, packed; left out, or null, where they are not. */
  readonly packed?: PackedRows | null;
  /** The command that led to this stream; goes into a header. */
  readonly correlationId: string | null;
  /** Lease token of the shard; null where leases are off. */
  readonly fence: number | null;
  /** Rows that were missing and are brought afterwards; left out where they come in their turn. */
  readonly late?: 'backfill';
}

export interface Ack {
  /** When the acknowledgement arrived here. */
  readonly at: Micros;
  /** Size of the message's value on the wire, uncompressed. */
  readonly bytes: number;
  /** It is none yet: the batch lies in the outbox alone, and what becomes of it is told as `Settled`. */
  readonly shelved?: boolean;
}

/** How a batch ended that memory had let go of. */
export interface Settled extends Pick<Batch, 'exchange' | 'requestType'> {
  readonly symbol: string;
  readonly rows: readonly Pick<Row, 'timestamp' | 'received_at'>[];
  /** Its first row is among them: a message that is too large ends in parts. */
  readonly first: boolean;
  /** Null: it was given up. */
  readonly ack: Ack | null;
}

/** Rows of a stream that wait for their batches. */
export interface NotedRows extends Pick<Batch, 'exchange' | 'region' | 'requestType'> {
  readonly rows: readonly Row[];
  /** Of each row what its message would say of it beside, as JSON: `[symbol, base, quote, fence, correlationId]`. */
  readonly names: readonly string[];
}

/** Where rows are on disk that wait for their batches. */
export interface RowJournal {
  /** They are on disk by the end of this turn of the loop. @returns what `forget` takes; null where it takes none */
  note(rows: NotedRows): number | null;
  /** The writer has them. */
  forget(mark: number): void;
}

/** Rows of one message to be, in the form in which they will be sent. */
export interface PackedRows {
  readonly length: number;
  readonly byteLength: number;
  /** Puts a row behind the others. @returns false where it does not fit its schema; then nothing has changed */
  add(row: Row): boolean;
  /** The rows as whoever reads the message sees them. */
  read(): Row[];
}

/** Told how batches end: of each once. */
export interface Outcome<Sent extends Batch = Batch> {
  acknowledged(batch: Sent, ack: Ack): void;
  /** It is given up, all of it or a part. */
  failed(batch: Sent, why: unknown): void;
}

/** The one writer of rows. */
export interface Writer {
  /** Packs rows of a code as they come; null, or left out: they wait for their batch as objects. */
  pack?(type: RequestType, market: Market): PackedRows | null;
  /** Left out: rows that wait for their batches are in memory alone. */
  readonly journal?: RowJournal | undefined;
  /**
   * Hands a batch over. Batches of one key are delivered in the order of their calls. An absent broker makes whoever is
   * told wait, never fail; `undelivered` is told only when the program stops before the acknowledgement.
   */
  send<Sent extends Batch>(batch: Sent, outcome: Outcome<Sent>): void;
  /** The same for who waits for one batch: fails as `failed` is told. */
  write(batch: Batch): Promise<Ack>;
}

/** Topic families beside the data topics; a family with regions becomes `{family}.{region}`. */
export type Family =
  | 'ws.connect_success'
  | 'ws.metrics.reception'
  | 'ws.metrics.processing'
  | 'ws.metrics.quality'
  | 'ws.event'
  | 'ws.error'
  | 'ws.dlq'
  | 'ws.backpressure.events'
  | 'monitoring.batch.performance';

/** A message about the data, not of it. */
export interface Message {
  readonly family: Family;
  /** Needed by the families with regions, null for the others. */
  readonly region: Region | null;
  readonly key: string | null;
  readonly value: Readonly<Record<string, unknown>>;
  readonly correlationId: string | null;
}

export interface Publisher {
  /** Resolves when the broker acknowledged it; same waiting and failing as `Writer.write`. */
  publish(message: Message): Promise<void>;
}

/** How a WebSocket ended or why it never opened. */
export interface SocketEnd {
  /** Close code of the closing frame; 1006 where the connection was cut without one. */
  readonly code: number;
  readonly reason: string;
  /** HTTP status of a refused upgrade where it is known. */
  readonly status: number | null;
  /** `Retry-After` of a refused upgrade in milliseconds where it was sent. */
  readonly retryAfterMs: number | null;
  /** What of this machine kept it from opening, in words; left out where it was not this machine. */
  readonly local?: string;
}

export interface SocketHandlers {
  opened(): void;
  /** Text frames as strings, binary frames as bytes. */
  frame(data: string | Uint8Array): void;
  /** A protocol ping or pong arrived. */
  alive(): void;
  /** Called once, whether the socket had opened or not. */
  ended(end: SocketEnd): void;
}

export interface Socket {
  send(text: string): void;
  ping(): void;
  /** Stops reading; the kernel's window closes and the exchange feels it. */
  pause(): void;
  resume(): void;
  /** Closing handshake; `ended` follows, at the latest after a short time of grace. */
  close(): void;
  /** Cuts at once; `ended` follows. */
  terminate(): void;
}

export interface SocketOptions {
  /** Proxy address, private CA and source address of this exchange, from settings. */
  readonly proxy: string | null;
  readonly ca: string | null;
  readonly localAddress: string | null;
}

export type OpenSocket = (url: string, options: SocketOptions, handlers: SocketHandlers) => Socket;

import type { Clock } from '../../../common/clock.ts';
import { Fault, messageOf } from '../../../common/errors.ts';
import type { Row } from '../../../core/market/rows.ts';
import type { Ack, Batch, RowJournal, Writer } from '../../../core/ports.ts';
import { type DataFamily, topicName } from '../topics/topics.ts';
import type { Encoding, Encodings } from './encodings.ts';
import type { Losses } from './losses.ts';
import type { Header, Outgoing } from './outgoing.ts';
import type { Rejects } from './rejects.ts';
import type { WayOut } from './spool.ts';

export interface WriterParts {
  readonly queue: WayOut;
  readonly encodings: Encodings;
  readonly rejects: Rejects;
  readonly losses: Losses;
  readonly clock: Clock;
  /** Words for librdkafka's codes. */
  readonly errorText: (code: number) => string;
  /** Where rows are that wait for their batches; left out: in memory alone. */
  readonly journal?: RowJournal;
}

/** Who waits for a message: told once. */
interface Waiter {
  /** @param bytes size of the value on the wire, uncompressed */
  acknowledged(bytes: number): void;
  /** It is on disk alone; who reads it back tells the rest. Left out where it is half of a batch. */
  shelved?(): void;
  failed(fault: Fault): void;
}

/**
 * The writer of rows. A batch is encoded at once and becomes one message; where the broker finds that too large, or
 * one of its rows does not fit the schema, it becomes two halves, and so on down to single rows. A row that cannot
 * be written at all goes to `ws.dlq` and fails its batch with `message_rejected`.
 */
export function kafkaWriter(parts: WriterParts): Writer {
  const { clock } = parts;
  return {
    journal: parts.journal,
    pack: (type, market) => parts.encodings.get(`${type}-data`)?.pack(market) ?? null,
    write: (batch) =>
      new Promise<Ack>((resolve, reject) => {
        send(parts, batch, null, {
          acknowledged: (bytes) => resolve({ at: clock.micros(), bytes }),
          shelved: () => resolve({ at: clock.micros(), bytes: 0, shelved: true }),
          failed: reject,
        });
      }),
  };
}

/** @param rows null: all of the batch, here as in all that follows */
function send(parts: WriterParts, batch: Batch, rows: readonly Row[] | null, waiter: Waiter): void {
  for (const message of messages(parts, batch, rows, waiter)) parts.queue.send(message);
}

/** One message of all rows; several where some row cannot be encoded. */
function messages(
  parts: WriterParts,
  batch: Batch,
  rows: readonly Row[] | null,
  waiter: Waiter,
): BatchMessage[] {
  const family: DataFamily = `${batch.requestType}-data`;
  const topic = topicName(family, batch.region);
  const encoding = parts.encodings.get(family);
  if (!encoding) throw new Fault('unknown_error', family, 'The family has no encoding.', '');
  try {
    return [new BatchMessage(parts, encoding, batch, rows, topic, waiter)];
  } catch (error) {
    const all = rows ?? batch.rows;
    const halves = halved(all, waiter);
    if (halves) return halves.flatMap((half) => messages(parts, batch, half.rows, half.waiter));
    giveUp(parts, batch, all, topic, null, messageOf(error), waiter);
    return [];
  }
}

/** Two halves of the rows, whose waiters together make the one; null where there is nothing to halve. */
function halved(rows: readonly Row[], waiter: Waiter): { rows: readonly Row[]; waiter: Waiter }[] | null {
  if (rows.length < 2) return null;
  const middle = rows.length >> 1;
  let open = 2;
  let bytes = 0;
  let fault: Fault | null = null;
  const settle = () => {
    if (--open > 0) return;
    if (fault) waiter.failed(fault);
    else waiter.acknowledged(bytes);
  };
  const part: Waiter = {
    acknowledged(more) {
      bytes += more;
      settle();
    },
    failed(why) {
      fault = why;
      settle();
    },
  };
  return [rows.slice(0, middle), rows.slice(middle)].map((half) => ({ rows: half, waiter: part }));
}

/** Rows that can never be written: a dead letter, a record of the loss, and the batch's end. */
function giveUp(
  parts: WriterParts,
  batch: Batch,
  rows: readonly Row[],
  topic: string,
  value: Buffer | null,
  reason: string,
  waiter: Waiter,
): void {
  const fault = rejected(topic, reason);
  parts.rejects.reject(batch, rows.length, topic, value, reason);
  parts.losses.add(batch, rows, fault);
  waiter.failed(fault);
}

/** A message of rows on its way. */
class BatchMessage implements Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  readonly fence: number | null;
  readonly shelved: (() => void) | undefined;
  readonly #parts: WriterParts;
  readonly #batch: Batch;
  readonly #rows: readonly Row[] | null;
  readonly #waiter: Waiter;

  /** @throws {Error} where a row does not fit the schema */
  constructor(
    parts: WriterParts,
    encoding: Encoding,
    batch: Batch,
    rows: readonly Row[] | null,
    topic: string,
    waiter: Waiter,
  ) {
    this.value = encoding.value(batch, rows, parts.clock.micros());
    this.headers = encoding.headers(batch.correlationId, batch.fence, batch.late);
    this.key = `${batch.exchange}|${batch.market.code}`;
    this.topic = topic;
    this.fence = batch.fence;
    this.shelved = waiter.shelved;
    this.#parts = parts;
    this.#batch = batch;
    this.#rows = rows;
    this.#waiter = waiter;
  }

  get rows(): number {
    return (this.#rows ?? this.#batch.packed ?? this.#batch.rows).length;
  }

  get objects(): number {
    return this.#rows === null && this.#batch.packed ? 0 : this.rows;
  }

  get #all(): readonly Row[] {
    return this.#rows ?? this.#batch.rows;
  }

  delivered(): void {
    this.#waiter.acknowledged(this.value.length);
  }

  refused(code: number): void {
    const reason = this.#parts.errorText(code);
    giveUp(this.#parts, this.#batch, this.#all, this.topic, this.value, reason, this.#waiter);
  }

  superseded(): void {
    this.#lost(superseded(this.topic));
  }

  setAside(): void {
    this.#waiter.failed(superseded(this.topic));
  }

  undelivered(): void {
    this.#lost(undelivered(this.topic));
  }

  #lost(fault: Fault): void {
    this.#parts.losses.add(this.#batch, this.#all, fault);
    this.#waiter.failed(fault);
  }

  split(): readonly Outgoing[] | null {
    const halves = halved(this.#all, this.#waiter);
    return halves?.flatMap((half) => messages(this.#parts, this.#batch, half.rows, half.waiter)) ?? null;
  }
}

/** What a message fails with that nobody will ever take. */
export function rejected(topic: string, reason: string): Fault {
  return new Fault(
    'message_rejected',
    topic,
    `The message was refused for good: ${reason}.`,
    'See ws.dlq; check the size limits of the broker and the topic (max.message.bytes).',
  );
}

/** What a message fails with whose shard is another collector's by now. */
export function superseded(topic: string): Fault {
  return new Fault(
    'lease_lost',
    topic,
    'The lease of the shard was lost, or given back, before its last rows could be handed over; they are not written.',
    'Whoever has the shard now has them too, or a gap. See kcs_leases_lost_total.',
  );
}

/** What a message fails with that the program did not get rid of before its end. */
export function undelivered(topic: string): Fault {
  return new Fault(
    'undelivered',
    topic,
    'The message was not acknowledged before the stop deadline.',
    'Check the brokers; raise shutdown.timeout_ms.',
  );
}

import type { Clock } from '../../../common/clock.ts';
import { Fault, messageOf } from '../../../common/errors.ts';
import type { Market } from '../../../core/market/market.ts';
import type { Row } from '../../../core/market/rows.ts';
import type { Batch, Outcome, RowJournal, Writer } from '../../../core/ports.ts';
import { writeBy } from '../../../core/writer-forms.ts';
import { DATA_FAMILIES, topicName } from '../topics/topics.ts';
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

/**
 * The writer of rows. A batch is encoded at once and becomes one message; where the broker finds that too large, or
 * one of its rows does not fit the schema, it becomes two halves, and so on down to single rows. A row that cannot
 * be written at all goes to `ws.dlq` and fails its batch with `message_rejected`.
 */
export function kafkaWriter(parts: WriterParts): Writer {
  const send: Writer['send'] = (batch, outcome) => {
    for (const message of messages(parts, batch, null, outcome as Outcome)) parts.queue.send(message);
  };
  return {
    journal: parts.journal,
    pack: (type, market) => parts.encodings.get(DATA_FAMILIES[type])?.pack(market) ?? null,
    send,
    write: writeBy(send),
  };
}

/**
 * One message of all rows; several where some row cannot be encoded.
 * @param rows null: all of the batch, here as in all that follows
 */
function messages(
  parts: WriterParts,
  batch: Batch,
  rows: readonly Row[] | null,
  outcome: Outcome,
): BatchMessage[] {
  const family = DATA_FAMILIES[batch.requestType];
  const topic = topicName(family, batch.region);
  const encoding = parts.encodings.get(family);
  if (!encoding) {
    outcome.failed(batch, new Fault('unknown_error', family, 'The family has no encoding.', ''));
    return [];
  }
  try {
    return [new BatchMessage(parts, encoding, batch, rows, topic, outcome)];
  } catch (error) {
    const all = rows ?? batch.rows;
    const halves = halved(batch, all, outcome);
    if (halves) return halves.flatMap((half) => messages(parts, batch, half.rows, half.outcome));
    giveUp(parts, batch, all, topic, null, messageOf(error), outcome);
    return [];
  }
}

/** Two halves of the rows, whose ends together make the one; null where there is nothing to halve. */
function halved(
  batch: Batch,
  rows: readonly Row[],
  outcome: Outcome,
): { rows: readonly Row[]; outcome: Outcome }[] | null {
  if (rows.length < 2) return null;
  const middle = rows.length >> 1;
  let open = 2;
  let at = 0;
  let bytes = 0;
  let failure: { readonly why: unknown } | null = null;
  const settle = () => {
    if (--open > 0) return;
    if (failure) outcome.failed(batch, failure.why);
    else outcome.acknowledged(batch, { at, bytes });
  };
  const part: Outcome = {
    acknowledged(_batch, ack) {
      at = Math.max(at, ack.at);
      bytes += ack.bytes;
      settle();
    },
    failed(_batch, why) {
      failure = { why };
      settle();
    },
  };
  return [rows.slice(0, middle), rows.slice(middle)].map((half) => ({ rows: half, outcome: part }));
}

/** Rows that can never be written: a dead letter, a record of the loss, and the batch's end. */
function giveUp(
  parts: WriterParts,
  batch: Batch,
  rows: readonly Row[],
  topic: string,
  value: Buffer | null,
  reason: string,
  outcome: Outcome,
): void {
  const fault = rejected(topic, reason);
  parts.rejects.reject(batch, rows.length, topic, value, reason);
  parts.losses.add(batch, rows, fault);
  outcome.failed(batch, fault);
}

/** A message of rows on its way. */
class BatchMessage implements Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  readonly fence: number | null;
  readonly #parts: WriterParts;
  readonly #batch: Batch;
  readonly #rows: readonly Row[] | null;
  readonly #outcome: Outcome;

  /** @throws {Error} where a row does not fit the schema */
  constructor(
    parts: WriterParts,
    encoding: Encoding,
    batch: Batch,
    rows: readonly Row[] | null,
    topic: string,
    outcome: Outcome,
  ) {
    this.value = encoding.value(batch, rows, parts.clock.micros());
    this.headers = encoding.headers(batch.correlationId, batch.fence, batch.late);
    this.key = keyOf(batch.exchange, batch.market);
    this.topic = topic;
    this.fence = batch.fence;
    this.#parts = parts;
    this.#batch = batch;
    this.#rows = rows;
    this.#outcome = outcome;
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
    const { clock } = this.#parts;
    this.#outcome.acknowledged(this.#batch, { at: clock.micros(), bytes: this.value.length });
  }

  /** A half has no end without the other, so that memory cannot let go of it. */
  get shelved(): (() => void) | undefined {
    return this.#rows === null ? this.#shelve : undefined;
  }

  #shelve(): void {
    const { clock } = this.#parts;
    this.#outcome.acknowledged(this.#batch, { at: clock.micros(), bytes: 0, shelved: true });
  }

  refused(code: number): void {
    const reason = this.#parts.errorText(code);
    giveUp(this.#parts, this.#batch, this.#all, this.topic, this.value, reason, this.#outcome);
  }

  superseded(): void {
    this.#lost(superseded(this.topic));
  }

  setAside(): void {
    this.#outcome.failed(this.#batch, superseded(this.topic));
  }

  undelivered(): void {
    this.#lost(undelivered(this.topic));
  }

  #lost(fault: Fault): void {
    this.#parts.losses.add(this.#batch, this.#all, fault);
    this.#outcome.failed(this.#batch, fault);
  }

  split(): readonly Outgoing[] | null {
    const halves = halved(this.#batch, this.#all, this.#outcome);
    return halves?.flatMap((half) => messages(this.#parts, this.#batch, half.rows, half.outcome)) ?? null;
  }
}

/** What a code's messages are called, as long as it is known: a text made anew for each would be hashed for each. */
const keys = new WeakMap<Market, { readonly exchange: string; readonly key: string }>();

function keyOf(exchange: string, market: Market): string {
  const known = keys.get(market);
  if (known?.exchange === exchange) return known.key;
  const key = `${exchange}|${market.code}`;
  keys.set(market, { exchange, key });
  return key;
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

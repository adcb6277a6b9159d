import type { Cancel, Clock } from '../../../common/clock.ts';
import { Fault, messageOf } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import type { Batch, Message, Publisher } from '../../../core/ports.ts';

/** Dead letters of refused messages per second; more are counted in one more, when the second is over. */
const LETTERS_PER_SECOND = 10;
const SECOND_MS = 1000;
/** How much of a refused value a dead letter carries. */
const MAX_VALUE_BYTES = 64 * 1024;
const MICROS_PER_MS = 1000;

interface Refused {
  readonly batch: Batch;
  readonly rows: number;
  readonly topic: string;
  readonly value: Buffer | null;
  readonly reason: string;
}

/** Where messages go that the broker, or their schema, will never take: `ws.dlq`, sampled under flood, and counts. */
export class Rejects {
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  readonly #log: Log;
  #letters = 0;
  #suppressed = 0;
  #last: Refused | null = null;
  #endSecond: Cancel | null = null;
  /** Messages and rows refused since the start. */
  messages = 0;
  rows = 0;

  constructor(publisher: Publisher, clock: Clock, log: Log) {
    this.#publisher = publisher;
    this.#clock = clock;
    this.#log = log;
  }

  /** @param value what was to be sent; null where it could not be encoded */
  reject(batch: Batch, rows: number, topic: string, value: Buffer | null, reason: string): void {
    this.messages++;
    this.rows += rows;
    this.#endSecond ??= this.#clock.after(SECOND_MS, () => this.flush());
    const refused = { batch, rows, topic, value, reason };
    if (this.#letters < LETTERS_PER_SECOND) {
      this.#letters++;
      this.#bury(refused, 0);
      return;
    }
    this.#suppressed++;
    this.#last = refused;
  }

  /** Tells what is still suppressed. */
  flush(): void {
    this.#endSecond?.();
    this.#endSecond = null;
    this.#letters = 0;
    if (this.#last) this.#bury(this.#last, this.#suppressed - 1);
    this.#suppressed = 0;
    this.#last = null;
  }

  #bury(refused: Refused, suppressed: number): void {
    const { batch, rows, topic, reason } = refused;
    const fields = { phase: 'produce', topic, rows, code: batch.market.code, suppressed } as const;
    this.#log.error({ ...fields, exchange: batch.exchange }, `message refused for good: ${reason}`);
    this.#publish(deadLetter(refused, suppressed, this.#clock)).catch((error: unknown) =>
      // The last place that can tell how much it was.
      this.#log.error(fields, `dlq_publish_failed: ${messageOf(error)}`),
    );
  }

  /** A letter that is itself too large is sent once more without the value. */
  async #publish(letter: (withValue: boolean) => Message): Promise<void> {
    try {
      await this.#publisher.publish(letter(true));
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'message_rejected') throw error;
      await this.#publisher.publish(letter(false));
    }
  }
}

function deadLetter(
  { batch, rows, topic, value, reason }: Refused,
  suppressed: number,
  clock: Clock,
): (withValue: boolean) => Message {
  const { exchange, region, requestType, market, correlationId } = batch;
  const target = { exchange, region, request_type: requestType };
  const at = new Date(clock.micros() / MICROS_PER_MS).toISOString();
  return (withValue) => {
    const carried = withValue ? (value?.subarray(0, MAX_VALUE_BYTES) ?? null) : null;
    return {
      family: 'ws.dlq',
      region: null,
      key: `${exchange}|${region}|${requestType}`,
      correlationId,
      value: {
        ticket_id: crypto.randomUUID(),
        timestamp_utc: at,
        action: 'dlq',
        reason: `message_rejected: ${reason}`,
        target,
        meta: {
          ticket_id: crypto.randomUUID(),
          schema_version: '1.0',
          correlation_id: correlationId,
          observed_key: `${exchange}/${region}/${requestType}`,
          raw_context: {
            topic,
            code: market.code,
            rows,
            value_base64: carried?.toString('base64') ?? null,
            truncated: (value?.length ?? 0) > (carried?.length ?? 0),
            suppressed,
          },
        },
        detail_error: { kind: 'kafka', exception_message: reason },
      },
    };
  };
}

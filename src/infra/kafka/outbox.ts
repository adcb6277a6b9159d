import { Fault, messageOf } from '../../common/errors.ts';
import type { Message, Outbox } from '../../core/ports.ts';
import type { Encodings } from './encodings.ts';
import type { Header, Outgoing, SendQueue } from './send-queue.ts';
import { topicName } from './topics.ts';
import { rejected, undelivered } from './writer.ts';

export interface OutboxParts {
  readonly queue: SendQueue;
  readonly encodings: Encodings;
  /** Words for librdkafka's codes. */
  readonly errorText: (code: number) => string;
}

/**
 * Messages about the data, in the format that the topic table gives their family. They pass the same queue and
 * breaker as the rows.
 */
export function kafkaOutbox(parts: OutboxParts): Outbox {
  return {
    publish: (message) =>
      new Promise<void>((resolve, reject) => {
        parts.queue.send(new ControlMessage(parts, message, resolve, reject));
      }),
  };
}

class ControlMessage implements Outgoing {
  readonly rows = 0;
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  readonly #parts: OutboxParts;
  readonly delivered: () => void;
  readonly #failed: (fault: Fault) => void;

  /** @throws {Fault} unknown_error where the value does not fit the family's schema */
  constructor(parts: OutboxParts, message: Message, delivered: () => void, failed: (fault: Fault) => void) {
    const encoding = parts.encodings.get(message.family);
    if (!encoding) throw new Fault('unknown_error', message.family, 'The family has no encoding.', '');
    try {
      this.value = encoding.codec.encode(message.value);
    } catch (error) {
      const what = `The value does not fit the schema: ${messageOf(error)}.`;
      throw new Fault('unknown_error', message.family, what, 'This is a fault of the program.', error);
    }
    this.headers = encoding.headers(message.correlationId, null);
    this.topic = topicName(message.family, message.region);
    this.key = message.key;
    this.#parts = parts;
    this.delivered = delivered;
    this.#failed = failed;
  }

  refused(code: number): void {
    this.#failed(rejected(this.topic, this.#parts.errorText(code)));
  }

  undelivered(): void {
    this.#failed(undelivered(this.topic));
  }

  split(): null {
    return null;
  }
}

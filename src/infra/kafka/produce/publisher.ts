import { Fault, messageOf } from '../../../common/errors.ts';
import type { Message, Publisher } from '../../../core/ports.ts';
import { topicName } from '../topics/topics.ts';
import { ControlShare, type Sharer, type Worth, worthOf } from './control-share.ts';
import type { Dropped } from './dropped.ts';
import type { Encodings } from './encodings.ts';
import type { Header, Outgoing } from './outgoing.ts';
import type { WayOut } from './spool.ts';
import type { Queued } from './topic-line.ts';
import { rejected, undelivered } from './writer.ts';

export interface PublisherParts {
  readonly queue: WayOut;
  readonly encodings: Encodings;
  readonly dropped: Dropped;
  /** Words for librdkafka's codes. */
  readonly errorText: (code: number) => string;
}

/**
 * Messages about the data, in the format that the topic table gives their family. They pass the same queue and
 * breaker as the rows, within a memory of their own: what gives way in it fails with `message_dropped`.
 */
export function kafkaPublisher(parts: PublisherParts): Publisher {
  const { queue } = parts;
  const share = new ControlShare((queued) => queue.withdraw(queued));
  return {
    publish: (message) =>
      new Promise<void>((resolve, reject) => {
        const one = new ControlMessage(parts, message, (fault) => {
          share.remove(one);
          if (fault) return reject(fault);
          parts.dropped.goes();
          resolve();
        });
        if (share.add(one)) one.queued = queue.send(one);
        else one.dropped();
      }),
  };
}

class ControlMessage implements Outgoing, Sharer {
  readonly rows = 0;
  readonly worth: Worth;
  queued: Queued | null = null;
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  readonly #parts: PublisherParts;
  readonly #ended: (fault: Fault | null) => void;

  /** @throws {Fault} unknown_error where the value does not fit the family's schema */
  constructor(parts: PublisherParts, message: Message, ended: (fault: Fault | null) => void) {
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
    this.worth = worthOf(message);
    this.#ended = ended;
  }

  get bytes(): number {
    return this.value.length;
  }

  delivered(): void {
    this.#ended(null);
  }

  dropped(): void {
    this.#parts.dropped.add(this.topic);
    this.#ended(
      new Fault(
        'message_dropped',
        this.topic,
        'The message gave way to others: Kafka takes none, and their room is full.',
        'Look after the brokers.',
      ),
    );
  }

  refused(code: number): void {
    this.#ended(rejected(this.topic, this.#parts.errorText(code)));
  }

  /** The program ends, and the next life sends it. */
  shelved = (): void => {
    this.#ended(
      new Fault(
        'undelivered',
        this.topic,
        'The message was not acknowledged before the stop deadline; it lies in the outbox.',
        'The next start sends it.',
      ),
    );
  };

  undelivered(): void {
    this.#ended(undelivered(this.topic));
  }

  split(): null {
    return null;
  }
}

import { systemClock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import { BREAKER_DEFAULTS } from '../../src/infra/kafka/client/breaker.ts';
import { BrokerLink } from '../../src/infra/kafka/client/broker-link.ts';
import { kafkaOrFault, producerOptions } from '../../src/infra/kafka/client/client-options.ts';
import type { Header, Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';

/** Topics that messages go to in turn. */
export const TOPICS = ['messages-1', 'messages-2'] as const;
/** Codes that messages are about, in turn. */
export const KEYS = 600;
/** Of three trades. */
const VALUE_BYTES = 400;
/** Values that one block of memory holds, as the codec's slabs do. */
const PER_SLAB = 600;
/** What does not compress. */
const NOISE = Buffer.concat(
  Array.from({ length: PER_SLAB }, () => Buffer.from(crypto.getRandomValues(new Uint8Array(VALUE_BYTES)))),
);
const HEADERS: readonly Header[] = [
  { 'content-type': 'application/avro' },
  { 'schema-version': '1' },
  { fence: '1788335180101' },
];

/** The line to a cluster alone, without sockets and rows, and the n-th messages that it is given. */
export class MessageSource {
  readonly link: BrokerLink;
  sent = 0;
  acknowledged = 0;
  failed = 0;
  #slab = Buffer.alloc(0);

  constructor(bootstrap: string) {
    this.link = new BrokerLink({
      kafka: kafkaOrFault(),
      options: producerOptions({ bootstrapServers: bootstrap, clientId: 'bench', options: {} }, 1),
      breaker: BREAKER_DEFAULTS,
      clock: systemClock,
      log: createLog('warn', false),
    });
  }

  /** Messages that wait for their acknowledgement. */
  get waiting(): number {
    return this.sent - this.acknowledged - this.failed;
  }

  /** @param topic index of the one that all go to; left out: they take turns */
  send(count: number, topic?: number): void {
    for (const end = this.sent + count; this.sent < end; this.sent++) {
      const to = TOPICS[topic ?? this.sent % TOPICS.length] as string;
      this.link.queue.send(new Letter(this, to, this.sent, this.#value(this.sent)));
    }
  }

  async end(): Promise<void> {
    await this.link.flush(10_000);
    await this.link.close();
  }

  /** A number in 4 bytes, and noise. */
  #value(n: number): Buffer {
    const place = n % PER_SLAB;
    if (place === 0) {
      this.#slab = Buffer.allocUnsafeSlow(NOISE.length);
      NOISE.copy(this.#slab);
    }
    const value = this.#slab.subarray(place * VALUE_BYTES, (place + 1) * VALUE_BYTES);
    value.writeUInt32LE(n);
    return value;
  }
}

class Letter implements Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer;
  readonly headers = HEADERS;
  readonly rows = 3;
  readonly #source: MessageSource;

  constructor(source: MessageSource, topic: string, n: number, value: Buffer) {
    this.#source = source;
    this.topic = topic;
    this.key = `binance|USDT-C${n % KEYS}`;
    this.value = value;
  }
  delivered(): void {
    this.#source.acknowledged++;
  }
  refused(): void {
    this.#source.failed++;
  }
  undelivered(): void {
    this.#source.failed++;
  }
  split(): null {
    return null;
  }
}

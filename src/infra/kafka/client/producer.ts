import type { LibrdKafkaError, Metadata, Producer as RdProducer } from '@confluentinc/kafka-javascript';
import type { Kafka } from '../addon/load.ts';
import type { Handed } from '../produce/handed.ts';
import type { Outgoing } from '../produce/outgoing.ts';
import { BatchCall } from './batch-call.ts';
import { checkedOptions, type LibrdkafkaOptions } from './client-options.ts';

export interface ProducerHandlers {
  /**
   * @param code 0 where the broker acknowledged it
   * @param words librdkafka's about any other
   * @param partition where it lies, and at which offset; below 0 where that is not known
   */
  report(id: number, code: number, words: string, partition: number, offset: number): void;
  /** librdkafka's words, e.g. `all broker connections are down`; many times a second while a broker is away. */
  error(text: string): void;
  log(severity: number, text: string): void;
  /** librdkafka's statistics as JSON. */
  statistics(json: string): void;
}

export interface Broker {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** The native client behind the package's wrapper: it answers with a code instead of throwing an Error. */
interface NativeProducer {
  produce(
    topic: string,
    partition: number,
    value: Buffer,
    key: string | null,
    timestamp: number | null,
    opaque: number,
    headers: unknown,
  ): number;
}

/** The partitioner chooses. */
const ANY_PARTITION = -1;
/** librdkafka's code for a client that is not connected. */
const NOT_CONNECTED = -172;
/** The disconnect of the package waits for a flush first; what matters was flushed before. */
const LAST_FLUSH_MS = 100;

/**
 * One librdkafka producer. Its reports, errors and statistics come from librdkafka's own thread; in batches they come
 * when `takeReports` is called, and only then.
 */
export class Producer {
  readonly #client: RdProducer;
  readonly #native: NativeProducer;
  readonly #handlers: ProducerHandlers;
  readonly #batches: BatchCall | null;
  #open = false;

  /**
   * @param inBatches to be used by `produceAll` and `takeReports`, where the client can
   * @throws {Fault} config_invalid where librdkafka does not know an option or its value
   */
  constructor(kafka: Kafka, options: LibrdkafkaOptions, handlers: ProducerHandlers, inBatches = false) {
    this.#handlers = handlers;
    this.#client = checkedOptions(
      () => new kafka.Producer({ ...options, dr_cb: true } as ConstructorParameters<Kafka['Producer']>[0]),
    );
    this.#native = this.#client.getClient() as NativeProducer;
    this.#batches = inBatches ? BatchCall.open(this.#native) : null;
    this.#client.on('delivery-report', (error: LibrdKafkaError | null, report) =>
      handlers.report(
        report.opaque as number,
        error?.code ?? 0,
        error?.message ?? '',
        report.partition,
        report.offset,
      ),
    );
    this.#client.on('event.error', (error) => handlers.error(error.message));
    this.#client.on('event.log', (event: { severity: number; message: string }) =>
      handlers.log(event.severity, event.message),
    );
    this.#client.on('event.stats', (event: { message: string }) => handlers.statistics(event.message));
  }

  /** The client itself, for the admin client that shares its connections. */
  get client(): RdProducer {
    return this.#client;
  }

  /** Whether it takes messages by `produceAll`, and is asked for its reports. */
  get inBatches(): boolean {
    return this.#batches !== null;
  }

  /** Resolves when a broker answered. @throws {Error} with librdkafka's words where none did in time */
  async connect(timeoutMs: number): Promise<readonly Broker[]> {
    const metadata = await new Promise<Metadata>((resolve, reject) => {
      this.#client.connect({ allTopics: false, timeout: timeoutMs }, (error, data) =>
        error ? reject(error) : resolve(data),
      );
    });
    if (this.#batches === null) this.#client.setPollInBackground(true);
    this.#open = true;
    return metadata.brokers;
  }

  /** Returns librdkafka's code: 0 where a report with this id will follow. */
  produce(message: Outgoing, id: number): number {
    if (!this.#open) return NOT_CONNECTED;
    const { topic, value, key, headers, timestampMs = null } = message;
    return this.#native.produce(topic, ANY_PARTITION, value, key, timestampMs, id, headers);
  }

  /** Hands messages over in order and tells each one's code; of a topic none is tried behind one that is not taken. */
  produceAll(messages: readonly Handed[]): void {
    if (this.#open && this.#batches) this.#batches.produce(messages);
    else for (const one of messages) one.code = NOT_CONNECTED;
  }

  /** Tells `report` what has come since. @returns how many reports it was */
  takeReports(): number {
    if (!this.#open || !this.#batches) return 0;
    const batches = this.#batches;
    return batches.takeReports((id, code, partition, offset) =>
      this.#handlers.report(id, code, code === 0 ? '' : batches.errorWords(code), partition, offset),
    );
  }

  /** What the cluster knows. @throws {Error} where no broker answers in time */
  metadata(timeoutMs: number, topic?: string): Promise<Metadata> {
    return new Promise((resolve, reject) => {
      const which = topic === undefined ? { allTopics: true } : { allTopics: false, topic };
      this.#client.getMetadata({ ...which, timeout: timeoutMs }, (error, data) =>
        error ? reject(error) : resolve(data),
      );
    });
  }

  /** Whether a broker answers within the time. */
  answers(timeoutMs: number): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#client.getMetadata({ allTopics: false, timeout: timeoutMs }, (error) => resolve(!error));
    });
  }

  /** Sends what lingers and waits, at most this long, for its acknowledgement. */
  flush(timeoutMs: number): Promise<void> {
    if (!this.#open) return Promise.resolve();
    return new Promise((resolve) => {
      this.#client.flush(timeoutMs, () => resolve());
    });
  }

  /** Ends it; what was not acknowledged is gone. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#batches?.close();
    await new Promise<void>((resolve) => {
      this.#client.disconnect(LAST_FLUSH_MS, () => resolve());
    });
    this.#batches?.free();
  }
}

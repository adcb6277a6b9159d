import type {
  Assignment,
  KafkaConsumer,
  LibrdKafkaError,
  Message,
  Metadata,
} from '@confluentinc/kafka-javascript';
import { type Clock, sleep } from '../../../common/clock.ts';
import { messageOf } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import {
  type ClusterOptions,
  checkedOptions,
  clientOptions,
  kafkaOrFault,
} from '../client/client-options.ts';
import { connectFault } from '../client/connect-fault.ts';
import { Folded } from '../client/folded.ts';
import { within } from '../client/within.ts';
import { handleRecord } from './handle-record.ts';
import { InOrder } from './in-order.ts';

/** A record as it lies in the topic. */
export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's own time, epoch milliseconds. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Resolves when the record's outcome is durable; the record is handed over again when it fails. */
export type RecordHandler = (record: ConsumedRecord) => Promise<void>;

export interface ConsumerSettings extends ClusterOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Records handed to the handler before the first of them is done, in the order of their partition. */
  readonly concurrency: number;
  /** How long a missing broker is waited for, milliseconds. */
  readonly startupTimeoutMs: number;
}

export interface ConsumerState {
  /** Partitions that the group gave us. */
  readonly assigned: number;
  /** Fetching rests because the handler is busy for long: Kafka is the queue. */
  readonly resting: boolean;
  readonly handling: number;
  readonly handled: number;
}

export interface RecordConsumer {
  state(): ConsumerState;
  /** Takes no more records, waits for those being handled, stores their offsets and leaves the group. */
  close(): Promise<void>;
}

/** Longest wait of one fetch, and with it of the stop. */
const POLL_MS = 250;
/** While the handler is busy the group must still hear from us; far below librdkafka's max.poll.interval.ms. */
const REST_AFTER_MS = 2_000;
const COMMIT_MS = 500;
const SESSION_MS = 10_000;
/**
 * A collector that was killed must not keep its partitions from the next one for long. With the `consumer` protocol
 * these figures are the broker's.
 */
const CLASSIC_GROUP = { 'session.timeout.ms': SESSION_MS, 'heartbeat.interval.ms': SESSION_MS / 5 } as const;
/** Each for the records under way and for leaving the group, which a broker that is away never answers. */
const CLOSE_MS = 2_500;
/** librdkafka's code for partitions given. */
const ASSIGN = -175;
/** A group's coordinator starts, moves or is elected: librdkafka asks again until one answers. */
const COORDINATOR_MOVES = new Set([14, 15, 16]);
/** The broker's codes where we may not read the topic, or not as a member of the group. */
const DENIED = new Set([29, 30]);

const NOT_READ =
  'no command is read until it is given; kor-coin-stream topics lists the rights that are needed';

/**
 * Reads topics as a member of a group, from the earliest record where the group is new. Offsets of handled records
 * are stored in order and committed twice a second, and when the group changes or ends.
 * @throws {Fault} addon_unavailable, config_invalid, broker_unavailable
 */
export async function openConsumer(
  settings: ConsumerSettings,
  handler: RecordHandler,
  deps: { readonly clock: Clock; readonly log: Log },
): Promise<RecordConsumer> {
  const reader = new Reader(settings, handler, deps.clock, deps.log);
  await reader.connect();
  void reader.run();
  return reader;
}

class Reader implements RecordConsumer {
  readonly #settings: ConsumerSettings;
  readonly #handler: RecordHandler;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: KafkaConsumer;
  readonly #errors: Folded;
  readonly #passing: Folded;
  readonly #inOrder: InOrder;
  readonly #ended = Promise.withResolvers<void>();
  /** Records that came although fetching rests. */
  #early: Message[] = [];
  #assigned: Assignment[] = [];
  #resting = false;
  #closing = false;
  #handled = 0;
  #freed: () => void = () => {};

  constructor(settings: ConsumerSettings, handler: RecordHandler, clock: Clock, log: Log) {
    this.#settings = settings;
    this.#handler = handler;
    this.#clock = clock;
    this.#log = log;
    this.#errors = new Folded(clock, (text, times) =>
      log.warn({ phase: 'command', times }, `Kafka consumer: ${text}`),
    );
    this.#passing = new Folded(clock, (text, times) =>
      log.debug({ phase: 'command', times }, `Kafka consumer: ${text}`),
    );
    this.#inOrder = new InOrder(({ topic, partition, offset }) => {
      this.#attempt(() => this.#client.offsetsStore([{ topic, partition, offset: offset + 1 }]));
    });
    this.#client = this.#newClient();
  }

  state(): ConsumerState {
    return {
      assigned: this.#assigned.length,
      resting: this.#resting,
      handling: this.#inOrder.open,
      handled: this.#handled,
    };
  }

  async connect(): Promise<void> {
    const { bootstrapServers, startupTimeoutMs, topics } = this.#settings;
    try {
      await new Promise<Metadata>((resolve, reject) => {
        this.#client.connect({ allTopics: false, timeout: startupTimeoutMs }, (error, data) =>
          error ? reject(error) : resolve(data),
        );
      });
    } catch (error) {
      throw connectFault(error, bootstrapServers, startupTimeoutMs, null);
    }
    this.#client.setDefaultConsumeTimeout(POLL_MS);
    this.#client.subscribe([...topics]);
  }

  /** Fetches one record after the other and hands each over, until `close`. */
  async run(): Promise<void> {
    while (!this.#closing) {
      const record = this.#early.shift() ?? (await this.#poll());
      if (!record || this.#closing) continue;
      void this.#handle(record);
      await this.#room();
    }
    this.#ended.resolve();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#freed();
    // The fetch under way ends by itself, unless every thread of the client is held up.
    await within(CLOSE_MS, this.#ended.promise, this.#clock);
    const until = this.#clock.now() + CLOSE_MS;
    while (this.#inOrder.open > 0 && this.#clock.now() < until) await sleep(this.#clock, POLL_MS / 10);
    const left = new Promise<void>((resolve) => {
      this.#client.disconnect(() => resolve());
    });
    await within(CLOSE_MS, left, this.#clock);
    this.#errors.flush();
    this.#passing.flush();
  }

  #newClient(): KafkaConsumer {
    const kafka = kafkaOrFault();
    const options = clientOptions(this.#settings, {
      'group.id': this.#settings.groupId,
      'auto.offset.reset': 'earliest',
      'enable.auto.commit': true,
      'auto.commit.interval.ms': COMMIT_MS,
      ...(this.#settings.options['group.protocol'] === 'consumer' ? {} : CLASSIC_GROUP),
      'enable.auto.offset.store': false,
      'queued.max.messages.kbytes': 16_384,
      'topic.metadata.refresh.interval.ms': 10_000,
    });
    const client = checkedOptions(
      () =>
        new kafka.KafkaConsumer({ ...options, rebalance_cb: true } as ConstructorParameters<
          typeof kafka.KafkaConsumer
        >[0]),
    );
    client.on('event.error', (error) => this.#say(error));
    client.on('rebalance', (event, partitions) => this.#rebalanced(event, partitions));
    client.on('rebalance.error', (error) => this.#say(error));
    return client;
  }

  #rebalanced(event: LibrdKafkaError, partitions: readonly Assignment[]): void {
    const given = event.code === ASSIGN;
    if (!given)
      for (const { topic, partition } of partitions) {
        this.#inOrder.forget({ topic, partition });
        this.#early = this.#early.filter(
          (record) => record.topic !== topic || record.partition !== partition,
        );
      }
    // The client assigns them after this event.
    setImmediate(() => {
      if (this.#closing) return;
      this.#attempt(() => {
        this.#assigned = this.#client.assignments();
        if (given && this.#resting) this.#client.pause(this.#assigned);
        this.#log.info(
          { phase: 'command', partitions: this.#assigned.length },
          'partitions of the group changed',
        );
      });
    });
  }

  async #poll(): Promise<Message | undefined> {
    try {
      const records = await new Promise<Message[]>((resolve, reject) => {
        this.#client.consume(1, (error, some) => (error ? reject(error) : resolve(some)));
      });
      return records[0];
    } catch (error) {
      this.#say(error);
      await sleep(this.#clock, POLL_MS);
      return undefined;
    }
  }

  async #handle(message: Message): Promise<void> {
    const stored = this.#inOrder.begin(message);
    const done = () => {
      stored();
      this.#handled++;
    };
    await handleRecord(recordOf(message), this.#handler, done, {
      clock: this.#clock,
      stopped: () => this.#closing,
      failed: (error) => this.#errors.say(`a record is tried again: ${messageOf(error)}`),
    });
    this.#freed();
  }

  /** Waits until the handler takes another record. A long wait rests the partitions and keeps the membership. */
  async #room(): Promise<void> {
    while (this.#inOrder.open >= this.#settings.concurrency && !this.#closing) {
      const freed = new Promise<void>((resolve) => {
        this.#freed = resolve;
      });
      if (await within(REST_AFTER_MS, freed, this.#clock)) continue;
      this.#rest(true);
      const record = await this.#poll();
      if (record) this.#early.push(record);
    }
    this.#rest(false);
  }

  #rest(resting: boolean): void {
    if (this.#resting === resting || this.#closing) return;
    this.#resting = resting;
    this.#attempt(() => {
      if (resting) this.#client.pause(this.#assigned);
      else this.#client.resume(this.#assigned);
    });
  }

  #say(error: unknown): void {
    const code = Number((error as { code?: unknown }).code);
    const words = messageOf(error);
    if (COORDINATOR_MOVES.has(code)) this.#passing.say(words);
    else this.#errors.say(DENIED.has(code) ? `${words}: ${NOT_READ}` : words);
  }

  /** A partition may have been taken away a moment ago; then there is nothing to do to it. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#errors.say(messageOf(error));
    }
  }
}

/** A message of the client as the program knows it. */
export function recordOf(message: Message): ConsumedRecord {
  const { topic, partition, offset, timestamp, key, value } = message;
  return {
    topic,
    partition,
    offset,
    timestampMs: timestamp ?? 0,
    key: typeof key === 'string' ? Buffer.from(key) : (key ?? null),
    value,
    headers: headersOf(message),
  };
}

/** The headers of a message by their names; the last of a name holds. */
export function headersOf({ headers }: Pick<Message, 'headers'>): Record<string, string> {
  const named: Record<string, string> = {};
  for (const header of headers ?? []) for (const name in header) named[name] = header[name]?.toString() ?? '';
  return named;
}

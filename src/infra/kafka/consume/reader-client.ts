import type { KafkaConsumer, Message, Metadata } from '@confluentinc/kafka-javascript';
import { systemClock } from '../../../common/clock.ts';
import { Fault } from '../../../common/errors.ts';
import {
  type ClusterOptions,
  checkedOptions,
  clientOptions,
  kafkaOrFault,
  type LibrdkafkaOptions,
} from '../client/client-options.ts';
import { connectFault } from '../client/connect-fault.ts';
import type { Broker } from '../client/producer.ts';
import { silenceFault } from '../client/reach.ts';

/** A place in a partition. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A connected client that is a member of no group: nothing is committed, nobody else gets less. */
export interface ReaderClient {
  /** Ids of the topic's partitions. @throws {Fault} topic_missing */
  partitionsOf(topic: string): Promise<number[]>;
  /** The offset of the first record that is kept, and that of the next to come. */
  watermarks(topic: string, partition: number): Promise<{ lowOffset: number; highOffset: number }>;
  /** Of each partition the first record of that time (epoch ms) or later; −1 where there is none. */
  offsetsAt(places: readonly { topic: string; partition: number }[], timeMs: number): Promise<Place[]>;
  assign(places: readonly Place[]): void;
  /** What is ready, once something is; empty where nothing came within a moment. @throws {Fault} topic_missing */
  consume(): Promise<Message[]>;
  /** Told where a partition was read up to its end as it is now; with `enable.partition.eof` alone. */
  onEnd(listener: (place: Place) => void): void;
  /** Why a question was not answered: what to throw in place of its error. */
  faultOf(error: unknown): Promise<Fault>;
  close(): Promise<void>;
}

/** The broker's code where we may not read a topic. */
const NO_TOPIC_RIGHTS = 29;
/** syslog's severity. */
const WARNING = 4;
const POLL_MS = 200;
const MAX_RECORDS = 500;
const CLOSE_MS = 2000;

/**
 * @param timeoutMs bound of connecting and of every question
 * @throws {Fault} addon_unavailable, config_invalid, broker_unavailable
 */
export async function openReaderClient(
  cluster: ClusterOptions,
  timeoutMs: number,
  own: LibrdkafkaOptions = {},
): Promise<ReaderClient> {
  const kafka = kafkaOrFault();
  const options = clientOptions(cluster, {
    'group.id': `kor-coin-stream-reader-${crypto.randomUUID()}`,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'fetch.wait.max.ms': POLL_MS / 2,
    ...own,
  });
  const client = checkedOptions(() => new kafka.KafkaConsumer(options));
  client.on('event.error', () => {
    // librdkafka tries again by itself; who waits for a record has a time limit of its own.
  });
  let lastWarning: string | null = null;
  client.on('event.log', ({ severity, message }: { severity: number; message: string }) => {
    if (severity <= WARNING) lastWarning = message;
  });
  let brokers: readonly Broker[];
  try {
    brokers = await connect(client, timeoutMs);
  } catch (error) {
    throw connectFault(error, cluster.bootstrapServers, timeoutMs, lastWarning);
  }
  client.setDefaultConsumeTimeout(POLL_MS);
  takeWhatIsThere(client);
  return {
    partitionsOf: (topic) => partitionsOf(client, topic, timeoutMs),
    watermarks: (topic, partition) => watermarks(client, topic, partition, timeoutMs),
    offsetsAt: (places, timeMs) => offsetsAt(client, places, timeMs, timeoutMs),
    assign: (places) => client.assign([...places]),
    consume: () => consume(client),
    onEnd: (listener) => {
      client.on('partition.eof', ({ topic, partition, offset }) => listener({ topic, partition, offset }));
    },
    faultOf: (error) => silenceFault(error, brokers, cluster.bootstrapServers, systemClock),
    close: () => disconnect(client),
  };
}

/** A fetch ends with what is ready once it has one record; the client has this switch, its types do not. */
function takeWhatIsThere(client: KafkaConsumer): void {
  const switches = client as unknown as { setDefaultIsTimeoutOnlyForFirstMessage(on: boolean): void };
  switches.setDefaultIsTimeoutOnlyForFirstMessage(true);
}

async function partitionsOf(client: KafkaConsumer, topic: string, timeoutMs: number): Promise<number[]> {
  const metadata = await new Promise<Metadata>((resolve, reject) => {
    client.getMetadata({ allTopics: false, topic, timeout: timeoutMs }, (error, data) =>
      error ? reject(error) : resolve(data),
    );
  });
  const partitions = metadata.topics.find(({ name }) => name === topic)?.partitions ?? [];
  if (partitions.length > 0) return partitions.map(({ id }) => id);
  throw new Fault(
    'topic_missing',
    topic,
    'There is no such topic, or no right to see it.',
    'A collector creates its topics at start.',
  );
}

function notReadable(words: string): Fault {
  return new Fault('topic_missing', 'the topics', words, 'Reading needs the right Read on each of them.');
}

function watermarks(client: KafkaConsumer, topic: string, partition: number, timeoutMs: number) {
  return new Promise<{ lowOffset: number; highOffset: number }>((resolve, reject) => {
    client.queryWatermarkOffsets(topic, partition, timeoutMs, (error, offsets) =>
      error ? reject(error) : resolve(offsets),
    );
  });
}

function offsetsAt(
  client: KafkaConsumer,
  places: readonly { topic: string; partition: number }[],
  timeMs: number,
  timeoutMs: number,
): Promise<Place[]> {
  const asked = places.map(({ topic, partition }) => ({ topic, partition, offset: timeMs }));
  return new Promise((resolve, reject) => {
    client.offsetsForTimes(asked, timeoutMs, (error, found) =>
      error
        ? reject(error)
        : resolve(found.map(({ topic, partition, offset }) => ({ topic, partition, offset: offset ?? -1 }))),
    );
  });
}

function connect(client: KafkaConsumer, timeoutMs: number): Promise<readonly Broker[]> {
  return new Promise((resolve, reject) => {
    client.connect({ allTopics: false, timeout: timeoutMs }, (error, data) =>
      error ? reject(error) : resolve(data.brokers),
    );
  });
}

function consume(client: KafkaConsumer): Promise<Message[]> {
  return new Promise((resolve, reject) => {
    client.consume(MAX_RECORDS, (error, records) => {
      if (!error) resolve(records);
      else if (error.code === NO_TOPIC_RIGHTS) reject(notReadable(error.message));
      // Anything else passes, or, like the right on a group of which nothing is read as a member, is not needed.
      else systemClock.after(POLL_MS, () => resolve([]));
    });
  });
}

function disconnect(client: KafkaConsumer): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(CLOSE_MS, resolve);
    client.disconnect(() => {
      cancel();
      resolve();
    });
  });
}

import type { KafkaConsumer, Message, Metadata } from '@confluentinc/kafka-javascript';
import { systemClock } from '../../../common/clock.ts';
import { Fault } from '../../../common/errors.ts';
import {
  type ClusterOptions,
  checkedOptions,
  clientOptions,
  kafkaOrFault,
} from '../client/client-options.ts';
import { connectFault } from '../client/connect-fault.ts';
import type { Broker } from '../client/producer.ts';
import { silenceFault } from '../client/reach.ts';
import { type ConsumedRecord, recordOf } from './consumer.ts';

export interface TopicReaderSettings extends ClusterOptions {
  readonly topics: readonly string[];
  /** `end`: what is produced after `openTopicReader` resolved; `beginning`: everything that is kept. */
  readonly from: 'beginning' | 'end';
  /** Bound of connecting and of every question, in ms. */
  readonly timeoutMs: number;
}

export interface TopicReader {
  /** The next records, in the order of each partition; empty where none came within a moment. */
  next(): Promise<ConsumedRecord[]>;
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
 * Reads topics without being a member of a group: nothing is committed, nobody else gets less.
 * @throws {Fault} addon_unavailable, config_invalid, broker_unavailable, topic_missing; the last one by `next` as well
 */
export async function openTopicReader(settings: TopicReaderSettings): Promise<TopicReader> {
  const kafka = kafkaOrFault();
  const options = clientOptions(settings, {
    'group.id': `kor-coin-stream-reader-${crypto.randomUUID()}`,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'fetch.wait.max.ms': POLL_MS / 2,
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
    brokers = await connect(client, settings.timeoutMs);
  } catch (error) {
    throw connectFault(error, settings.bootstrapServers, settings.timeoutMs, lastWarning);
  }
  try {
    client.assign(await startOf(client, settings));
  } catch (error) {
    await disconnect(client);
    throw await silenceFault(error, brokers, settings.bootstrapServers, systemClock);
  }
  client.setDefaultConsumeTimeout(POLL_MS);
  takeWhatIsThere(client);
  return {
    next: async () => (await consume(client)).map(recordOf),
    close: () => disconnect(client),
  };
}

/** A fetch ends with what is ready once it has one record; the client has this switch, its types do not. */
function takeWhatIsThere(client: KafkaConsumer): void {
  const switches = client as unknown as { setDefaultIsTimeoutOnlyForFirstMessage(on: boolean): void };
  switches.setDefaultIsTimeoutOnlyForFirstMessage(true);
}

async function startOf(client: KafkaConsumer, { topics, from, timeoutMs }: TopicReaderSettings) {
  const places = await Promise.all(
    topics.map(async (topic) => {
      const partitions = await partitionsOf(client, topic, timeoutMs);
      return Promise.all(
        partitions.map(async (partition) => {
          const { lowOffset, highOffset } = await watermarks(client, topic, partition, timeoutMs);
          return { topic, partition, offset: from === 'end' ? highOffset : lowOffset };
        }),
      );
    }),
  );
  return places.flat();
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

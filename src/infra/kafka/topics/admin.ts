import type { LibrdKafkaError } from '@confluentinc/kafka-javascript';
import { type Clock, sleep } from '../../../common/clock.ts';
import { Fault } from '../../../common/errors.ts';
import type { Region } from '../../../core/market/market.ts';
import type { Kafka } from '../addon/load.ts';
import type { Producer } from '../client/producer.ts';
import { type TopicSpec, topicsFor } from './topics.ts';

export interface TopicOptions {
  /** `kafka.create_topics`: make what is missing. */
  readonly create: boolean;
  /** Of the data topics. */
  readonly partitions: number;
  /** −1 leaves it to the broker. */
  readonly replication: number;
}

/** What of the topic table the cluster has. */
export interface TopicStatus extends TopicSpec {
  /** Partitions; 0 where the topic is not there, or may not be seen. */
  readonly partitions: number;
}

const METADATA_MS = 5_000;
const CREATE_MS = 5_000;
/** A topic just created is not known to every broker at once. */
const APPEAR_MS = 10_000;
const AGAIN_MS = 100;
const ALREADY_EXISTS = 36;

/** Every topic that collectors of these regions use, and what the cluster has of them. */
export async function topicStatus(producer: Producer, regions: readonly Region[]): Promise<TopicStatus[]> {
  const { topics } = await producer.metadata(METADATA_MS);
  const partitions = new Map(topics.map((topic) => [topic.name, topic.partitions.length]));
  return topicsFor(regions).map((spec) => ({ ...spec, partitions: partitions.get(spec.topic) ?? 0 }));
}

/**
 * Makes sure that every topic is there, creating the missing ones where that is allowed; returns those created. One
 * after the other: each holds one of the client's few threads, and the stop needs some.
 * @param stopped asked between two requests: true ends it
 * @throws {Fault} topic_missing, naming the first and the command that lists how to make them
 * @throws {Error} with the client's words where no broker answers
 */
export async function ensureTopics(
  kafka: Kafka,
  producer: Producer,
  regions: readonly Region[],
  options: TopicOptions,
  clock: Clock,
  stopped: () => boolean = () => false,
): Promise<string[]> {
  const missing = (await topicStatus(producer, regions)).filter((status) => status.partitions === 0);
  const [first] = missing;
  if (!first) return [];
  if (!options.create) throw topicMissing(first.topic, missing.length, 'kafka.create_topics is false');
  const admin = kafka.AdminClient.createFrom(producer.client);
  const created: string[] = [];
  try {
    for (const spec of missing) {
      if (stopped()) return created;
      await createTopic(admin, spec, options, missing.length);
      created.push(spec.topic);
    }
  } finally {
    admin.disconnect();
  }
  await appear(producer, regions, clock, stopped);
  return created;
}

function createTopic(
  admin: ReturnType<Kafka['AdminClient']['createFrom']>,
  spec: TopicSpec,
  options: TopicOptions,
  missing: number,
): Promise<void> {
  const { partitions, retentionMs } = spec.policy;
  const topic = {
    topic: spec.topic,
    num_partitions: partitions === 'setting' ? options.partitions : partitions,
    replication_factor: options.replication,
    config: { 'retention.ms': String(retentionMs), 'cleanup.policy': 'delete' as const },
  };
  return new Promise((resolve, reject) => {
    admin.createTopic(topic, CREATE_MS, (error: LibrdKafkaError | null) => {
      if (!error || error.code === ALREADY_EXISTS) resolve();
      // The client's own: no broker has said anything about the topic.
      else if (error.code < 0)
        reject(new Error(`creating ${spec.topic}: ${error.message}`, { cause: error }));
      else reject(topicMissing(spec.topic, missing, error.message.replace(/\.$/, '')));
    });
  });
}

async function appear(
  producer: Producer,
  regions: readonly Region[],
  clock: Clock,
  stopped: () => boolean,
): Promise<void> {
  const until = clock.now() + APPEAR_MS;
  while (!stopped()) {
    const [absent] = (await topicStatus(producer, regions)).filter((status) => status.partitions === 0);
    if (!absent) return;
    if (clock.now() > until) throw topicMissing(absent.topic, 1, 'it was created but does not appear');
    await sleep(clock, AGAIN_MS);
  }
}

function topicMissing(topic: string, count: number, reason: string): Fault {
  const others = count > 1 ? ` (and ${count - 1} others)` : '';
  return new Fault(
    'topic_missing',
    topic,
    `The topic is not there${others} and cannot be created: ${reason}.`,
    'Run: kor-coin-stream topics, and give its commands to whoever runs the brokers.',
  );
}

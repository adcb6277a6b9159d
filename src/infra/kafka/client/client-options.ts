import { Fault, messageOf } from '../../../common/errors.ts';
import { type Kafka, loadKafka } from '../addon/load.ts';

/** Settings that go to librdkafka as they are, by its own names. */
export type LibrdkafkaOptions = Readonly<Record<string, string | number | boolean>>;

/** How any client of ours reaches the cluster. */
export interface ClusterOptions {
  /** `host:port`, comma-separated. */
  readonly bootstrapServers: string;
  readonly clientId: string;
  /** `kafka.options`: on top of ours, untouched. */
  readonly options: LibrdkafkaOptions;
}

/** Seconds matter when a broker comes back: look every second instead of every ten. */
const RECONNECT = { 'reconnect.backoff.ms': 100, 'reconnect.backoff.max.ms': 1000 } as const;

export function clientOptions(cluster: ClusterOptions, own: LibrdkafkaOptions): LibrdkafkaOptions {
  return {
    'bootstrap.servers': cluster.bootstrapServers,
    'client.id': cluster.clientId,
    ...RECONNECT,
    'socket.keepalive.enable': true,
    ...own,
    ...cluster.options,
  };
}

/**
 * librdkafka's settings for the one producer. The byte budget in front of it is the only bound: a message never
 * times out, and the client's own queue is never full first.
 * @param lingerMs how long the client gathers messages for one request
 */
export function producerOptions(cluster: ClusterOptions, lingerMs: number): LibrdkafkaOptions {
  return clientOptions(cluster, {
    'enable.idempotence': true,
    acks: 'all',
    'compression.codec': 'lz4',
    'linger.ms': lingerMs,
    'message.timeout.ms': 0,
    partitioner: 'murmur2_random',
    'queue.buffering.max.messages': 0,
    'queue.buffering.max.kbytes': 2_147_483_647,
    'socket.timeout.ms': 30_000,
    // Topics are there before the first message, so an unknown one was deleted: say so soon.
    'topic.metadata.propagation.max.ms': 5_000,
    'statistics.interval.ms': 5_000,
  });
}

/** @throws {Fault} addon_unavailable, with what mends it */
export function kafkaOrFault(): Kafka {
  try {
    return loadKafka();
  } catch (error) {
    const remedy = error instanceof Error && 'remedy' in error ? String(error.remedy) : 'Run: bun run setup';
    throw new Fault('addon_unavailable', '@confluentinc/kafka-javascript', messageOf(error), remedy, error);
  }
}

/** Makes a client. @throws {Fault} config_invalid where librdkafka does not know an option or its value */
export function checkedOptions<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Fault(
      'config_invalid',
      'kafka.options',
      messageOf(error),
      'See CONFIGURATION.md of librdkafka for the names and values.',
      error,
    );
  }
}

import type { Region } from '../../../core/market/market.ts';
import type { Messaging } from '../../messaging.ts';
import {
  type MessagingDeps,
  preparedEncodings,
  type RegistrySettings,
} from '../produce/prepared-encodings.ts';
import { ensureTopics, type TopicOptions } from '../topics/admin.ts';
import type { BreakerOptions } from './breaker.ts';
import { BrokerLink } from './broker-link.ts';
import { type ClusterOptions, kafkaOrFault, producerOptions } from './client-options.ts';
import { linkMessaging } from './link-messaging.ts';
import type { Broker, Producer } from './producer.ts';
import { demandReached, silenceFault } from './reach.ts';

export interface KafkaSettings extends ClusterOptions {
  /** How long the client gathers messages for one request, milliseconds. */
  readonly lingerMs: number;
  readonly topics: TopicOptions;
  /** Regions whose topics are used. */
  readonly regions: readonly Region[];
  /** Avro with this registry; null writes JSON. */
  readonly registry: RegistrySettings | null;
  readonly breaker: BreakerOptions;
  /** How long a missing broker or registry is waited for, milliseconds. */
  readonly startupTimeoutMs: number;
  /** Whether each broker has to take connections at the address that the cluster names for it. */
  readonly everyBroker?: boolean;
}

/**
 * Messaging over a Kafka cluster, after the preflight of schemas, broker and topics.
 * @throws {Fault} addon_unavailable, config_invalid; schema_*, registry_unavailable; broker_unavailable; topic_missing
 */
export async function openKafka(settings: KafkaSettings, deps: MessagingDeps): Promise<Messaging> {
  const { clock, log } = deps;
  const kafka = kafkaOrFault();
  const { startupTimeoutMs } = settings;
  const made = await preparedEncodings(settings.registry, startupTimeoutMs, deps);
  const options = producerOptions(settings, settings.lingerMs);
  const repairTopics = async (producer: Producer, stopped?: () => boolean) => {
    const { regions, topics } = settings;
    const created = await ensureTopics(kafka, producer, regions, topics, clock, stopped);
    if (created.length > 0) log.info({ phase: 'preflight', topics: created }, 'topics created');
  };
  const link = new BrokerLink({ kafka, options, ...deps, breaker: settings.breaker, repairTopics });
  const bootstrap = settings.bootstrapServers;
  let brokers: readonly Broker[] = [];
  try {
    brokers = await link.connect(startupTimeoutMs);
    if (settings.everyBroker) await demandReached(brokers, bootstrap, clock);
    await repairTopics(link.producer);
  } catch (error) {
    await link.close();
    throw await silenceFault(error, brokers, bootstrap, clock);
  }
  return linkMessaging({
    kafka,
    driver: 'kafka',
    bootstrap,
    link,
    encodings: made,
    cluster: settings,
    ...deps,
  });
}

import type { Region } from '../../../core/market/market.ts';
import type { Messaging } from '../../messaging.ts';
import {
  type MessagingDeps,
  preparedEncodings,
  type RegistrySettings,
} from '../produce/prepared-encodings.ts';
import { topicsFor } from '../topics/topics.ts';
import { BREAKER_DEFAULTS } from './breaker.ts';
import { BrokerLink } from './broker-link.ts';
import { kafkaOrFault, producerOptions } from './client-options.ts';
import { linkMessaging } from './link-messaging.ts';

export interface EmbeddedSettings {
  readonly clientId: string;
  readonly lingerMs: number;
  /** Regions whose topics are made. */
  readonly regions: readonly Region[];
  /** Avro with this registry; null writes JSON. */
  readonly registry: RegistrySettings | null;
  /** How long a missing registry is waited for, milliseconds. */
  readonly startupTimeoutMs: number;
}

const START_MS = 5_000;

/**
 * Messaging over a broker inside the process: librdkafka's mock cluster on loopback, which speaks Kafka's protocol,
 * so that any Kafka tool can read along at `bootstrap`. For trials: it keeps nothing over a restart, in memory at
 * most 5 MB of each partition, of which a topic has four.
 * @throws {Fault} addon_unavailable; schema_*, registry_unavailable
 */
export async function openEmbedded(settings: EmbeddedSettings, deps: MessagingDeps): Promise<Messaging> {
  const kafka = kafkaOrFault();
  const made = await preparedEncodings(settings.registry, settings.startupTimeoutMs, deps);
  const { 'bootstrap.servers': _, ...options } = producerOptions(
    { bootstrapServers: '', clientId: settings.clientId, options: { 'test.mock.num.brokers': 1 } },
    settings.lingerMs,
  );
  const link = new BrokerLink({ kafka, options, ...deps, breaker: BREAKER_DEFAULTS });
  try {
    const [broker] = await link.connect(START_MS);
    // Asking for a topic makes it.
    for (const { topic } of topicsFor(settings.regions)) await link.producer.metadata(START_MS, topic);
    const bootstrap = broker ? `${broker.host}:${broker.port}` : '';
    return linkMessaging({
      kafka,
      driver: 'embedded',
      bootstrap,
      link,
      encodings: made,
      cluster: { bootstrapServers: bootstrap, clientId: settings.clientId, options: {} },
      ...deps,
    });
  } catch (error) {
    await link.close();
    throw error;
  }
}

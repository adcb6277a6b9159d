import { Fault } from '../common/errors.ts';
import type { Region } from '../core/market/market.ts';
import { openEmbedded } from '../infra/kafka/client/open-embedded.ts';
import { type KafkaSettings, openKafka } from '../infra/kafka/client/open-kafka.ts';
import type { MessagingDeps, RegistrySettings } from '../infra/kafka/produce/prepared-encodings.ts';
import type { Messaging } from '../infra/messaging.ts';
import { openStdout } from '../infra/stdout/open-stdout.ts';
import type { Drivers } from './drivers.ts';
import { readPem } from './pem.ts';
import type { Settings } from './settings.ts';

export interface MessagingParts
  extends Pick<
    MessagingDeps,
    'clock' | 'log' | 'onLoss' | 'onFault' | 'onSchemas' | 'standingOf' | 'outbox'
  > {
  readonly regions: readonly Region[];
  /** Whether each broker has to be reached, which a check wants and a start does not. */
  readonly everyBroker?: boolean;
}

/**
 * Opens the way out that the settings ask for. Where the Kafka addon cannot be loaded and nobody asked for Kafka,
 * rows go to standard output instead, and the log says what would mend it.
 * @throws Fault as the drivers do
 */
export async function openMessaging(
  settings: Settings,
  drivers: Drivers,
  { regions, everyBroker = false, ...deps }: MessagingParts,
): Promise<Messaging> {
  const { clock, log } = deps;
  if (drivers.messaging === 'stdout') return openStdout(clock, log);
  if (drivers.messaging === 'kafka')
    return openKafka({ ...kafkaSettings(settings, drivers, regions), everyBroker }, deps);
  try {
    const { kafka, startup } = settings;
    return await openEmbedded(
      {
        clientId: CLIENT_ID,
        lingerMs: kafka.linger_ms,
        regions,
        registry: registrySettings(settings, drivers),
        startupTimeoutMs: startup.timeout_ms,
      },
      deps,
    );
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'addon_unavailable') throw error;
    log.warn(
      { phase: 'start', remedy: error.remedy },
      `${error.message} Rows go to standard output instead. To mend it: ${error.remedy}`,
    );
    return openStdout(clock, log);
  }
}

export const CLIENT_ID = 'kor-coin-stream';

/** librdkafka's options out of the settings; what stands in kafka.options wins. */
export function librdkafkaOptions({ kafka }: Settings): Settings['kafka']['options'] {
  return { 'compression.codec': kafka.compression, ...kafka.options };
}

/** The schema registry as the messaging layer wants it; null where topics are JSON. */
export function registrySettings(
  { schema_registry }: Settings,
  { useAvro }: Pick<Drivers, 'useAvro'>,
): RegistrySettings | null {
  const { url, username, password, ca_file, register } = schema_registry;
  if (!useAvro || url === null) return null;
  return { url, username, password, ca: readPem('schema_registry.ca_file', ca_file), register };
}

/** Kafka as the messaging layer wants it. @throws Fault config_unreadable */
export function kafkaSettings(
  settings: Settings,
  drivers: Drivers,
  regions: readonly Region[],
): KafkaSettings {
  const { kafka, startup } = settings;
  return {
    bootstrapServers: kafka.bootstrap_servers ?? '',
    clientId: CLIENT_ID,
    options: librdkafkaOptions(settings),
    lingerMs: kafka.linger_ms,
    regions,
    topics: {
      create: kafka.create_topics,
      partitions: kafka.partitions,
      replication: kafka.replication_factor,
    },
    registry: registrySettings(settings, drivers),
    breaker: {
      failureThreshold: kafka.breaker.failure_threshold,
      windowMs: kafka.breaker.window_ms,
      openMs: kafka.breaker.open_ms,
      halfOpenMax: kafka.breaker.half_open_max_calls,
      successThreshold: kafka.breaker.success_threshold,
    },
    startupTimeoutMs: startup.timeout_ms,
  };
}

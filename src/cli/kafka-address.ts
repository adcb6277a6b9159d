import { Fault } from '../common/errors.ts';
import { CLIENT_ID, librdkafkaOptions } from '../config/messaging.ts';
import type { Settings } from '../config/settings.ts';
import type { ClusterOptions } from '../infra/kafka/client/client-options.ts';

/** The cluster of the settings, for a command that talks to it directly. @throws Fault config_invalid */
export function clusterOf(settings: Settings): ClusterOptions {
  const { bootstrap_servers } = settings.kafka;
  if (bootstrap_servers === null) {
    throw new Fault(
      'config_invalid',
      'kafka.bootstrap_servers',
      'No broker is named.',
      'Set KAFKA_BOOTSTRAP_SERVERS; a collector on its embedded broker logs the address.',
    );
  }
  const { 'compression.codec': _, ...options } = librdkafkaOptions(settings);
  return { bootstrapServers: bootstrap_servers, clientId: `${CLIENT_ID}-cli`, options };
}

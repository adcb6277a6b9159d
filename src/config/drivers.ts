import { Fault } from '../common/errors.ts';
import type { Settings } from './settings.ts';

/** What was chosen and why; both are logged at start. */
export interface Drivers {
  readonly messaging: 'kafka' | 'embedded' | 'stdout';
  readonly messagingReason: string;
  readonly state: 'redis' | 'memory';
  readonly stateReason: string;
  readonly useAvro: boolean;
}

/** Unset drivers follow their addresses. @throws Fault config_invalid where the settings contradict themselves */
export function chooseDrivers(settings: Settings): Drivers {
  const { messaging, kafka, schema_registry, redis, state } = settings;
  const servers = kafka.bootstrap_servers !== null;
  const driver = messaging.driver ?? (servers ? 'kafka' : 'embedded');
  const hasRedis = redis.url !== null || redis.host !== null || redis.sentinels.length > 0;
  const stateDriver = state.driver ?? (hasRedis ? 'redis' : 'memory');
  const useAvro = messaging.use_avro ?? schema_registry.url !== null;

  if (settings.env === 'prod' && (driver !== 'kafka' || stateDriver !== 'redis')) {
    throw new Fault(
      'config_invalid',
      driver !== 'kafka' ? 'kafka.bootstrap_servers' : 'redis.url',
      `ENV=prod needs Kafka and Redis, but messaging is ${driver} and state is ${stateDriver}.`,
      'Set KAFKA_BOOTSTRAP_SERVERS, SCHEMA_REGISTRY_URL and REDIS_URL.',
    );
  }
  if (driver === 'kafka' && !servers) {
    throw missing(
      'kafka.bootstrap_servers',
      'messaging.driver is kafka, but no broker is named.',
      'KAFKA_BOOTSTRAP_SERVERS',
    );
  }
  if (driver === 'kafka' && schema_registry.url === null && messaging.use_avro !== false) {
    throw new Fault(
      'config_invalid',
      'schema_registry.url',
      'Kafka is configured, but neither a schema registry nor messaging.use_avro: false.',
      'Set SCHEMA_REGISTRY_URL for Avro, or messaging.use_avro=false for JSON.',
    );
  }
  if (driver !== 'stdout' && useAvro && schema_registry.url === null) {
    throw missing(
      'schema_registry.url',
      'messaging.use_avro is true, but no registry is named.',
      'SCHEMA_REGISTRY_URL',
    );
  }
  if (stateDriver === 'redis' && !hasRedis) {
    throw missing('redis.url', 'state.driver is redis, but no Redis is named.', 'REDIS_URL');
  }
  return {
    messaging: driver,
    messagingReason: messaging.driver
      ? 'messaging.driver'
      : servers
        ? 'kafka.bootstrap_servers is set'
        : 'no broker is set',
    state: stateDriver,
    stateReason: state.driver ? 'state.driver' : hasRedis ? 'an address is set' : 'no Redis is set',
    useAvro,
  };
}

/** One line: where rows go, who knows the schemas, where state is kept, and why so. */
export function whereTo({ kafka, schema_registry, redis }: Settings, drivers: Drivers): string {
  const { messaging, state, useAvro } = drivers;
  const brokers = messaging === 'kafka' ? ` ${kafka.bootstrap_servers}` : '';
  const replicas = kafka.create_topics
    ? `, topics made with ${kafka.replication_factor} ${kafka.replication_factor === 1 ? 'replica' : 'replicas'}`
    : ', topics must be there';
  const schemas = useAvro
    ? `Avro, schemas ${schema_registry.register ? 'registered' : 'looked up'} at ${schema_registry.url}`
    : 'JSON';
  const address =
    redis.url ?? (redis.sentinels.length > 0 ? redis.sentinels.join(',') : `${redis.host}:${redis.port}`);
  return [
    `messaging: ${messaging}${brokers} (${drivers.messagingReason})${messaging === 'stdout' ? '' : replicas}`,
    messaging === 'stdout' ? 'NDJSON' : schemas,
    `state: ${state}${state === 'redis' ? ` ${address}` : ''} (${drivers.stateReason})`,
  ].join('; ');
}

function missing(path: string, what: string, variable: string): Fault {
  return new Fault('config_invalid', path, what, `Set ${variable}.`);
}

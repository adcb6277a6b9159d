import { startKafka } from './kafka.ts';
import { startRedis } from './redis.ts';
import { startRegistry } from './registry.ts';

/**
 * The services that tests share: each is started once per test process, when a test first asks for it, unless the
 * environment names one. A test that breaks its service starts one of its own (`startKafka`, …).
 */
let sharedKafka: Promise<string> | undefined;
let sharedRegistry: Promise<string> | undefined;
let sharedRedis: Promise<string> | undefined;

/** Bootstrap servers of Kafka. */
export function kafka(): Promise<string> {
  sharedKafka ??= named('KAFKA_BOOTSTRAP_SERVERS') ?? startKafka().then((server) => server.bootstrap);
  return sharedKafka;
}

/** Base URL of the schema registry, with its path and without a slash at the end. */
export function registry(): Promise<string> {
  sharedRegistry ??= named('SCHEMA_REGISTRY_URL') ?? startRegistry().then((server) => server.url);
  return sharedRegistry;
}

/** URL of Redis. */
export function redis(): Promise<string> {
  sharedRedis ??= named('REDIS_URL') ?? startRedis().then((server) => server.url);
  return sharedRedis;
}

function named(variable: string): Promise<string> | undefined {
  const value = process.env[variable]?.trim();
  return value ? Promise.resolve(value.replace(/\/+$/, '')) : undefined;
}

import { startKafka } from './kafka.ts';
import { startRedis } from './redis.ts';
import { startRegistry } from './registry.ts';

/**
 * Names the registry that all processes of `run.ts` share: it takes longer to start than most of them to ask it, and what
 * they register is the same. No setting of the program, so that none of them finds it in its environment.
 */
export const REGISTRY_OF_THE_RUN = 'TEST_REGISTRY_URL';

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
  sharedRegistry ??=
    named('SCHEMA_REGISTRY_URL') ??
    named(REGISTRY_OF_THE_RUN) ??
    startRegistry().then((server) => server.url);
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

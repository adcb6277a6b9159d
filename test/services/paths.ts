import { readdirSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Versions of the services that tests run against; a change of one is a new cache folder and a new install. */
export const KAFKA_VERSION = '4.1.0';
export const REGISTRY_VERSION = '2.6.13.Final';
/** What the recipes for readers are run and parsed with. */
export const PYTHON_CLIENT = 'confluent-kafka[avro,schemaregistry]==2.16.1';
export const FLINK_VERSION = '1.20.0';
const RECIPES_VERSION = '1';
const WARM_VERSION = '1';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kor-coin-stream', 'services');

/** Where the installer keeps Apache Kafka: `libs/` with its jars. Present means complete: it appears by one rename. */
export const kafkaHome = join(cache, `kafka-${KAFKA_VERSION}`);

/** Where the installer keeps the schema registry, unpacked. Present means complete. */
export const registryHome = join(cache, `apicurio-${REGISTRY_VERSION}`);
export const registryJar = join(registryHome, `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`);

/** Kafka's class path, in an order that is the same each time: an archive of classes holds for one class path. */
export function kafkaJars(): string {
  const libs = join(kafkaHome, 'libs');
  return readdirSync(libs)
    .sort()
    .map((jar) => join(libs, jar))
    .join(':');
}

/**
 * Where the installer keeps what the servers start from in half of their time (see warm.ts), for the Java that is
 * installed now: another one needs it anew. Present means complete.
 */
export function warmHome(): string {
  const java = Bun.which('java');
  const version = java === null ? 'none' : statSync(realpathSync(java)).mtimeMs;
  return join(
    cache,
    `warm-${WARM_VERSION}-kafka-${KAFKA_VERSION}-apicurio-${REGISTRY_VERSION}-java-${version}`,
  );
}
export const FORMATTED = 'formatted';
export const KAFKA_ARCHIVE = 'kafka.jsa';
export const REGISTRY_ARCHIVE = 'registry.jsa';

/** A data folder of Kafka as its own tool formats it. */
export function formattedKafka(): string {
  return join(warmHome(), FORMATTED);
}

/** What Java needs to take classes from an archive. */
export function archived(name: string): string {
  return `-XX:SharedArchiveFile=${join(warmHome(), name)}`;
}

/** Where the installer keeps what recipes need: `python/` with its packages, `flink/` with Flink's SQL parser. */
export const recipesHome = join(cache, `recipes-${RECIPES_VERSION}`);

import { type AddonError, explain } from './explain.ts';

export type Kafka = typeof import('@confluentinc/kafka-javascript');

/** The oldest glibc that the addon runs on: that of Debian 12, Ubuntu 22.04 and RHEL 9. */
export const LEAST_GLIBC = '2.34';

let kafka: Kafka | undefined;

/**
 * The Kafka client package, with the addon behind it; the first call loads it (about 10 ms).
 * Nothing else may import the package, so that the program runs where the addon cannot be loaded.
 *
 * @throws {AddonError} what is missing, and in `remedy` what mends it
 */
export function loadKafka(): Kafka {
  if (kafka === undefined) {
    try {
      // A literal, or `bun build` would not take the package into the binary.
      kafka = require('@confluentinc/kafka-javascript') as Kafka;
    } catch (error) {
      throw explain(error);
    }
  }
  return kafka;
}

/** The version of librdkafka in the addon, such as "2.15.1". @throws {AddonError} as `loadKafka` */
export function librdkafkaVersion(): string {
  return loadKafka().librdkafkaVersion;
}

export type { AddonError };

import { kafka, redis, registry } from './services.ts';

/**
 * Starts the services for work by hand and prints the variables that point programs and tests to them:
 *
 *   bun test/services/up.ts
 *
 * They and their data are gone when it ends (Ctrl-C).
 */
const [bootstrap, registryUrl, redisUrl] = await Promise.all([kafka(), registry(), redis()]);
console.log(`export KAFKA_BOOTSTRAP_SERVERS=${bootstrap}`);
console.log(`export SCHEMA_REGISTRY_URL=${registryUrl}`);
console.log(`export REDIS_URL=${redisUrl}`);
setInterval(() => {}, 2 ** 31 - 1);

import type { StateStore } from '../application/state-store.ts';
import type { Clock } from '../common/clock.ts';
import { memoryStore } from '../infra/memory/store.ts';
import { redisStore } from '../infra/redis/store.ts';
import type { Drivers } from './drivers.ts';
import { readPem } from './pem.ts';
import type { Settings } from './settings.ts';

/** The state store that the settings ask for, not started yet. @throws Fault config_unreadable */
export function openStore({ redis }: Settings, { state }: Pick<Drivers, 'state'>, clock: Clock): StateStore {
  if (state === 'memory') return memoryStore(clock);
  const { url, host, port, db, username, password, ssl, sentinels, cluster } = redis;
  return redisStore(
    {
      address: {
        url,
        host,
        port,
        db,
        username,
        password,
        ssl,
        ca: readPem('redis.ca_file', redis.ca_file) ?? null,
        sentinels,
        sentinelName: redis.sentinel_name,
        cluster,
        timeoutMs: redis.connection_timeout * 1000,
      },
      prefix: redis.key_prefix,
      actualTtlS: redis.default_ttl,
    },
    clock,
  );
}

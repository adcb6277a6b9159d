import type { RedisAddress } from '../../src/infra/redis/client.ts';

/** A plain Redis on loopback, but for what a test says. */
export function redisAddress(more: Partial<RedisAddress>): RedisAddress {
  return {
    url: null,
    host: '127.0.0.1',
    port: 6379,
    db: 0,
    username: null,
    password: null,
    ssl: false,
    ca: null,
    sentinels: [],
    sentinelName: 'mymaster',
    cluster: false,
    timeoutMs: 2000,
    ...more,
  };
}

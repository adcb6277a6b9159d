import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { StateStore } from '../../src/application/state-store.ts';
import { systemClock } from '../../src/common/clock.ts';
import { Fault } from '../../src/common/errors.ts';
import { emptyStream } from '../../src/core/desired/stream.ts';
import type { RedisAddress } from '../../src/infra/redis/client.ts';
import { redisStore } from '../../src/infra/redis/store.ts';
import { startRedis } from '../services/redis.ts';
import { redis } from '../services/services.ts';
import { storeSuite } from '../unit/store-suite.ts';
import { redisAddress } from './redis-address.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const opened: StateStore[] = [];
let made = 0;

function addressOf(url: string, more: Partial<RedisAddress> = {}): RedisAddress {
  return redisAddress({ url, host: null, ...more });
}

function open(address: RedisAddress, prefix = `{test-${process.pid}-${made++}}:`): StateStore {
  const store = redisStore({ address, prefix, actualTtlS: 60 }, systemClock);
  opened.push(store);
  return store;
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Fault)) throw new Error(`expected a Fault, got ${String(error)}`);
  return error;
}

afterAll(async () => {
  for (const store of opened) await store.stop();
});

storeSuite(
  'state store in Redis',
  async () => {
    const store = open(addressOf(await redis()));
    await store.start(10_000);
    return store;
  },
  (ms) => Bun.sleep(ms),
);

describe('keys in Redis', () => {
  test('are spelled as documented and have their lives', async () => {
    const url = await redis();
    const prefix = `{keys-${process.pid}}:`;
    const store = open(addressOf(url), prefix);
    await store.start(10_000);
    const key = { exchange: 'upbit', request_type: 'ticker' } as const;
    await store.desired.write(0, {
      ...emptyStream(key),
      version: 1,
      codes: ['KRW-BTC'],
      shards: [['KRW-BTC']],
    });
    await store.actual.write({
      target: { ...key, region: 'korea' },
      status: 'connecting',
      connectionId: crypto.randomUUID(),
      createdAt: 1_790_000_000_000_000,
      lastActive: 1_790_000_001_500_000,
      symbols: ['KRW-BTC', 'KRW-ETH'],
    });
    const [taken] = await store.leases.acquire([{ ...key, shard: 3 }], 'me', 60_000, []);
    if (!taken || taken === 'outdated') throw new Error('a lease that is free was refused');
    await store.leases.renew([{ lease: taken.lease, covered: [{ until: 1, symbols: ['A'] }] }], 60_000);
    await store.collectors.announce('me', { exchanges: [], stopping: false, process: null }, 60_000);
    await store.breakers.report(
      'api.upbit.com',
      false,
      { failureThreshold: 5, windowMs: 1, openMs: 1, halfOpenMaxCalls: 1, successThreshold: 1 },
      1,
    );
    const client = new Bun.RedisClient(url);
    const keys = ((await client.send('KEYS', [`${prefix.replaceAll('{', '\\{')}*`])) as string[]).sort();
    expect(keys.map((name) => name.slice(prefix.length))).toEqual([
      'breaker:api.upbit.com',
      'collector:me',
      'collectors',
      'covered:upbit|ticker',
      'desired:upbit|ticker',
      'epoch',
      'fence',
      'lease:upbit|ticker|3',
      'versions',
      'ws:connection:upbit:korea:ticker',
      'ws:connection:upbit:korea:ticker:symbols',
    ]);
    const hash = `${prefix}ws:connection:upbit:korea:ticker`;
    const fields = (await client.send('HMGET', [
      hash,
      'status',
      'created_at',
      'last_active',
      'region',
    ])) as string[];
    expect(fields).toEqual(['connecting', '1790000000', '1790000001', 'korea']);
    for (const name of [hash, `${hash}:symbols`]) {
      const ttl = Number(await client.send('TTL', [name]));
      expect(ttl).toBeGreaterThan(50);
      expect(ttl).toBeLessThanOrEqual(60);
    }
    expect(String(await client.send('GET', [`${prefix}lease:upbit|ticker|3`]))).toBe(
      `me|${taken.lease.fence}`,
    );
    await client.send('DEL', keys);
    client.close();
  });
});

describe('Redis that goes and comes', () => {
  const key = { exchange: 'upbit', request_type: 'trade' } as const;

  test('not there at start: one Fault after the time, with the address and without the password', async () => {
    const store = open(addressOf('redis://user:geheim@127.0.0.1:1/0'));
    const fault = await faultOf(store.start(300));
    expect(fault.code).toBe('redis_unavailable');
    expect(fault.subject).toBe('127.0.0.1:1');
    expect(`${fault.message}${fault.remedy}`).not.toContain('geheim');
    expect(store.available).toBe(false);
  });

  test('killed and back: calls fail at once, then work again, and nothing is lost', async () => {
    const server = await startRedis();
    try {
      const store = open(addressOf(server.url));
      await store.start(10_000);
      const changes: boolean[] = [];
      store.onAvailability((available) => changes.push(available));
      await store.desired.write(0, { ...emptyStream(key), version: 1 });
      await server.kill9();
      await Bun.sleep(200);
      expect(store.available).toBe(false);
      const began = performance.now();
      expect((await faultOf(store.desired.read(key))).code).toBe('redis_unavailable');
      expect(performance.now() - began).toBeLessThan(100);
      await server.restart();
      await store.whenAvailable();
      expect((await store.desired.read(key))?.version).toBe(1);
      expect(changes).toEqual([false, true]);
    } finally {
      await server.stop();
    }
  }, 60_000);

  test('silent but connected: a call ends at its timeout, and the store comes back by itself', async () => {
    const server = await startRedis();
    try {
      const store = open(addressOf(server.url, { timeoutMs: 300 }));
      await store.start(10_000);
      const { pid } = server;
      if (pid === undefined) throw new Error('Redis does not run');
      process.kill(pid, 'SIGSTOP');
      expect((await faultOf(store.desired.read(key))).code).toBe('redis_unavailable');
      process.kill(pid, 'SIGCONT');
      await store.whenAvailable();
      expect(await store.desired.read(key)).toBeNull();
    } finally {
      await server.stop();
    }
  }, 60_000);

  test('frozen under many calls: all of them end in time, and nothing of them stays behind', async () => {
    const warnings: string[] = [];
    const warned = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', warned);
    const server = await startRedis();
    try {
      const store = open(addressOf(server.url, { timeoutMs: 500 }));
      await store.start(10_000);
      server.pause();
      // More at once than an emitter takes listeners without a word.
      const calls = Array.from({ length: 40 }, () => faultOf(store.desired.read(key)));
      for (const { code } of await Promise.all(calls)) expect(code).toBe('redis_unavailable');
      await Bun.sleep(1_000);
      server.resume();
      await store.whenAvailable();
      expect(await store.desired.read(key)).toBeNull();
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', warned);
      await server.stop();
    }
  }, 60_000);

  test('password and ACL user; a wrong password is a Fault that says so', async () => {
    const server = await startRedis({
      password: 'pass word',
      args: ['--user', 'kcs', 'on', '>x1', '~*', '&*', '+@all'],
    });
    const at = `127.0.0.1:${server.port}`;
    try {
      await open(addressOf(server.url)).start(10_000);
      await open(addressOf(`redis://kcs:x1@${at}/0`)).start(10_000);
      const apart = addressOf('', {
        url: null,
        host: '127.0.0.1',
        port: server.port,
        username: 'kcs',
        password: 'x1',
      });
      await open(apart).start(10_000);
      const fault = await faultOf(open(addressOf(`redis://kcs:wrong@${at}`)).start(1000));
      expect(fault.message).toContain('WRONGPASS');
    } finally {
      await server.stop();
    }
  }, 60_000);
});

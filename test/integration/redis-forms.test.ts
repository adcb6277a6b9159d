import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StateStore } from '../../src/application/state-store.ts';
import { systemClock } from '../../src/common/clock.ts';
import { emptyStream } from '../../src/core/desired/stream.ts';
import type { RedisAddress } from '../../src/infra/redis/client.ts';
import { redisStore } from '../../src/infra/redis/store.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { scratchDir } from '../services/scratch.ts';
import { Server, startOnPort } from '../services/server.ts';
import { exchange } from '../services/tcp.ts';
import { storeSuite } from '../unit/store-suite.ts';
import { eventually } from './control-rig.ts';
import { redisAddress } from './redis-address.ts';
import { TLS_CERT, TLS_KEY } from './websocket-tls.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** The state store on every form of Redis that the settings can name: TLS with an ACL user, a cluster, sentinels. */

const KEY = { exchange: 'upbit', request_type: 'ticker' } as const;
const opened: StateStore[] = [];
const servers: Server[] = [];
let made = 0;

afterAll(async () => {
  for (const store of opened) await store.stop();
  await Promise.all(servers.map((server) => server.discard()));
});

async function open(address: Partial<RedisAddress>): Promise<StateStore> {
  const prefix = `{forms-${process.pid}-${made++}}:`;
  const store = redisStore({ address: redisAddress(address), prefix, actualTtlS: 60 }, systemClock);
  opened.push(store);
  await store.start(15_000);
  return store;
}

async function server(...args: string[]): Promise<RedisServer> {
  const started = await startRedis({ args });
  servers.push(started);
  return started;
}

function wait(ms: number): Promise<void> {
  return Bun.sleep(ms);
}

describe('TLS, as an ACL user who may do what the collector does and no more', () => {
  const files = scratchDir('redis-tls');
  let tls: Partial<RedisAddress>;

  beforeAll(async () => {
    mkdirSync(files, { recursive: true });
    const [cert, key] = [join(files, 'cert.pem'), join(files, 'key.pem')];
    writeFileSync(cert, TLS_CERT);
    writeFileSync(key, TLS_KEY);
    const port = await freePort();
    const secure = ['--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key];
    const may = ['+@read', '+@write', '+@scripting', '+@pubsub', '+@connection', '+info', '+time'];
    const user = ['--user', 'kcs', 'on', '>pass word', '~{forms-*', '&{forms-*', '-@all', ...may];
    await server(...secure, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no', ...user);
    tls = { port, ssl: true, ca: TLS_CERT, username: 'kcs', password: 'pass word' };
  });

  storeSuite('state store over TLS', () => open(tls), wait);

  test('by a rediss address', async () => {
    const url = `rediss://kcs:pass%20word@127.0.0.1:${tls.port}/0`;
    const store = await open({ ...tls, url, host: null, ssl: false, username: null, password: null });
    expect(await store.desired.write(0, { ...emptyStream(KEY), version: 1 })).toBe('written');
  });

  test('a certificate of an unknown authority, and a plain connection, get nowhere', async () => {
    for (const wrong of [
      { ...tls, ca: null },
      { ...tls, ssl: false },
    ]) {
      const store = redisStore({ address: redisAddress(wrong), prefix: '{x}:', actualTtlS: 60 }, systemClock);
      opened.push(store);
      await expect(store.start(1000)).rejects.toMatchObject({ code: 'redis_unavailable' });
    }
  });
});

describe('a cluster', () => {
  let nodes: RedisServer[];
  let address: Partial<RedisAddress>;

  beforeAll(async () => {
    const node = async () =>
      server(
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        '2000',
        '--cluster-port',
        String(await freePort()),
      );
    nodes = await Promise.all([node(), node(), node()]);
    const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
    const create = Bun.spawnSync(['redis-cli', '--cluster', 'create', ...hosts, '--cluster-yes']);
    if (!create.success) throw new Error(create.stdout.toString() + create.stderr.toString());
    for (const { port } of nodes) {
      await eventually(
        async () => Bun.spawnSync(['redis-cli', '-p', String(port), 'cluster', 'info']).stdout.toString(),
        (info) => info.includes('cluster_state:ok'),
      );
    }
    address = { url: hosts.map((host) => `redis://${host}`).join(','), cluster: true };
  });

  storeSuite('state store in a cluster', () => open(address), wait);

  test('whose nodes all go and come: calls fail meanwhile, then work again', async () => {
    const store = await open(address);
    await store.desired.write(0, { ...emptyStream(KEY), version: 1 });
    await Promise.all(nodes.map((node) => node.kill9()));
    await expect(store.desired.read(KEY)).rejects.toMatchObject({ code: 'redis_unavailable' });
    await Promise.all(nodes.map((node) => node.start()));
    const read = () => store.desired.read(KEY).catch(() => null);
    expect((await eventually(read, (stream) => stream !== null))?.version).toBe(1);
    expect(store.available).toBe(true);
  });
});

describe('sentinels', () => {
  let master: RedisServer;
  let address: Partial<RedisAddress>;

  beforeAll(async () => {
    master = await server();
    await server('--replicaof', '127.0.0.1', String(master.port));
    const sentinel = await startOnPort(undefined, (port) => sentinelOn(port, master.port));
    servers.push(sentinel);
    address = { host: null, sentinels: [`127.0.0.1:${sentinel.port}`], sentinelName: 'kcs' };
    const replicas = () =>
      Bun.spawnSync([
        'redis-cli',
        '-p',
        String(sentinel.port),
        'sentinel',
        'master',
        'kcs',
      ]).stdout.toString();
    await eventually(
      async () => replicas(),
      (said) => /num-slaves\n1\n/.test(said),
    );
  });

  storeSuite('state store behind a sentinel', () => open(address), wait);

  test('the master dies: its replica is found, and has what was written', async () => {
    const store = await open(address);
    await store.desired.write(0, { ...emptyStream(KEY), version: 1, codes: ['KRW-BTC'] });
    const client = new Bun.RedisClient(master.url);
    await client.send('WAIT', ['1', '5000']);
    client.close();
    await master.kill9();
    const read = () => store.desired.read(KEY).catch(() => null);
    const found = await eventually(read, (stream) => stream !== null, 40_000);
    expect(found?.codes).toEqual(['KRW-BTC']);
    expect(await store.desired.write(1, { ...emptyStream(KEY), version: 2 })).toBe('written');
  });
});

function sentinelOn(port: number, masterPort: number): Server & { port: number } {
  const dir = scratchDir('sentinel');
  const file = join(dir, 'sentinel.conf');
  mkdirSync(dir, { recursive: true });
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor kcs 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds kcs 1000',
    'sentinel failover-timeout kcs 5000',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const sentinel = new Server({
    name: 'sentinel',
    port,
    argv: ['redis-server', file, '--sentinel'],
    dir,
    ready: async () => {
      const answer = await exchange(port, Buffer.from('PING\r\n'), (got) => got.includes('\r\n'));
      return answer?.toString().startsWith('+PONG') ?? false;
    },
  });
  return Object.assign(sentinel, { port });
}

import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { DesiredMemory } from '../../src/application/commands/desired-memory.ts';
import type { StateStore } from '../../src/application/state-store.ts';
import { systemClock } from '../../src/common/clock.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { redisStore } from '../../src/infra/redis/store.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { eventually } from './control-rig.ts';
import { redisAddress } from './redis-address.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const KEY = { exchange: 'upbit', request_type: 'trade' } as const;
/** A fault, and its end, are noticed within so long. */
const NOTICED_MS = 12_000;

const opened: StateStore[] = [];
let server: RedisServer;
let admin: Bun.RedisClient;

beforeEach(async () => {
  server = await startRedis();
  admin = new Bun.RedisClient(server.url);
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.stop();
  admin.close();
  await server.discard();
});

afterAll(async () => {
  for (const store of opened) await store.stop();
});

function open(url = server.url): StateStore {
  const address = redisAddress({ url, host: null, timeoutMs: 3000 });
  const store = redisStore({ address, prefix: '{t}:', actualTtlS: 60 }, systemClock);
  opened.push(store);
  return store;
}

/** What the store says of itself, whenever that changes. */
function watched(store: StateStore): (string | null)[] {
  const said: (string | null)[] = [];
  store.onAvailability(() => said.push(store.reason));
  return said;
}

function running(version: number, codes: string[]): DesiredStream {
  return { ...emptyStream(KEY), version, codes, shards: [codes] };
}

async function available(store: StateStore, yes: boolean): Promise<void> {
  await eventually(
    async () => store.available,
    (is) => is === yes,
    NOTICED_MS,
  );
}

/** Ways in which a Redis that is connected cannot be used, each with its end. */
const REFUSALS: [string, string, () => Promise<unknown>, () => Promise<unknown>][] = [
  [
    'full',
    'OOM',
    () => admin.send('CONFIG', ['SET', 'maxmemory', '1']),
    () => admin.send('CONFIG', ['SET', 'maxmemory', '0']),
  ],
  [
    'read-only',
    'READONLY',
    () => admin.send('REPLICAOF', ['127.0.0.1', '1']),
    () => admin.send('REPLICAOF', ['NO', 'ONE']),
  ],
  [
    'without a permission that scripts need',
    "can't run this command",
    () => admin.send('ACL', ['SETUSER', 'default', '-hset']),
    () => admin.send('ACL', ['SETUSER', 'default', '+hset']),
  ],
  [
    'without permission',
    'NOPERM',
    () => admin.send('ACL', ['SETUSER', 'default', '-eval']),
    () => admin.send('ACL', ['SETUSER', 'default', '+eval']),
  ],
  [
    'without enough replicas',
    'NOREPLICAS',
    () => admin.send('CONFIG', ['SET', 'min-replicas-to-write', '1']),
    () => admin.send('CONFIG', ['SET', 'min-replicas-to-write', '0']),
  ],
];

describe('Redis that answers and cannot be used', () => {
  test.each(REFUSALS)(
    '%s: said once in its words, reads go on, and it is over when it is over',
    async (_name, word, begin, end) => {
      const store = open();
      await store.start(10_000);
      await store.desired.write(0, running(1, ['KRW-BTC']));
      const said = watched(store);
      await begin();
      await available(store, false);
      expect(store.reason).toContain(word);
      // Others use the store all the while; it does not come and go with them.
      for (let turn = 0; turn < 15; turn++) {
        await Promise.allSettled([store.desired.read(KEY), store.desired.write(1, running(2, ['KRW-BTC']))]);
        await Bun.sleep(200);
      }
      expect(said.filter((reason) => reason === null)).toEqual([]);
      expect(said).toHaveLength(1);
      await eventually(
        () => store.desired.read(KEY).catch(() => null),
        (read) => read?.version === 1,
        NOTICED_MS,
      );
      await end();
      await available(store, true);
      expect(store.reason).toBeNull();
      expect(await store.desired.write(1, running(2, ['KRW-ETH']))).toBe('written');
      expect(said).toHaveLength(2);
    },
  );

  test('busy with a script: BUSY, until somebody ends the script', async () => {
    const store = open();
    await store.start(10_000);
    const said = watched(store);
    await admin.send('CONFIG', ['SET', 'busy-reply-threshold', '50']);
    const script = new Bun.RedisClient(server.url);
    const endless = script.send('EVAL', ['while true do end', '0']).catch(() => {});
    await eventually(
      async () => store.reason,
      (reason) => reason?.includes('BUSY') ?? false,
      NOTICED_MS,
    );
    await Bun.sleep(3000);
    expect(said).not.toContain(null);
    await admin.send('SCRIPT', ['KILL']);
    await endless;
    await available(store, true);
    script.close();
  });

  test('frozen: away within seconds although it is connected, and back', async () => {
    const store = open();
    await store.start(10_000);
    server.pause();
    const begun = Date.now();
    await available(store, false);
    expect(Date.now() - begun).toBeLessThan(NOTICED_MS);
    expect(store.reason).toBeTruthy();
    server.resume();
    await available(store, true);
  });

  test('at the start: it is reached, says why it cannot be used, and can be read', async () => {
    const before = open();
    await before.start(10_000);
    await before.desired.write(0, running(1, ['KRW-BTC']));
    await admin.send('CONFIG', ['SET', 'maxmemory', '1']);
    const store = open();
    await store.start(5000);
    expect(store.available).toBe(false);
    expect(store.reason).toContain('OOM');
    expect(await store.desired.read(KEY)).toMatchObject({ codes: ['KRW-BTC'] });
  });
});

describe('Redis that comes back empty', () => {
  test('FLUSHALL: another epoch, told at once; what is known is written back by whoever knows it', async () => {
    const [one, two] = [open(), open()];
    await Promise.all([one.start(10_000), two.start(10_000)]);
    await one.desired.write(0, running(1, ['A', 'B', 'C', 'D']));
    const memories = [one, two].map((store) => new DesiredMemory(store.desired, systemClock));
    for (const memory of memories) await memory.readAll([KEY]);
    const epoch = (await one.desired.epoch()).id;
    const told = Promise.all(
      [one, two].map((store) => new Promise<void>((done) => store.desired.onLoss(done))),
    );
    await admin.send('FLUSHALL', []);
    await told;
    expect((await one.desired.epoch()).id).not.toBe(epoch);
    expect(await one.desired.write(0, running(1, ['A']), undefined, { epoch })).toBe('outdated');
    const streams = await Promise.all(memories.map((memory) => memory.read(KEY)));
    for (const stream of streams) expect(stream).toEqual(running(1, ['A', 'B', 'C', 'D']));
    const { desired, expected } = await (memories[1] as DesiredMemory).current(KEY);
    expect({ desired, expected }).toEqual({ desired: running(1, ['A', 'B', 'C', 'D']), expected: 1 });
  });

  test('a record that was written over is lost, and comes back', async () => {
    const store = open();
    await store.start(10_000);
    await store.desired.write(0, running(4, ['A']));
    const memory = new DesiredMemory(store.desired, systemClock);
    await memory.readAll([KEY]);
    for (const [field, value] of [
      ['codes', 'not json'],
      ['codes', '[1,2]'],
      ['shards', '["A"]'],
      ['version', 'seven'],
    ] as const) {
      await admin.send('HSET', ['{t}:desired:upbit|trade', field, value]);
      expect(await store.desired.read(KEY)).toBeNull();
      await admin.send('DEL', ['{t}:desired:upbit|trade']);
      expect(await memory.read(KEY)).toEqual(running(4, ['A']));
      expect(await store.desired.read(KEY)).toEqual(running(4, ['A']));
    }
  });
});

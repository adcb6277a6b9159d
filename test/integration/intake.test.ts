import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { malformedRecord } from '../unit/malformed-commands.ts';
import { randomOf } from '../unit/random.ts';
import {
  CollectorProcess,
  Commander,
  type Event,
  eventsOf,
  eventsSoFar,
  repliesOf,
} from './control-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** The collector as a program of its own, steered through real Kafka, remembering in real Redis. */

const UPBIT = { exchange: 'upbit', region: 'korea', request_type: 'ticker' };
const UPBIT_TRADE = { ...UPBIT, request_type: 'trade' };
const BINANCE = { exchange: 'binance', region: 'asia', request_type: 'trade' };

let kafka: KafkaServer;
let redis: RedisServer;
let simulator: SimulatorProcess;
let collector: CollectorProcess;
let commander: Commander;
let upbit: readonly string[];
let binance: readonly string[];
let ids = 0;

/** Sends a command. @returns its correlation id */
async function send(
  action: string,
  target: object,
  symbols?: readonly string[],
  more: object = {},
): Promise<string> {
  const correlation_id = `test-${process.pid}-${++ids}`;
  await commander.send({ type: 'command', action, target, symbols, correlation_id, ...more });
  return correlation_id;
}

/** The one reply to a command. */
async function reply(correlationId: string, timeoutMs = 30_000): Promise<Event> {
  const events = await eventsOf(
    kafka.bootstrap,
    (all) => repliesOf(all, correlationId).length > 0,
    timeoutMs,
  );
  const found = repliesOf(events, correlationId);
  expect(found).toHaveLength(1);
  return found[0] as Event;
}

function connectSuccess(region: string, until: (symbols: string[]) => boolean) {
  return readTopic<{ symbol: string; target: { request_type: string }; meta: { correlation_id: string } }>({
    bootstrap: kafka.bootstrap,
    topic: `ws.connect_success.${region}`,
    until: (messages) => until(messages.map(({ value }) => String(value?.symbol))),
  });
}

async function redisCommand(command: string, ...args: string[]): Promise<unknown> {
  const client = new Bun.RedisClient(redis.url);
  try {
    return await client.send(command, args);
  } finally {
    client.close();
  }
}

beforeAll(async () => {
  [kafka, redis, simulator] = await Promise.all([
    startKafka(),
    startRedis(),
    spawnSimulator(['--exchanges', 'upbit,binance', '--symbols', '40', '--rate', '200']),
  ]);
  upbit = simulator.exchanges.upbit?.symbols ?? [];
  binance = simulator.exchanges.binance?.symbols ?? [];
  collector = new CollectorProcess(
    {
      ...simulator.env,
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      REDIS_URL: redis.url,
      MESSAGING_USE_AVRO: 'false',
      HTTP_PORT: '0',
      COLLECTOR_ID: 'under-test',
    },
    '--set',
    'breaker.failure_threshold=3',
  );
  collector.start();
  commander = await new Commander(kafka.bootstrap).connect();
}, 120_000);

afterAll(async () => {
  await commander?.close();
  await collector?.kill9();
  await simulator?.stop();
  await Promise.all([kafka?.stop(), redis?.stop()]);
});

describe('steered from afar', () => {
  test('three streams start, grow, shrink, tell their state and stop; each command has one reply', async () => {
    const [a = '', b = '', c = ''] = upbit;
    const first = await Promise.all([
      send('connect_and_subscribe', UPBIT, [a, b]),
      send('connect_and_subscribe', UPBIT_TRADE, [a]),
      send('connect_and_subscribe', BINANCE, binance.slice(0, 3)),
    ]);
    for (const id of first)
      expect(await reply(id, 60_000)).toMatchObject({ outcome: 'accepted', reason: null });

    expect(await reply(await send('connect_and_subscribe', UPBIT, [a, b]))).toMatchObject({
      outcome: 'noop',
      reason: 'already_subscribed',
      resolved: [{ symbol: a }, { symbol: b }],
    });
    expect((await reply(await send('connect_and_subscribe', UPBIT, [c]))).outcome).toBe('accepted');
    await connectSuccess('korea', (symbols) => symbols.includes(c));
    expect((await reply(await send('unsubscribe', UPBIT, [a]))).outcome).toBe('accepted');
    const status = await reply(await send('status', UPBIT));
    expect(status).toMatchObject({ outcome: 'accepted', detail: { desired: { symbols: [b, c] } } });
    expect(status.detail?.actual).toMatchObject({ sockets: [{ shard: 0 }] });
    expect((await reply(await send('disconnect', UPBIT_TRADE))).outcome).toBe('accepted');
    expect(await reply(await send('disconnect', UPBIT_TRADE))).toMatchObject({
      outcome: 'noop',
      reason: 'not_running',
    });
    expect(await reply(await send('disconnect', { ...UPBIT, region: 'asia' }))).toMatchObject({
      outcome: 'refused',
      reason: 'region_mismatch',
    });
  }, 120_000);

  test('connect_success: once for each code and socket', async () => {
    const messages = await connectSuccess('korea', (symbols) => symbols.length >= 4);
    const seen = messages.map(({ value }) => `${value?.target.request_type} ${value?.symbol}`);
    expect(new Set(seen).size).toBe(seen.length);
    expect(messages[0]?.value?.meta.correlation_id).toStartWith('test-');
  });

  test('actual state stands in Redis', async () => {
    const key = '{kcs}:ws:connection:upbit:korea:ticker';
    const expected = upbit.slice(1, 3).toSorted();
    let members: string[] = [];
    for (let tries = 0; tries < 100 && members.join() !== expected.join(); tries++) {
      await Bun.sleep(100);
      members = ((await redisCommand('SMEMBERS', `${key}:symbols`)) as string[]).sort();
    }
    expect(members).toEqual(expected);
    expect(await redisCommand('HMGET', key, 'status', 'request_type')).toEqual(['connected', 'ticker']);
    // The stopped stream leaves as soon as its sockets are closed.
    const stopped = () => redisCommand('EXISTS', '{kcs}:ws:connection:upbit:korea:trade').then(Number);
    for (let tries = 0; tries < 100 && (await stopped()) !== 0; tries++) await Bun.sleep(100);
    expect(await stopped()).toBe(0);
  });

  const seed = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
  test(`500 malformed records and a valid one: 501 replies, 500 dead letters (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const before = repliesOf(await eventsSoFar(kafka.bootstrap)).length;
    const lettersBefore = (await readTopic({ bootstrap: kafka.bootstrap, topic: 'ws.dlq' })).length;
    const records = Array.from({ length: 500 }, () => malformedRecord(random).value ?? new Uint8Array());
    await Promise.all(records.map((value) => commander.send(Buffer.from(value))));
    const began = Date.now();
    const valid = await send('connect_and_subscribe', UPBIT_TRADE, upbit.slice(0, 2));
    expect((await reply(valid)).outcome).toBe('accepted');
    console.log(`the valid command after 500 malformed ones was answered after ${Date.now() - began} ms`);
    const replies = repliesOf(
      await eventsOf(kafka.bootstrap, (all) => repliesOf(all).length >= before + 501),
    );
    expect(replies).toHaveLength(before + 501);
    expect(
      replies.slice(before, -1).every(({ target, outcome }) => target === null && outcome === 'refused'),
    ).toBe(true);
    const letters = await readTopic({
      bootstrap: kafka.bootstrap,
      topic: 'ws.dlq',
      until: (all) => all.length >= lettersBefore + 500,
    });
    expect(letters).toHaveLength(lettersBefore + 500);
  }, 120_000);

  test('a foreign host is refused, and nobody comes there', async () => {
    let visits = 0;
    const trap = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: { open: () => void visits++, data() {} },
    });
    const url = `ws://127.0.0.1:${trap.port}/websocket/v1`;
    const refused = await reply(
      await send('connect_and_subscribe', UPBIT, [upbit[5] ?? ''], { connection: { url } }),
    );
    expect(refused).toMatchObject({ outcome: 'refused', reason: 'url_not_allowed' });
    await Bun.sleep(500);
    expect(visits).toBe(0);
    trap.stop(true);
  });
});

describe('what it remembers', () => {
  test('killed while commands arrive: after the restarts one reply id for each, and the state they mean', async () => {
    const symbols = upbit.slice(10, 30);
    const sent: string[] = [];
    for (let round = 0; round < 4; round++) {
      for (const symbol of symbols.slice(round * 5, round * 5 + 5)) {
        sent.push(await send('connect_and_subscribe', UPBIT, [symbol]));
      }
      await Bun.sleep(round * 40);
      await collector.kill9();
      collector.start();
    }
    const done = (all: Event[]) => sent.every((id) => repliesOf(all, id).length > 0);
    const events = await eventsOf(kafka.bootstrap, done, 90_000);
    for (const id of sent) {
      const replies = repliesOf(events, id);
      expect(new Set(replies.map(({ reply_id }) => reply_id)).size).toBe(1);
      expect(new Set(replies.map(({ outcome }) => outcome))).toEqual(new Set(['accepted']));
    }
    const status = await reply(await send('status', UPBIT));
    const desired = status.detail?.desired as { symbols: string[] };
    expect(desired.symbols.toSorted()).toEqual([...upbit.slice(1, 3), ...symbols].toSorted());
  }, 180_000);

  test('Redis away: streams go on, commands wait, and are answered when it is back', async () => {
    await redis.kill9();
    const asked = await send('connect_and_subscribe', UPBIT, [upbit[35] ?? '']);
    await Bun.sleep(3000);
    expect(repliesOf(await eventsSoFar(kafka.bootstrap), asked)).toHaveLength(0);
    const rows = (await readTopic({ bootstrap: kafka.bootstrap, topic: 'ticker-data.korea' })).length;
    await Bun.sleep(1500);
    expect(
      (await readTopic({ bootstrap: kafka.bootstrap, topic: 'ticker-data.korea' })).length,
    ).toBeGreaterThan(rows);
    await redis.restart();
    expect((await reply(asked)).outcome).toBe('accepted');
  }, 120_000);

  test('Kafka away: commands sent just before and after are answered once, and the streams go on', async () => {
    const before = await send('connect_and_subscribe', UPBIT, [upbit[36] ?? '']);
    await kafka.kill9();
    await Bun.sleep(5000);
    await kafka.restart();
    const after = await send('connect_and_subscribe', UPBIT, [upbit[37] ?? '']);
    for (const id of [before, after]) expect((await reply(id, 60_000)).outcome).toBe('accepted');
    const status = await reply(await send('status', UPBIT));
    expect((status.detail?.desired as { symbols: string[] } | undefined)?.symbols).toContain(upbit[36] ?? '');
    expect(status.detail?.actual).toMatchObject({ state: 'live' });
  }, 120_000);

  test('an exchange that accepts and closes at once: its breaker opens, is seen in Redis and ws.event, and limits the attempts', async () => {
    await simulator.do({ do: 'drop-open', exchange: 'binance' });
    await simulator.do({ do: 'cut', exchange: 'binance' });
    const opened = (all: Event[]) =>
      all.some(({ detail }) => (detail?.breaker as { state?: string } | undefined)?.state === 'open');
    await eventsOf(kafka.bootstrap, opened, 60_000);
    const { host, pathname } = new URL(simulator.exchanges.binance?.url ?? '');
    expect(JSON.parse(String(await redisCommand('GET', `{kcs}:breaker:${host}${pathname}`)))).toMatchObject({
      state: 'open',
    });
    const opens = async () => {
      const ledger = await (await fetch(`${simulator.control}/control/ledger`)).text();
      return ledger.split('\n').filter((line) => line.includes('"binance"') && line.includes('"open"'))
        .length;
    };
    const count = await opens();
    await Bun.sleep(5000);
    expect(await opens()).toBe(count);
    let why = '';
    for (let tries = 0; tries < 40 && !why.includes('circuit breaker'); tries++) {
      await Bun.sleep(1000);
      why = JSON.stringify((await reply(await send('status', BINANCE))).detail?.actual);
    }
    expect(why).toContain('circuit breaker');
    await simulator.do({ do: 'allow-open', exchange: 'binance' });
    expect((await reply(await send('breaker_close', BINANCE))).outcome).toBe('accepted');
  }, 120_000);

  test('a stop in order ends with 0 and leaves nothing uncommitted; a new start needs no command', async () => {
    expect(await collector.stop()).toBe(0);
    const before = repliesOf(await eventsSoFar(kafka.bootstrap)).length;
    expect(await redisCommand('HGET', '{kcs}:ws:connection:upbit:korea:ticker', 'status')).toBe(
      'disconnected',
    );
    collector.start();
    const status = await reply(await send('status', BINANCE));
    expect(status.detail?.desired).toMatchObject({ symbols: binance.slice(0, 3) });
    expect(repliesOf(await eventsSoFar(kafka.bootstrap))).toHaveLength(before + 1);
  }, 120_000);

  test('no limit of an exchange was violated in all this', async () => {
    const response = await fetch(`${simulator.control}/control/violations`);
    expect(await response.text()).toBe('[]');
  });
});

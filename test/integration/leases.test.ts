import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type Message, readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { compareTrades } from '../simulator/compare.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { Commander, type Event, repliesOf } from './control-parts.ts';
import {
  byFence,
  doubled,
  inAnyGap,
  type Running,
  readTrades,
  shared,
  statusOf,
  trades,
} from './leases-parts.ts';
import { start } from './program.ts';
import { tradeGaps } from './spine-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(120_000);

const LEASE_MS = 3000;
const POLL_MS = LEASE_MS / 3;
/** Beside the times that leases take: connecting, and a busy machine. */
const SLACK_MS = 4000;
const CODES = 12;
const PER_SOCKET = 2;
const SHARDS = (2 * CODES) / PER_SOCKET;
const REGIONS = { upbit: 'korea', binance: 'asia' } as const;

let kafka: KafkaServer;
let redis: RedisServer;
let simulator: Simulator;
const running = new Map<string, Running>();

beforeAll(async () => {
  [kafka, redis, simulator] = await Promise.all([
    startKafka(),
    startRedis(),
    startSimulator({ exchanges: ['upbit', 'binance'], symbols: CODES, rowsPerS: 240, zipf: 0.3 }),
  ]);
}, 120_000);

afterAll(async () => {
  for (const { program } of running.values()) program.kill('SIGKILL');
  await Promise.all([kafka?.discard(), redis?.discard(), simulator?.stop()]);
});

/** The same streams from every machine: they are one desired state. */
async function collector(id: string): Promise<Running> {
  const port = await freePort();
  const streams = (['upbit', 'binance'] as const).flatMap((exchange) => [
    ...['--exchange', exchange, '--type', 'trade', '--symbols', simulator.symbols(exchange).join(',')],
    ...['--set', `exchanges.${exchange}.codes_per_socket=${PER_SOCKET}`],
  ]);
  const program = start(
    ['run', '--set', `state.lease_ms=${LEASE_MS}`, '--set', 'state.poll_ms=1000', ...streams],
    {
      ...simulator.env(),
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      MESSAGING_USE_AVRO: 'false',
      REDIS_URL: redis.url,
      COLLECTOR_ID: id,
      HTTP_PORT: String(port),
    },
  );
  const one = { id, program, url: `http://127.0.0.1:${port}` };
  running.set(id, one);
  return one;
}

test('two collectors on one Redis: shared, killed, started again, frozen, stopped; every code once and by its fence', async () => {
  let a = await collector('a');
  await shared([a], [SHARDS], 15_000);
  const b = await collector('b');
  // Four at a time.
  await shared([a, b], [SHARDS / 2, SHARDS / 2], 3 * POLL_MS + 10_000);

  // Who took what is seen at the next look.
  await Bun.sleep(2 * POLL_MS);
  const both = await Promise.all([a, b].map(statusOf));
  for (const status of both)
    expect(status?.leases).toMatchObject({ collectors: ['a', 'b'], held: SHARDS / 2 });
  for (const stream of both[0]?.streams ?? []) {
    const { shards, shards_elsewhere } = stream;
    expect(shards.length + shards_elsewhere.length).toBe(CODES / PER_SOCKET);
    expect(new Set(shards_elsewhere.map(({ collector: who }) => who))).toEqual(new Set(['b']));
  }
  await expectOneAnswer();
  await Bun.sleep(1000);

  a.program.kill('SIGKILL');
  expect(await shared([b], [SHARDS], LEASE_MS + POLL_MS + SLACK_MS)).toBeLessThan(
    LEASE_MS + POLL_MS + SLACK_MS,
  );
  a = await collector('a');
  await shared([a, b], [SHARDS / 2, SHARDS / 2], 3 * POLL_MS + 10_000);
  await Bun.sleep(1000);
  expect(doubled(simulator.ledger, 'upbit')).toEqual([]);
  expect(doubled(simulator.ledger, 'binance')).toEqual([]);

  // Longer than its leases live: the other takes over, and what it finds in its sockets when it wakes is too late.
  b.program.kill('SIGSTOP');
  await shared([a], [SHARDS], LEASE_MS + POLL_MS + SLACK_MS);
  await Bun.sleep(1000);
  b.program.kill('SIGCONT');
  await shared([a, b], [SHARDS / 2, SHARDS / 2], LEASE_MS + 3 * POLL_MS + 10_000);
  expect((await statusOf(b))?.leases.lost).toBe(SHARDS / 2);
  await Bun.sleep(1000);

  const signalled = Date.now();
  a.program.kill('SIGTERM');
  await shared([b], [SHARDS], SLACK_MS);
  expect((await a.program.ended).code).toBe(0);
  expect(Date.now() - signalled).toBeLessThan(LEASE_MS + SLACK_MS);
  await Bun.sleep(1000);
  const lastMs = Date.now();
  b.program.kill('SIGTERM');
  expect((await b.program.ended).code).toBe(0);

  simulator.ledger.assertNoViolations();
  const dropped = await Promise.all([expectAll('upbit', lastMs), expectAll('binance', lastMs)]);
  // What the frozen one found in its sockets was not handed over; what Kafka's client had at that moment may come late.
  expect(dropped[0] + dropped[1]).toBeLessThanOrEqual(CODES);
  const causes = await Promise.all(
    (['upbit', 'binance'] as const).map((id) => tradeGaps(kafka.bootstrap, id)),
  );
  expect(causes.flat().map(({ cause }) => cause)).toContain('undelivered');
});

test('Redis killed for longer than the leases live: both go on without a reconnect, and have their own again', async () => {
  const [c, d] = [await collector('c'), await collector('d')];
  await shared([c, d], [SHARDS / 2, SHARDS / 2], 20_000);
  const opened = simulator.ledger.of('open').length;
  const leases = async () => (await statusOf(c))?.leases;
  const before = await leases();
  await redis.kill9();
  await Bun.sleep(LEASE_MS + 2 * POLL_MS);
  await shared([c, d], [SHARDS / 2, SHARDS / 2], SLACK_MS);
  await redis.restart();
  await Bun.sleep(LEASE_MS + 3 * POLL_MS);
  await shared([c, d], [SHARDS / 2, SHARDS / 2], SLACK_MS);
  expect(await leases()).toEqual(before);
  expect(simulator.ledger.of('open')).toHaveLength(opened);
  for (const { program } of [c, d]) program.kill('SIGTERM');
  expect(await Promise.all([c, d].map(async ({ program }) => (await program.ended).code))).toEqual([0, 0]);
});

/** One of them answers, and knows who has what. */
async function expectOneAnswer(): Promise<void> {
  const commander = await new Commander(kafka.bootstrap).connect();
  const correlation_id = crypto.randomUUID();
  const target = { exchange: 'upbit', region: 'korea', request_type: 'trade' };
  await commander.send({ type: 'command', action: 'status', target, symbols: [], correlation_id });
  const replies = (messages: Message<Event>[]) =>
    repliesOf(
      messages.flatMap(({ value }) => value ?? []),
      correlation_id,
    );
  const { bootstrap } = kafka;
  const until = (messages: Message<Event>[]) => replies(messages).length > 0;
  const [reply] = replies(await readTopic<Event>({ bootstrap, topic: 'ws.event', until }));
  await commander.close();
  expect(reply?.outcome).toBe('accepted');
  const actual = reply?.detail?.actual as { sockets: unknown[]; elsewhere: unknown[] } | undefined;
  expect([...(actual?.sockets ?? []), ...(actual?.elsewhere ?? [])]).toHaveLength(CODES / PER_SOCKET);
}

/** @returns how many messages a reader drops by their fences */
async function expectAll(exchange: keyof typeof REGIONS, untilMs: number): Promise<number> {
  const messages = await readTrades(kafka.bootstrap, REGIONS[exchange]);
  expect(messages.filter(({ headers }) => !/^\d+$/.test(headers.fence ?? ''))).toEqual([]);
  const { kept, dropped } = byFence(messages);
  // Every holder of a shard has a higher fence than those before it.
  expect(new Set(kept.map(({ key, fence }) => `${key} ${fence}`)).size).toBeGreaterThan(CODES);
  const { once, twice } = trades(kept);
  expect(twice).toEqual([]);
  const { missing, ...wrong } = compareTrades(simulator.ledger, exchange, once);
  expect(wrong).toEqual({ foreign: [], repeated: [], disordered: [], altered: [] });
  const codes = new Map(messages.flatMap(({ value }) => (value ? [[value.symbol, value.code]] : [])));
  const gaps = await tradeGaps(kafka.bootstrap, exchange);
  const unexplained = [...missing, ...simulator.ledger.unsent(exchange)].filter(
    (row) => row.at < untilMs && !inAnyGap(row, codes.get(row.symbol), gaps),
  );
  expect(unexplained).toEqual([]);
  expect(new Set(gaps.map(({ cause }) => cause))).toContain('takeover');
  return dropped.length;
}

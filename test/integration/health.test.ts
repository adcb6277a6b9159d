import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createLog } from '../../src/common/log.ts';
import { type Collector, startCollector } from '../../src/config/container.ts';
import { loadSettings } from '../../src/config/load.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { type RegistryServer, startRegistry } from '../services/registry.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { until } from './page-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

let kafka: KafkaServer;
let registry: RegistryServer;
let redis: RedisServer;
let simulator: Simulator;
let collector: Collector;
let url: string;

beforeAll(async () => {
  const [broker, schemas, state, port] = await Promise.all([
    startKafka(),
    startRegistry(),
    startRedis(),
    freePort(),
  ]);
  kafka = broker;
  registry = schemas;
  redis = state;
  url = `http://127.0.0.1:${port}`;
  simulator = await startSimulator({ exchanges: ['upbit'], symbols: 10, rowsPerS: 200 });
  const settings = loadSettings({
    folder: null,
    environment: {
      ...simulator.env(),
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      SCHEMA_REGISTRY_URL: registry.url,
      REDIS_URL: redis.url,
    },
    overrides: [`http.port=${port}`],
    flags: { streams: [{ exchange: 'upbit', type: ['ticker', 'trade'], symbols: ['*'] }] },
  });
  collector = await startCollector(settings, createLog('silent', false));
  expect(await until(async () => (await acknowledged()) > 100)).toBe(true);
}, 90_000);

afterAll(async () => {
  await collector?.stop();
  await simulator?.stop();
  await Promise.all([kafka?.discard(), registry?.discard(), redis?.discard()]);
}, 60_000);

/** What follows from a dependency that is missing. */
const CONSEQUENCES = new Set(['rows', 'messages']);

/** Dependencies that /readyz calls missing, each once; nothing at all goes with 200, anything with 503. */
async function missing(): Promise<string> {
  const answer = await fetch(`${url}/readyz`);
  const { ready, reasons } = (await answer.json()) as { ready: boolean; reasons: { what: string }[] };
  expect([answer.status, ready]).toEqual(reasons.length === 0 ? [200, true] : [503, false]);
  const names = [...new Set(reasons.map(({ what }) => what))];
  return (names.length === 1 ? names : names.filter((name) => !CONSEQUENCES.has(name))).join();
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const acknowledged = () => metric('kcs_rows_acknowledged_total');

/** Everything that answers for a dependency says the same within the time, and the process is alive all along. */
async function saysWithin(ms: number, what: 'kafka' | 'redis', away: boolean): Promise<void> {
  const wanted = away ? what : '';
  expect([what, away, await until(async () => (await missing()) === wanted, ms)]).toEqual([what, away, true]);
  expect(await metric('kcs_dependency_up')).toBe(away ? 1 : 2);
  expect(await metric('kcs_ready')).toBe(away ? 0 : 1);
  const status = (await (await fetch(`${url}/status`)).json()) as {
    ready: boolean;
    store: { available: boolean };
    streams: { state: string }[];
  };
  expect(status.ready).toBe(!away);
  expect(status.store.available).toBe(!(away && what === 'redis'));
  // The exchange has no part in it.
  expect(status.streams.map(({ state }) => state)).toEqual(['live', 'live']);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
}

test('/metrics has figures of all it depends on', async () => {
  expect(await until(async () => (await metric('kcs_kafka_broker_up')) === 1)).toBe(true);
  for (const name of [
    'kcs_kafka_delivered_messages_total',
    'kcs_kafka_client_sent_bytes_total',
    'kcs_kafka_broker_rtt_seconds',
    'kcs_budget_bytes',
    'kcs_budget_limit_bytes',
    'kcs_event_loop_lag_seconds_count',
    'kcs_process_cpu_seconds_total',
    'kcs_process_resident_memory_bytes',
    'kcs_process_open_fds',
    'kcs_process_max_fds',
    'kcs_market_list_markets',
    'kcs_exchange_clock_uncertainty_seconds',
  ])
    expect([name, (await metric(name)) > 0]).toEqual([name, true]);
  expect(await metric('kcs_kafka_breaker_opened_total')).toBe(0);
  expect(await metric('kcs_host_breaker_state')).toBe(1);
  // The exchange runs on this machine: its clock is ours.
  const offset = Math.abs(await metric('kcs_exchange_clock_offset_seconds'));
  expect(offset).toBeLessThanOrEqual((await metric('kcs_exchange_clock_uncertainty_seconds')) + 0.01);
  expect(await metric('kcs_exchange_clock_uncertainty_seconds')).toBeLessThan(1);
});

describe('health tells the truth about', () => {
  test('Kafka: killed and back', async () => {
    await kafka.kill9();
    await saysWithin(10_000, 'kafka', true);
    await kafka.restart();
    await saysWithin(15_000, 'kafka', false);
    expect(await metric('kcs_kafka_breaker_opened_total')).toBe(1);
    const before = await acknowledged();
    expect(await until(async () => (await acknowledged()) > before)).toBe(true);
  });

  test('Kafka: frozen, so that nothing fails and nothing is acknowledged, and back', async () => {
    kafka.pause();
    await saysWithin(30_000, 'kafka', true);
    kafka.resume();
    await saysWithin(20_000, 'kafka', false);
  }, 90_000);

  test('Redis: killed and back', async () => {
    await redis.kill9();
    await saysWithin(3_000, 'redis', true);
    const before = await acknowledged();
    expect(await until(async () => (await acknowledged()) > before)).toBe(true);
    await redis.restart();
    await saysWithin(10_000, 'redis', false);
  });

  test('Redis: frozen and back', async () => {
    const warnings: string[] = [];
    const note = ({ message }: Error) => void warnings.push(message);
    process.on('warning', note);
    redis.pause();
    await saysWithin(20_000, 'redis', true);
    redis.resume();
    await saysWithin(20_000, 'redis', false);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  test('the registry: nothing needs it once schemas are known', async () => {
    await registry.kill9();
    const before = await acknowledged();
    expect(await until(async () => (await acknowledged()) > before + 200)).toBe(true);
    expect(await missing()).toBe('');
  });
});

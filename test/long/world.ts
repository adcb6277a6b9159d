import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Form } from '../integration/binary.ts';
import { ends } from '../integration/program.ts';
import { flagsOf, rightsOf } from '../integration/topic-lines.ts';
import { type KafkaCluster, startKafkaCluster, USER } from '../services/kafka-cluster.ts';
import { allow, createTopic } from '../services/kafka-wire.ts';
import { freePort } from '../services/ports.ts';
import { produce } from '../services/produce.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { type RegistryServer, startRegistry } from '../services/registry.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import type { Suffering } from './checks/waits.ts';
import { SupervisedCollector } from './collector.ts';
import { type RawTopic, rawTopic } from './read-back.ts';

export const EXCHANGES = {
  korea: ['upbit', 'bithumb', 'coinone', 'korbit'],
  asia: ['binance', 'bybit', 'okx', 'huobi'],
  na: ['coinbase', 'kraken'],
  eu: ['bitfinex'],
};
const TYPES = ['ticker', 'trade'];
/** Pinned by flags; the others run by commands. */
const PINNED = ['upbit', 'binance', 'coinone', 'kraken', 'bitfinex'];
const PARTITIONS = 2;
const START_ATTEMPTS = 3;
const BROKERS = {
  'log.message.timestamp.type': 'LogAppendTime',
  // Partitions go back to the broker that led them when the faults say so, and not some time within five minutes.
  'auto.leader.rebalance.enable': 'false',
};

export interface WorldOptions {
  readonly form: Form;
  /** Of each exchange. */
  readonly codes: number;
  readonly rowsPerS: number;
  /** Takes the collector's log and what was found. */
  readonly folder: string;
}

/** Everything of a run: the services, the exchanges, the collector, and what was done to them. */
export interface World {
  readonly cluster: KafkaCluster;
  readonly registry: RegistryServer;
  readonly redis: RedisServer;
  readonly simulator: SimulatorProcess;
  readonly collector: SupervisedCollector;
  /** Of the collector's page. */
  readonly url: string;
  /** When rows could not be delivered, and which; filled by the faults. */
  readonly suffered: Suffering[];
  /** What was in topics before they were deleted. */
  readonly deleted: RawTopic[];
  /** Correlation ids of the commands sent. */
  readonly commands: string[];
  /** Sends a command; its reply may come much later. */
  command(action: string, exchange: string, type: string, symbols?: readonly string[]): Promise<void>;
  /** Reads a topic as it is now. */
  read(topic: string): Promise<RawTopic>;
  end(): Promise<void>;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  mkdirSync(options.folder, { recursive: true });
  // One after another, and once more where it fails: on a busy machine they keep each other from starting.
  const cluster = await patiently(() => startKafkaCluster(BROKERS));
  const registry = await patiently(startRegistry);
  const redis = await patiently(startRedis);
  await patiently(() => prepareTopics(cluster));
  const simulator = await spawnSimulator(simulation(options));
  const port = await freePort();
  const env = {
    ...simulator.env,
    KAFKA_BOOTSTRAP_SERVERS: cluster.secured,
    SCHEMA_REGISTRY_URL: registry.url,
    REDIS_URL: redis.url,
    COLLECTOR_ID: 'bad-day',
  };
  const collector = new SupervisedCollector(
    options.form,
    [...securedFlags(cluster), '--set', `http.port=${port}`, ...pins(simulator, options.codes)],
    env,
    join(options.folder, 'collector.log'),
  );
  const commands: string[] = [];
  const command = async (action: string, exchange: string, type: string, symbols: readonly string[] = []) => {
    const correlation_id = crypto.randomUUID();
    commands.push(correlation_id);
    const target = { exchange, region: regionOf(exchange), request_type: type };
    const ttl_ms = 600_000;
    const value = { type: 'command', action, target, symbols, correlation_id, ttl_ms, ts_issue: Date.now() };
    await produce({ bootstrap: cluster.bootstrap, topic: 'ws.command', value });
  };
  return {
    cluster,
    registry,
    redis,
    simulator,
    collector,
    url: `http://127.0.0.1:${port}`,
    suffered: [],
    deleted: [],
    commands,
    command,
    read: (topic) => rawTopic(cluster.bootstrap, registry.url, topic),
    end: () => simulator.stop(),
  };
}

async function patiently<Thing>(start: () => Promise<Thing>): Promise<Thing> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

/** Starts the collector and all of its streams. */
export async function startStreams({ collector, simulator, command }: World, codes: number): Promise<void> {
  collector.start();
  for (const [exchange, { symbols }] of Object.entries(simulator.exchanges)) {
    if (PINNED.includes(exchange)) continue;
    for (const type of TYPES) await command('connect_and_subscribe', exchange, type, symbols.slice(0, codes));
  }
}

function simulation({ codes, rowsPerS }: WorldOptions): string[] {
  const exchanges = Object.values(EXCHANGES).flat().join();
  return ['--exchanges', exchanges, '--symbols', String(codes + 4), '--rate', String(rowsPerS)];
}

export function regionOf(exchange: string): string {
  return Object.entries(EXCHANGES).find(([, ids]) => ids.includes(exchange))?.[0] ?? '';
}

function pins({ exchanges }: SimulatorProcess, codes: number): string[] {
  return PINNED.flatMap((id) => {
    const symbols = exchanges[id]?.symbols.slice(0, codes).join() ?? '';
    return ['--exchange', id, '--type', TYPES.join(), '--symbols', symbols];
  });
}

function securedFlags({ options }: KafkaCluster): string[] {
  return Object.entries(options).flatMap(([name, value]) => ['--set', `kafka.options.${name}=${value}`]);
}

/** Topics and rights are what `topics` prints for a locked broker, and nothing more. */
async function prepareTopics({ bootstrap }: KafkaCluster): Promise<void> {
  const argv = ['topics', '--principal', USER, '--set', `kafka.partitions=${PARTITIONS}`];
  const { code, out, err } = await ends(argv, { KAFKA_BOOTSTRAP_SERVERS: bootstrap });
  if (code !== 0) throw new Error(`topics ended with ${code}: ${err}`);
  const lines = out.trimEnd().split('\n').map(flagsOf);
  for (const { topic, partitions } of lines)
    if (topic !== undefined && partitions !== undefined)
      await makeTopic(bootstrap, topic, Number(partitions));
  await allow(
    bootstrap,
    lines.flatMap(rightsOf).filter(({ name }) => name !== ''),
  );
}

/** A topic that both brokers have. */
export function makeTopic(bootstrap: string, topic: string, partitions = PARTITIONS): Promise<void> {
  return createTopic(bootstrap, topic, partitions, {}, 2);
}

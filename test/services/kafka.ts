import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyStorage } from './kafka-storage.ts';
import { brokerAnswers } from './kafka-wire.ts';
import { archived, KAFKA_ARCHIVE, kafkaHome, kafkaJars, warmHome } from './paths.ts';
import { freePort } from './ports.ts';
import { scratchDir } from './scratch.ts';
import { Server, startOnPort } from './server.ts';

export interface KafkaOptions {
  port?: number;
  dataDir?: string;
  /** Broker settings on top of the defaults below, e.g. `{ 'message.max.bytes': '2000' }`. */
  properties?: Record<string, string>;
  /** Further listeners by security protocol, e.g. `{ SASL_SSL: 9093 }`; `properties` say how they are secured. */
  listeners?: Record<string, number>;
  /** Flags of Java in place of the archive of classes. */
  java?: string[];
}

export type KafkaServer = Server & { bootstrap: string; port: number };

/** Starts a broker of the caller's own (one process, KRaft), which keeps its data over `kill9` and `restart`. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  if (!existsSync(kafkaHome) || !existsSync(options.java ? kafkaHome : warmHome())) {
    throw new Error('Apache Kafka is missing: run `bun test/services/install.ts`');
  }
  return startOnPort(options.port, async (port) => kafkaOn(port, await freePort(), options));
}

async function kafkaOn(port: number, controllerPort: number, options: KafkaOptions): Promise<KafkaServer> {
  const dir = options.dataDir ?? scratchDir('kafka');
  const bootstrap = `127.0.0.1:${port}`;
  const settings = await writeSettings(dir, port, controllerPort, options);
  const data = join(dir, 'data');
  if (!existsSync(join(data, 'meta.properties'))) {
    await copyStorage(data, options.properties?.['node.id'] ?? '1');
  }
  const server = new Server({
    name: 'kafka',
    port,
    argv: [...java(options.java ?? [archived(KAFKA_ARCHIVE)]), 'kafka.Kafka', settings],
    dir,
    ready: () => brokerAnswers(bootstrap),
  });
  return Object.assign(server, { bootstrap, port });
}

function java(flags: readonly string[]): string[] {
  const quick = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  return ['java', ...quick, ...flags, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', kafkaJars()];
}

/** Writes the settings of a broker whose data lie in `data` of that folder. Returns the path of the file. */
export async function writeSettings(
  dir: string,
  port = 9092,
  controllerPort = 9093,
  options: KafkaOptions = {},
): Promise<string> {
  await mkdir(dir, { recursive: true });
  const settings = join(dir, 'server.properties');
  await writeFile(settings, properties(port, controllerPort, join(dir, 'data'), options));
  return settings;
}

function properties(port: number, controllerPort: number, data: string, options: KafkaOptions): string {
  const clients = Object.entries({ PLAINTEXT: port, ...options.listeners })
    .map(([name, at]) => `${name}://127.0.0.1:${at}`)
    .join(',');
  const all: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `${clients},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': clients,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // A killed broker may not come back before the controller has given up its former self: 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '400',
    // A topic that nobody created must not appear by itself: the collector has to create what it writes.
    'auto.create.topics.enable': 'false',
    ...options.properties,
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

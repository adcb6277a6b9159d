import { join } from 'node:path';
import { type KafkaServer, startKafka } from './kafka.ts';
import { freePort } from './ports.ts';
import { scratchDir } from './scratch.ts';

/** The user of the secured listener; whoever comes over the plain one may do everything. */
export const USER = 'User:collector';
const PASSWORD = 'hunter2';

/**
 * Two brokers that hold every partition both and acknowledge only what both have: with one away nothing is
 * acknowledged. No right that is not given, no topic that is not made.
 */
export interface KafkaCluster {
  /** Plain listener of the first, which is the controller too: for the test itself. */
  readonly bootstrap: string;
  /** Secured listeners of both. */
  readonly secured: string;
  /** librdkafka's options for the secured listeners. */
  readonly options: Readonly<Record<string, string>>;
  readonly first: KafkaServer;
  /** No controller: the one to kill or freeze. */
  readonly second: KafkaServer;
  discard(): Promise<void>;
}

/** @param properties broker settings of both, on top of those below */
export async function startKafkaCluster(properties: Record<string, string> = {}): Promise<KafkaCluster> {
  const ports = await distinctPorts(5);
  const [controller = 0, plain1 = 0, secured1 = 0, plain2 = 0, secured2 = 0] = ports;
  const dir = scratchDir('cluster');
  const node = (id: 1 | 2, plain: number, secured: number) =>
    startKafka({
      port: plain,
      dataDir: join(dir, String(id)),
      properties: {
        ...shared(controller),
        ...properties,
        'node.id': String(id),
        'process.roles': id === 1 ? 'broker,controller' : 'broker',
        listeners: [
          ...clients(plain, secured),
          ...(id === 1 ? [`CONTROLLER://127.0.0.1:${controller}`] : []),
        ].join(),
        'advertised.listeners': clients(plain, secured).join(),
      },
    });
  const first = await node(1, plain1, secured1);
  const second = await node(2, plain2, secured2);
  return {
    bootstrap: first.bootstrap,
    secured: `127.0.0.1:${secured1},127.0.0.1:${secured2}`,
    options: {
      'security.protocol': 'sasl_plaintext',
      'sasl.mechanism': 'PLAIN',
      'sasl.username': 'collector',
      'sasl.password': PASSWORD,
    },
    first,
    second,
    async discard() {
      await Promise.all([first.discard(), second.discard()]);
    },
  };
}

function clients(plain: number, secured: number): string[] {
  return [`PLAINTEXT://127.0.0.1:${plain}`, `SASL_PLAINTEXT://127.0.0.1:${secured}`];
}

function shared(controller: number): Record<string, string> {
  return {
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_collector="${PASSWORD}";`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'default.replication.factor': '2',
    'min.insync.replicas': '2',
    'offsets.topic.replication.factor': '2',
  };
}

async function distinctPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

interface Listed {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly isrs: readonly unknown[] }[];
  }[];
}

/** Resolves when every partition of every topic is in sync on both brokers again; throws where it takes longer. */
export async function inSync(bootstrap: string, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const kcat = Bun.spawn(['kcat', '-L', '-J', '-b', bootstrap], { stdout: 'pipe', stderr: 'ignore' });
    const { topics } = (await kcat.stdout.json().catch(() => ({ topics: [] }))) as Listed;
    const short = topics.filter(({ partitions }) => partitions.some(({ isrs }) => isrs.length < 2));
    if (topics.length > 0 && short.length === 0) return;
    if (Date.now() > deadline) {
      throw new Error(`not in sync after ${withinMs} ms: ${short.map(({ topic }) => topic).join()}`);
    }
    await Bun.sleep(300);
  }
}

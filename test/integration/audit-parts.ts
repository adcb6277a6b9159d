import { kafkaOrFault, producerOptions } from '../../src/infra/kafka/client/client-options.ts';
import { Producer } from '../../src/infra/kafka/client/producer.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { createTopic } from '../services/kafka-wire.ts';
import { ends } from './program.ts';

/** A message as it lies in a topic, its value decoded. */
export interface Lying {
  readonly topic: string;
  key: string | null;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: what lies in topics is spoiled in every way.
  value: any;
}

/** What an audit said. */
export interface Said {
  readonly code: number;
  readonly err: string;
  readonly report: {
    readonly rows: number;
    readonly unexplained: number;
    readonly notes: readonly string[];
    readonly codes: readonly (Record<string, number | null> & {
      readonly exchange: string;
      readonly request_type: string;
      readonly code: string;
    })[];
    readonly streams: readonly (Record<string, number> & { readonly exchange: string })[];
    readonly findings: readonly {
      readonly kind: string;
      readonly exchange: string;
      readonly request_type: string;
      readonly code: string | null;
      readonly from: number | null;
      readonly first_id: string | null;
      readonly last_id: string | null;
      readonly count: number;
      readonly told: string;
    }[];
  };
}

/** Runs `audit --json`. */
export async function audited(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<Said> {
  const { code, out, err } = await ends(['audit', '--json', ...argv], env);
  return { code, err, report: out === '' ? null : JSON.parse(out) };
}

/** Everything that lies in these topics. */
export async function lyingIn(
  bootstrap: string,
  registry: string,
  topics: readonly string[],
): Promise<Lying[]> {
  const all: Lying[] = [];
  for (const topic of topics)
    for (const { key, headers, value } of await readTopic({ bootstrap, registry, topic }))
      all.push({ topic, key, headers: { ...headers }, value });
  return all;
}

const TOLD_MS = 30_000;

/** Writes messages as JSON into topics of a broker that has none of them, in their order. */
export async function lay(bootstrap: string, messages: readonly Lying[]): Promise<void> {
  for (const topic of new Set(messages.map((message) => message.topic)))
    await createTopic(bootstrap, topic, 1);
  let open = messages.length;
  const all = Promise.withResolvers<void>();
  const producer = new Producer(
    kafkaOrFault(),
    producerOptions({ bootstrapServers: bootstrap, clientId: 'test', options: {} }, 5),
    {
      report(_, code) {
        if (code !== 0) all.reject(new Error(`a message was not taken: librdkafka ${code}`));
        else if (--open === 0) all.resolve();
      },
      error() {},
      log() {},
      statistics() {},
    },
  );
  await producer.connect(TOLD_MS);
  for (const [id, { topic, key, headers, value }] of messages.entries()) {
    const refused = producer.produce(
      {
        ...{ topic, key, value: Buffer.from(JSON.stringify(value)), rows: 0 },
        headers: Object.entries(headers).map(([name, text]) => ({ [name]: text })),
        ...{ delivered() {}, refused() {}, undelivered() {}, split: () => null },
      },
      id,
    );
    if (refused !== 0) throw new Error(`a message was not taken: librdkafka ${refused}`);
  }
  await all.promise;
  await producer.close();
}

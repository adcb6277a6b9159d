/**
 * A program that walks every path of the Kafka client that the collector uses, against librdkafka's mock cluster
 * or a given broker, and prints what it saw as one JSON object. `addon.test.ts` runs it under Bun and as a
 * compiled binary, and `integration/addon.test.ts` against a real broker.
 *
 *   addon-exercise.ts version                  the version of librdkafka, or why it cannot be loaded
 *   addon-exercise.ts paths [BOOTSTRAP]        every path once
 *   addon-exercise.ts outage BOOTSTRAP TOPIC   a message every 20 ms until standard input says "end"
 *   addon-exercise.ts host                     holds a mock cluster, prints its address
 */
import type { DeliveryReport, KafkaConsumer, Message, Producer } from '@confluentinc/kafka-javascript';
import { AddonError } from '../../src/infra/kafka/addon/explain.ts';
import { librdkafkaVersion, loadKafka } from '../../src/infra/kafka/addon/load.ts';

/** The package passes no value to some callbacks, and nothing where there is no error. */
type Callback<T> = (error: unknown, value?: T) => void;

function settle<T>(start: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`timed out: ${what}`);
    await Bun.sleep(10);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : String(error);
}

const [mode, given, givenTopic] = process.argv.slice(2);
if (mode === 'version') {
  try {
    console.log(librdkafkaVersion());
    process.exit(0);
  } catch (error) {
    console.log(
      JSON.stringify(error instanceof AddonError ? { message: error.message, remedy: error.remedy } : {}),
    );
    process.exit(1);
  }
}
const kafka = loadKafka();

/**
 * The mock cluster takes 3 s to let the first member into a group, and lets nobody join for as long as this after the
 * last one left. A broker allows no less than 6 s.
 */
const SESSION_MS = given === undefined ? 4_000 : 6_000;

async function connectProducer(options: Record<string, unknown>): Promise<Producer> {
  const producer = new kafka.Producer({
    dr_cb: true,
    'linger.ms': 5,
    'statistics.interval.ms': 100,
    ...options,
  });
  await settle((callback) => producer.connect({ timeout: 10_000 }, callback));
  producer.setPollInterval(10);
  return producer;
}

async function hostCluster(): Promise<{ producer: Producer; bootstrap: string }> {
  const producer = await connectProducer({ 'test.mock.num.brokers': 1, 'bootstrap.servers': 'mock' });
  const { brokers } = await settle<{ brokers: { host: string; port: number }[] }>((callback) =>
    producer.getMetadata({ timeout: 10_000 }, callback),
  );
  return { producer, bootstrap: brokers.map(({ host, port }) => `${host}:${port}`).join() };
}

async function createTopic(bootstrap: string, topic: string): Promise<unknown[]> {
  const admin = kafka.AdminClient.create({ 'bootstrap.servers': bootstrap });
  const answers = [];
  for (let attempt = 0; attempt < 2; attempt++)
    answers.push(
      await settle((callback) =>
        admin.createTopic({ topic, num_partitions: 1, replication_factor: 1 }, 10_000, callback),
      ).then(
        () => 'created',
        (error) => codeOf(error),
      ),
    );
  admin.disconnect();
  return answers;
}

/** Messages with every kind of key, value and headers; returns their reports by opaque. */
async function produceAll(producer: Producer, topic: string): Promise<Record<string, unknown>> {
  const reports = new Map<unknown, DeliveryReport>();
  producer.on('delivery-report', (error, report) => {
    if (error) throw new Error(`not delivered: ${codeOf(error)}`);
    reports.set(report.opaque, report);
  });
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const nothing = null as unknown as undefined;
  producer.produce(topic, 0, everyByte, 'upbit|KRW-BTC', null, 1, [{ text: 'ü한' }, { bytes: everyByte }]);
  producer.produce(topic, 0, Buffer.from('null headers'), 'k', null, 2, nothing);
  producer.produce(topic, 0, Buffer.from('no headers'), Buffer.from('key bytes'), 1_700_000_000_123, 3);
  producer.produce(topic, 0, Buffer.from('[]').subarray(1), null, null, 2_147_483_647, []);
  producer.produce(topic, 0, null, '', null, -5, [{ empty: '' }]);
  const started = performance.now();
  await settle((callback) => producer.flush(10_000, callback));
  const flushMs = performance.now() - started;
  await until('delivery reports', () => reports.size === 5);
  return {
    flushMs,
    opaques: [...reports.keys()],
    offsets: [...reports.values()].map(({ offset }) => offset),
    sizes: [...reports.values()].map(({ size }) => size),
    key: String(reports.get(1)?.key),
  };
}

async function connectConsumer(bootstrap: string, group: string): Promise<KafkaConsumer> {
  const options = {
    'bootstrap.servers': bootstrap,
    'group.id': group,
    'enable.auto.commit': false,
    'session.timeout.ms': SESSION_MS,
    'heartbeat.interval.ms': 300,
  };
  const consumer = new kafka.KafkaConsumer(options, { 'auto.offset.reset': 'earliest' });
  await settle((callback) => consumer.connect({ timeout: 10_000 }, callback));
  consumer.setDefaultConsumeTimeout(200);
  return consumer;
}

async function read(consumer: KafkaConsumer, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  const deadline = performance.now() + 30_000;
  while (messages.length < count && performance.now() < deadline)
    messages.push(
      ...(await settle<Message[]>((callback) => consumer.consume(count - messages.length, callback))),
    );
  return messages;
}

function readable({ value, key, headers, offset, timestamp }: Message): Record<string, unknown> {
  const text = (bytes: unknown) => (Buffer.isBuffer(bytes) ? bytes.toString('latin1') : bytes);
  const header = (one: Record<string, unknown>) =>
    Object.entries(one).map(([name, held]) => [name, text(held)]);
  return { value: text(value), key: text(key), headers: headers?.flatMap(header) ?? null, offset, timestamp };
}

/** Reads two messages and commits, then reads the rest as another member of the group. */
async function consumeAndCommit(bootstrap: string, topic: string): Promise<Record<string, unknown>> {
  const group = `group-of-${topic}`;
  const first = await connectConsumer(bootstrap, group);
  first.subscribe([topic]);
  const before = await read(first, 2);
  first.commitSync([{ topic, partition: 0, offset: (before.at(-1)?.offset ?? 0) + 1 }]);
  let started = performance.now();
  await settle((callback) => first.disconnect(callback));
  const disconnectMs = performance.now() - started;

  const second = await connectConsumer(bootstrap, group);
  second.subscribe([new RegExp(`^${topic}$`)]);
  const after = await read(second, 3);
  second.pause([{ topic, partition: 0 }]);
  second.resume([{ topic, partition: 0 }]);
  // Beyond 32 bits: such an offset must not be cut on its way through the addon.
  second.commitSync([{ topic, partition: 0, offset: 5_000_000_000 }]);
  const committed = await settle<{ offset: number }[]>((callback) =>
    second.committed([{ topic, partition: 0 }], 10_000, callback),
  );
  const watermarks = await settle((callback) => second.queryWatermarkOffsets(topic, 0, 10_000, callback));
  started = performance.now();
  await settle((callback) => second.disconnect(callback));
  return {
    before: before.map(readable),
    after: after.map(readable),
    committed: committed[0]?.offset,
    watermarks,
    disconnectMs: [disconnectMs, performance.now() - started],
  };
}

/** A callback that throws must end as an uncaught exception, not in the addon. */
async function throwInReport(producer: Producer, topic: string): Promise<unknown> {
  const caught = new Promise((resolve) =>
    process.once('uncaughtException', (error) => resolve(error.message)),
  );
  let reports = 0;
  producer.on('delivery-report', () => {
    reports++;
    if (reports === 1) throw new Error('thrown in a listener');
  });
  for (let index = 0; index < 10; index++) producer.produce(topic, 0, Buffer.from('x'), 'k', null, index);
  await until('reports after the throw', () => reports === 10);
  return await caught;
}

async function paths(): Promise<void> {
  const { producer, bootstrap } =
    given === undefined
      ? await hostCluster()
      : { producer: await connectProducer({ 'bootstrap.servers': given }), bootstrap: given };
  let statistics: { type?: string; brokers?: object } = {};
  producer.on('event.stats', ({ message }) => {
    statistics = JSON.parse(message);
  });
  const topic = `addon-${crypto.randomUUID()}`;
  const facts: Record<string, unknown> = { version: librdkafkaVersion() };
  // The mock cluster cannot create topics by request; it makes them when first written to.
  if (given !== undefined) facts.topics = await createTopic(bootstrap, topic);
  facts.produced = await produceAll(producer, topic);
  facts.consumed = await consumeAndCommit(bootstrap, topic);
  facts.thrown = await throwInReport(producer, topic);
  await until('statistics', () => statistics.type !== undefined);
  facts.statistics = [statistics.type, Object.keys(statistics.brokers ?? {}).length > 0];
  const started = performance.now();
  await settle((callback) => producer.disconnect(5_000, callback));
  facts.disconnectMs = performance.now() - started;
  console.log(JSON.stringify(facts));
}

async function outage(bootstrap: string, topic: string): Promise<void> {
  const producer = await connectProducer({
    'bootstrap.servers': bootstrap,
    'enable.idempotence': true,
    'message.timeout.ms': 0,
    'reconnect.backoff.max.ms': 200,
    'socket.timeout.ms': 500,
  });
  const errors: Record<string, number> = {};
  producer.on('event.error', ({ code }) => {
    errors[code] = (errors[code] ?? 0) + 1;
    console.log(JSON.stringify({ error: code }));
  });
  let sent = 0;
  let delivered = 0;
  let failed = 0;
  producer.on('delivery-report', (error) => {
    if (error) failed++;
    else delivered++;
  });
  const timer = setInterval(() => producer.produce(topic, 0, Buffer.from('x'), 'k', null, sent++), 20);
  const told = setInterval(() => console.log(JSON.stringify({ sent, delivered })), 100);
  for await (const line of console) if (line.trim() === 'end') break;
  clearInterval(timer);
  clearInterval(told);
  await settle((callback) => producer.flush(20_000, callback));
  await until('last reports', () => delivered + failed === sent);
  await settle((callback) => producer.disconnect(5_000, callback));
  const consumer = await connectConsumer(bootstrap, `group-of-${topic}`);
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  const messages = await read(consumer, sent);
  consumer.setDefaultConsumeTimeout(1_000);
  const more = await settle<Message[]>((callback) => consumer.consume(100, callback));
  const found = messages.length + more.length;
  await settle((callback) => consumer.disconnect(callback));
  console.log(JSON.stringify({ sent, delivered, failed, found, errors }));
}

if (mode === 'paths') await paths();
else if (mode === 'outage' && given !== undefined && givenTopic !== undefined)
  await outage(given, givenTopic);
else if (mode === 'host') console.log((await hostCluster()).bootstrap);
else throw new Error('usage: addon-exercise.ts version | paths [BOOTSTRAP] | outage BOOTSTRAP TOPIC | host');

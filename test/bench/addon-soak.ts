/**
 * Does the Kafka addon leak? Produces messages with an integer opaque each, then makes asynchronous calls, against
 * the mock cluster in the same process, and prints the memory on the way as JSON.
 *
 *   bun test/bench/addon-soak.ts [MESSAGES=1000000] [CALLS=100000]
 *
 * `startMb` is the resident memory after the first fifth of both, when pools and buffers have their size; `endMb`
 * the memory at the end. The mock cluster keeps the last 5 MB of every partition and no more.
 */
import { loadKafka } from '../../src/infra/kafka/addon/load.ts';

const messages = Number(process.argv[2] ?? 1_000_000);
const calls = Number(process.argv[3] ?? 100_000);
/** Messages on their way at the same time. */
const WINDOW = 20_000;
const value = Buffer.alloc(200, 'x');
const headers = [{ 'content-type': 'application/avro' }, { 'schema-version': '1' }];

const { Producer } = loadKafka();
// The package's types leave out librdkafka's settings for tests.
const mock: object = { 'test.mock.num.brokers': 1 };
const producer = new Producer({ ...mock, 'bootstrap.servers': 'mock', 'linger.ms': 5, dr_cb: true });
let delivered = 0;
let opaques = 0;
producer.on('delivery-report', (error, { opaque }) => {
  if (error) throw new Error(error.message);
  delivered++;
  opaques += opaque;
});
await new Promise<void>((resolve, reject) => {
  producer.connect({ timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
});
producer.setPollInterval(5);

async function produce(count: number): Promise<void> {
  const end = delivered + count;
  for (let sent = delivered; sent < end; sent++) {
    producer.produce('soak', 0, value, 'upbit|KRW-BTC', null, sent, headers);
    if (sent % 1_000 === 0) while (sent - delivered > WINDOW) await Bun.sleep(1);
    if (sent % 200 === 0) await new Promise(setImmediate);
  }
  while (delivered < end) await Bun.sleep(1);
}

async function call(count: number): Promise<void> {
  for (let done = 0; done < count; done++)
    await new Promise<void>((resolve) => {
      producer.flush(10, () => resolve());
    });
}

function megabytes(): number {
  Bun.gc(true);
  return Math.round(process.memoryUsage.rss() / 1e5) / 10;
}

const started = performance.now();
await produce(messages / 5);
await call(calls / 5);
const startMb = megabytes();
const cpu = process.cpuUsage();
await produce((messages / 5) * 4);
const { user, system } = process.cpuUsage(cpu);
const afterMessagesMb = megabytes();
await call((calls / 5) * 4);
const endMb = megabytes();
await new Promise<void>((resolve) => {
  producer.disconnect(5_000, () => resolve());
});
const complete = opaques === (messages * (messages - 1)) / 2;
console.log(
  JSON.stringify({
    ...{ delivered, calls, complete, startMb, afterMessagesMb, endMb },
    cpuMicrosPerMessage: Number(((user + system) / (messages * 0.8)).toFixed(2)),
    seconds: Math.round((performance.now() - started) / 1_000),
  }),
);

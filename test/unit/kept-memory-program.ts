/**
 * A program that sends small batches, as a steady load does, against librdkafka's mock cluster in the same process, and
 * prints as one JSON object how many pages its broker threads had to be given anew meanwhile. Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { systemClock } from '../../src/common/clock.ts';
import { kafkaOrFault, producerOptions } from '../../src/infra/kafka/client/client-options.ts';
import { Producer } from '../../src/infra/kafka/client/producer.ts';

const WARM_UP = 40;
const BATCHES = 100;
const PER_BATCH = 80;
const WITHIN_MS = 5_000;

/** Of all threads that talk to brokers: the field `minflt` of /proc. */
function pageFaults(): number {
  const stats = readdirSync('/proc/self/task').map((id) =>
    readFileSync(`/proc/self/task/${id}/stat`, 'latin1'),
  );
  const brokers = stats.filter((stat) => stat.includes('(rdk:broker'));
  if (brokers.length === 0) throw new Error('there is no thread that talks to brokers');
  return brokers.reduce((sum, stat) => sum + Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[7]), 0);
}

let acknowledged = 0;
const options = producerOptions({ bootstrapServers: 'mock', clientId: 'memory', options: {} }, 1);
const producer = new Producer(
  kafkaOrFault(),
  { ...options, 'test.mock.num.brokers': 1 },
  { report: (_id, code) => (acknowledged += code === 0 ? 1 : 0), error() {}, log() {}, statistics() {} },
  true,
);
await producer.connect(10_000);

const end = () => {};
let sent = 0;
async function batch(): Promise<void> {
  const messages = Array.from({ length: PER_BATCH }, (_, n) => ({
    id: ++sent,
    code: -1,
    message: {
      ...{ topic: 'small', key: `code ${n}`, headers: [], rows: 1 },
      value: Buffer.from(crypto.getRandomValues(new Uint8Array(400))),
      ...{ delivered: end, refused: end, undelivered: end, split: () => null },
    },
  }));
  producer.produceAll(messages);
  for (const until = systemClock.now() + WITHIN_MS; acknowledged < sent; ) {
    if (systemClock.now() > until) throw new Error('a batch was not acknowledged in time');
    await Bun.sleep(2);
    producer.takeReports();
  }
}

for (let n = 0; n < WARM_UP; n++) await batch();
const before = pageFaults();
for (let n = 0; n < BATCHES; n++) await batch();
console.log(JSON.stringify({ perBatch: (pageFaults() - before) / BATCHES }));
await producer.close();
process.exit(0);

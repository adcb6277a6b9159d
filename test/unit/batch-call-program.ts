/**
 * A program that produces in batches, against librdkafka's mock cluster in the same process, reads all of it back, and
 * prints what it saw as one JSON object. `batch-call.test.ts` runs it under Bun and as a compiled binary.
 */
import type { Message } from '@confluentinc/kafka-javascript';
import { loadKafka } from '../../src/infra/kafka/addon/load.ts';
import { Producer } from '../../src/infra/kafka/client/producer.ts';
import type { Handed } from '../../src/infra/kafka/produce/handed.ts';
import type { Header, Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';

/** More than keys and sets of headers are kept by number, and more than go in one call. */
const MESSAGES = 20_000;
const KEYS = 18_000;
const PARTITIONS = 4;
const LARGEST = 2_000;
const TIME_MS = 1_788_335_180_441;
const STARTED_AT = Date.now() - 60_000;
const slab = Buffer.alloc(64 * 1024);

async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`timed out: ${what}`);
    producer.takeReports();
    await Bun.sleep(5);
  }
}

const reports: { id: number; code: number; words: string; place: string }[] = [];
let statistics = 0;
const kafka = loadKafka();
const producer = new Producer(
  kafka,
  {
    'bootstrap.servers': 'mock',
    'test.mock.num.brokers': 1,
    'linger.ms': 1,
    'statistics.interval.ms': 100,
    'message.max.bytes': LARGEST,
    'enable.idempotence': true,
  },
  {
    report: (id, code, words, partition, offset) =>
      reports.push({ id, code, words, place: `${partition}|${offset}` }),
    error() {},
    log() {},
    statistics: () => statistics++,
  },
  true,
);

function handed(
  id: number,
  topic: string,
  key: string | null,
  value: Buffer,
  headers: readonly Header[],
  timestampMs: number | null = null,
): Handed {
  const end = () => {};
  const message: Outgoing = {
    ...{ topic, key, value, headers, rows: 1, timestampMs },
    ...{ delivered: end, refused: end, undelivered: end, split: () => null },
  };
  return { id, message, code: -1 };
}

/** The n-th message: its value in the shared slab, written anew for each call as a codec does. */
function nth(n: number, at: number): Handed {
  const length = slab.write(`value ${n}`, at);
  const headers: readonly Header[] = n % 3 === 0 ? [] : [{ n: `${n}` }, { both: 'ü한' }];
  const timestampMs = n % 2 === 0 ? null : TIME_MS + n;
  const key = n % 5 === 0 ? null : n % 7 === 0 ? '' : `key한 ${n % KEYS}`;
  return handed(n, 'batches', key, slab.subarray(at, at + length), headers, timestampMs);
}

function produceAll(): number {
  let refused = 0;
  for (let n = 0; n < MESSAGES; ) {
    const batch: Handed[] = [];
    for (let at = 0; at < 32 * 1024 && n < MESSAGES && batch.length < 1_500; at += 20)
      batch.push(nth(n++, at));
    producer.produceAll(batch);
    refused += batch.filter(({ code }) => code !== 0).length;
  }
  return refused;
}

function refusals(): { codes: number[]; taken: number[] } {
  const large = Buffer.alloc(LARGEST + 1);
  const small = Buffer.from('x');
  const batch = [
    handed(MESSAGES, 'batches', 'a', small, []),
    handed(MESSAGES + 1, 'batches', 'a', large, [{ large: 'yes' }]),
    handed(MESSAGES + 2, 'batches', 'b', small, []),
    handed(MESSAGES + 3, 'other', 'a', small, []),
    handed(MESSAGES + 4, 'x'.repeat(600), 'a', small, []),
  ];
  producer.produceAll(batch);
  return {
    codes: batch.map(({ code }) => code),
    taken: batch.filter(({ code }) => code === 0).map(({ id }) => id),
  };
}

async function readBack(bootstrap: string, count: number): Promise<Message[]> {
  const consumer = new kafka.KafkaConsumer(
    { 'bootstrap.servers': bootstrap, 'group.id': 'batches', 'enable.auto.commit': false },
    { 'auto.offset.reset': 'earliest' },
  );
  await new Promise<void>((resolve, reject) => {
    consumer.connect({ timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
  });
  consumer.setDefaultConsumeTimeout(200);
  consumer.assign(
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: 'batches', partition, offset: 0 })),
  );
  const messages: Message[] = [];
  for (const deadline = performance.now() + 30_000; messages.length < count && performance.now() < deadline; )
    messages.push(
      ...(await new Promise<Message[]>((resolve, reject) => {
        consumer.consume(1_000, (error, some) => (error ? reject(error) : resolve(some)));
      })),
    );
  await new Promise<void>((resolve) => {
    consumer.disconnect(() => resolve());
  });
  return messages;
}

/** Of each message: whether key, value and headers are those that were sent, and the order within its partition. */
function compare(messages: readonly Message[]): { seen: number; wrong: unknown[]; disordered: number } {
  const last = new Map<number, number>();
  const seen = new Set<number>();
  const wrong: unknown[] = [];
  let disordered = 0;
  for (const { key, value, headers, partition, timestamp } of messages) {
    const text = String(value);
    if (text === 'x') continue;
    const n = Number(text.slice('value '.length));
    const { message } = nth(n, 0);
    const time = message.timestampMs === null ? (timestamp ?? 0) > STARTED_AT : timestamp;
    const got = [key === null || key === undefined ? null : String(key), text, headersOf(headers), time];
    const headersSent = message.headers.flatMap((header) => Object.entries(header));
    const sent = [message.key, `value ${n}`, headersSent, message.timestampMs ?? true];
    if (!Bun.deepEquals(got, sent)) wrong.push({ got, sent });
    if (n <= (last.get(partition) ?? -1)) disordered++;
    last.set(partition, n);
    seen.add(n);
  }
  return { seen: seen.size, wrong: wrong.slice(0, 3), disordered };
}

function headersOf(headers: Message['headers']): [string, string][] {
  return (headers ?? []).flatMap((header) =>
    Object.entries(header).map(([name, value]): [string, string] => [name, String(value)]),
  );
}

const [broker] = await producer.connect(10_000);
const refused = produceAll();
await until('reports', () => reports.length >= MESSAGES);
const acknowledged = reports.filter(({ code }) => code === 0);
const distinct = new Set(acknowledged.map(({ id }) => id)).size;
const placeOf = new Map(acknowledged.map(({ id, place }) => [`value ${id}`, place]));
reports.length = 0;
const { codes, taken } = refusals();
await until('reports of what was taken', () => reports.length >= taken.length);
await until('statistics', () => statistics > 0);
const later = reports.map(({ id, code }) => [id, code]).toSorted(([a = 0], [b = 0]) => a - b);
const messages = await readBack(`${broker?.host}:${broker?.port}`, MESSAGES + 1);
const found = compare(messages);
const told = messages.filter(
  ({ value, partition, offset }) => placeOf.get(String(value)) === `${partition}|${offset}`,
).length;
await producer.close();
const afterEnd = handed(1, 'batches', 'a', Buffer.from('x'), []);
producer.produceAll([afterEnd]);
console.log(
  JSON.stringify({
    refused,
    acknowledged: acknowledged.length,
    distinct,
    codes,
    later,
    ...found,
    told,
    afterEnd: [afterEnd.code, producer.takeReports()],
  }),
);
process.exit(0);

/**
 * Millions of messages through the line to a real broker, which is killed once in the middle: none is lost, none comes twice,
 * each key keeps its order, and memory stands. Under Bun, then as a compiled binary. Some four minutes.
 *
 *   bun test/long/messages.long.ts [--messages 1000000] [--binary | --bun]
 */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Message } from '@confluentinc/kafka-javascript';
import { loadKafka } from '../../src/infra/kafka/addon/load.ts';
import { KEYS, TOPICS } from '../bench/message-source.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { createTopic } from '../services/kafka-wire.ts';
import { endAllServers } from '../services/scratch.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    binary: { type: 'boolean', default: false },
    bun: { type: 'boolean', default: false },
  },
});
const count = Number(values.messages);
const CLIENT = join(import.meta.dir, 'messages-client.ts');
const PARTITIONS = 6;
/** The broker is killed when this part was acknowledged, and away for as long as this. */
const KILLED_AT = 0.5;
const AWAY_MS = 8_000;
/** Pools and buffers have their size after this part, and the outage leaves its mark on them. */
const SETTLED = 0.2;
/** What memory may grow by after that: a leak of 25 bytes a message would be 20 MB of a million. */
const GROWTH_MB = 15;

interface Line {
  readonly acknowledged: number;
  readonly mb: number;
}

let passed = 0;
let failed = 0;

function check(what: string, holds: boolean, seen: unknown): void {
  console.log(`${holds ? 'pass' : 'FAIL'}: ${what} (${JSON.stringify(seen)})`);
  if (holds) passed++;
  else failed++;
}

async function run(name: string, command: readonly string[]): Promise<void> {
  const kafka = await startKafka();
  for (const topic of TOPICS) await createTopic(kafka.bootstrap, topic, PARTITIONS);
  const client = Bun.spawn([...command, kafka.bootstrap, String(count)], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const lines: Line[] = [];
  let rest = '';
  let killed: Promise<void> | null = null;
  for await (const chunk of client.stdout.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part));
    if ((lines.at(-1)?.acknowledged ?? 0) >= count * KILLED_AT) killed ??= outage(kafka);
  }
  await killed;
  check(`${name}: ends without a failure`, (await client.exited) === 0, client.exitCode);
  const settled = lines.find(({ acknowledged }) => acknowledged >= count * SETTLED)?.mb ?? Number.NaN;
  const last = lines.at(-1)?.mb ?? Number.NaN;
  check(`${name}: memory stands`, last - settled < GROWTH_MB, {
    settled,
    last,
    all: lines.map(({ mb }) => mb),
  });
  const { seen, wrong } = await readBack(kafka.bootstrap);
  check(`${name}: all is there, once`, seen === count, seen);
  check(`${name}: each key in its order, without a hole`, wrong.length === 0, wrong.slice(0, 3));
  await kafka.discard();
}

async function outage(kafka: KafkaServer): Promise<void> {
  await kafka.kill9();
  await Bun.sleep(AWAY_MS);
  await kafka.restart();
}

async function readBack(bootstrap: string): Promise<{ seen: number; wrong: string[] }> {
  const consumer = new (loadKafka().KafkaConsumer)(
    { 'bootstrap.servers': bootstrap, 'group.id': 'messages', 'enable.auto.commit': false },
    { 'auto.offset.reset': 'earliest' },
  );
  await new Promise<void>((resolve, reject) => {
    consumer.connect({ timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
  });
  consumer.setDefaultConsumeTimeout(1_000);
  consumer.assign(
    TOPICS.flatMap((topic) =>
      Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, offset: 0 })),
    ),
  );
  const next = new Map<string, number>();
  const wrong: string[] = [];
  let seen = 0;
  for (let silent = 0; silent < 3; ) {
    const messages = await new Promise<Message[]>((resolve, reject) => {
      consumer.consume(2_000, (error, some) => (error ? reject(error) : resolve(some)));
    });
    silent = messages.length === 0 ? silent + 1 : 0;
    seen += messages.length;
    for (const { key, value } of messages) {
      const n = value?.readUInt32LE() ?? -1;
      const due = next.get(String(key)) ?? n % KEYS;
      if (n !== due || String(key) !== `binance|USDT-C${n % KEYS}`) wrong.push(`${key}: ${n}, not ${due}`);
      next.set(String(key), n + KEYS);
    }
  }
  await new Promise<void>((resolve) => {
    consumer.disconnect(() => resolve());
  });
  return { seen, wrong };
}

const binary = join(tmpdir(), `messages-${process.pid}.bin`);
try {
  if (!values.binary) await run('under Bun', [process.execPath, CLIENT]);
  if (!values.bun) {
    const build = Bun.spawnSync([process.execPath, 'build', '--compile', CLIENT, '--outfile', binary]);
    if (!build.success) throw new Error(`bun build failed: ${build.stderr}`);
    await run('as a binary', [binary]);
  }
} finally {
  rmSync(binary, { force: true });
  await endAllServers();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { createTopic } from '../services/kafka-wire.ts';
import { produce } from '../services/produce.ts';
import { registry } from '../services/services.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { CollectorProcess } from './control-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

let kafka: KafkaServer;
let simulator: SimulatorProcess;
let collector: CollectorProcess;
let env: Record<string, string>;

async function text(...argv: string[]): Promise<{ code: number; out: string; said: string }> {
  const child = Bun.spawn([process.execPath, 'index.ts', ...argv], {
    cwd: join(import.meta.dir, '..', '..'),
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, said };
}

async function program(
  ...argv: string[]
): Promise<{ code: number; lines: Record<string, unknown>[]; said: string }> {
  const { code, out, said } = await text(...argv);
  const lines = out.split('\n').filter((line) => line !== '');
  return { code, said, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

beforeAll(async () => {
  const [broker, url, exchange] = await Promise.all([
    startKafka(),
    registry(),
    spawnSimulator(['--exchanges', 'upbit,okx', '--symbols', '5', '--rate', '50', '--book-rate', '40']),
  ]);
  kafka = broker;
  simulator = exchange;
  env = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, SCHEMA_REGISTRY_URL: url };
  collector = new CollectorProcess({ ...simulator.env, ...env, HTTP_PORT: '0' });
  collector.start();
}, 120_000);

afterAll(async () => {
  await collector?.kill9();
  await simulator?.stop();
  await kafka?.stop();
});

test('send waits for the reply, prints it, and says by its exit code how it went', async () => {
  const symbols = (simulator.exchanges.upbit?.symbols ?? []).slice(0, 2);
  const target = ['--exchange', 'upbit', '--type', 'trade'];
  // The collector may be starting still, and with it its topics.
  let accepted = await program('send', 'connect_and_subscribe', ...target, '--symbols', symbols.join(','));
  for (let tries = 0; tries < 20 && accepted.lines.length === 0; tries++) {
    await Bun.sleep(500);
    accepted = await program('send', 'connect_and_subscribe', ...target, '--symbols', symbols.join(','));
  }
  expect(accepted.code).toBe(0);
  expect(accepted.lines).toHaveLength(1);
  expect(accepted.lines[0]).toMatchObject({ kind: 'reply', target: { exchange: 'upbit', region: 'korea' } });
  const refused = await program('send', 'unsubscribe', ...target, '--symbols', 'NOPE');
  expect(refused).toMatchObject({ code: 64, lines: [{ outcome: 'refused', reason: 'unknown_symbols' }] });
  const lies = await program('tail', 'ws.command', '--from', 'beginning', '--count', '1', '--envelope');
  expect(lies.lines[0]).toMatchObject({
    key: 'korea|upbit|trade',
    headers: { 'content-type': 'application/json', 'schema-version': '0' },
  });
  const whole = {
    type: 'status',
    action: 'status',
    target: { exchange: 'upbit', region: 'korea', request_type: 'trade' },
  };
  const status = await program('send', '--json', JSON.stringify(whole));
  expect(status).toMatchObject({ code: 0, lines: [{ detail: { desired: { symbols } } }] });
  const breaker = await program('send', 'breaker_open', ...target);
  expect(breaker).toMatchObject({
    code: 0,
    lines: [{ detail: { breaker: { state: 'open', forced: true } } }],
  });
  expect((await program('send', 'breaker_close', ...target)).code).toBe(0);
}, 120_000);

test('tail decodes Avro and prints JSON as it is', async () => {
  const rows = await program('tail', 'trade-data.korea', '--from', 'beginning', '--count', '3', '--envelope');
  expect(rows.code).toBe(0);
  expect(rows.lines).toHaveLength(3);
  expect(rows.lines[0]).toMatchObject({
    topic: 'trade-data.korea',
    headers: { 'content-type': 'application/avro' },
    value: { exchange: 'upbit', request_type: 'trade' },
  });
  const { value, key } = rows.lines[0] as {
    key: string;
    value: { code: string; data: unknown[]; batch_size: number };
  };
  expect(value.data).toHaveLength(value.batch_size);
  expect(key).toBe(`upbit|${value.code}`);
  const events = await program('tail', '--from', 'beginning', '--count', '1');
  expect(events.lines[0]).toHaveProperty('ticket_id');
}, 60_000);

test('tail prints what is neither as base64, and tombstones as null', async () => {
  await createTopic(kafka.bootstrap, 'other', 1);
  await produce({ bootstrap: kafka.bootstrap, topic: 'other', value: Buffer.from([0xff, 1]) });
  await produce({ bootstrap: kafka.bootstrap, topic: 'other', key: 'k', value: null });
  const { lines } = await program('tail', 'other', '--from', 'beginning', '--count', '2');
  expect(lines).toEqual([{ base64: '/wE=' }, null] as unknown as Record<string, unknown>[]);
}, 60_000);

test('tail --book rebuilds a book of changes out of the topic alone: it is the exchange’s', async () => {
  const [symbol = ''] = simulator.exchanges.okx?.symbols ?? [];
  const target = ['--exchange', 'okx', '--type', 'orderbook', '--symbols', symbol];
  expect((await program('send', 'connect_and_subscribe', ...target)).code).toBe(0);
  type Batch = { data: { type: string; sequence: number }[]; code: string };
  const read = (until: (all: readonly { value: Batch | null }[]) => boolean) =>
    readTopic<Batch>({
      ...{
        bootstrap: kafka.bootstrap,
        topic: 'orderbook-data.asia',
        registry: env.SCHEMA_REGISTRY_URL ?? '',
      },
      ...{ until, timeoutMs: 40_000 },
    });
  const rowsOf = (all: readonly { value: Batch | null }[]) => all.flatMap(({ value }) => value?.data ?? []);
  await read((all) => rowsOf(all).filter(({ type }) => type === 'DELTA').length > 20);
  await simulator.do({ do: 'book-rate', changesPerS: 0 });
  const book = await simulator.book('okx', symbol);
  const messages = await read((all) => rowsOf(all).some(({ sequence }) => sequence === book.sequence));
  const code = messages[0]?.value?.code ?? '';
  const count = String(messages.length);
  const argv = ['--book', code, '--exchange', 'okx', '--depth', '3', '--from', 'beginning', '--count', count];
  const { out, said, code: exit } = await text('tail', ...argv);
  expect(`${exit} ${said}`).toBe('0 ');
  const views = out.trim().split('\n\n');
  expect(views).toHaveLength(messages.length);
  const [title, ...levels] = views.at(-1)?.split('\n') ?? [];
  expect(title).toMatch(
    new RegExp(`^okx ${code}  spread [0-9.]+ \\([0-9.e-]+ %\\)  sequence ${book.sequence}  age [0-9.]+ s$`),
  );
  const best = [0, 1, 2].map((nth) => [...(book.bids[nth] ?? []), ...(book.asks[nth] ?? [])]);
  expect(levels.map((line) => line.match(/[\d.e-]+/g)?.map(Number))).toEqual(
    best.map(([bid, bidSize, ask, askSize]) => [bidSize, bid, ask, askSize].map(Number)),
  );
}, 120_000);

test('no collector: 69 and the command stays; no broker: 69; no such topic: 78; a wrong line: 64', async () => {
  await collector.stop();
  const target = ['--exchange', 'upbit', '--type', 'trade'];
  expect((await program('send', 'status', ...target, '--timeout-ms', '1500')).code).toBe(69);
  expect((await program('send', 'status', ...target, '--no-wait')).code).toBe(0);
  const commands = await program('tail', 'ws.command', '--from', 'beginning', '--count', '1');
  expect(commands.lines[0]).toMatchObject({ type: 'command', action: 'connect_and_subscribe' });
  expect((await program('tail', 'nowhere')).code).toBe(78);
  expect((await program('send', 'dance', ...target)).code).toBe(64);
  const nobody = { ...env };
  env = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };
  expect((await program('send', 'status', ...target, '--timeout-ms', '1500')).code).toBe(69);
  env = {};
  expect((await program('send', 'status', ...target)).code).toBe(78);
  env = nobody;
}, 120_000);

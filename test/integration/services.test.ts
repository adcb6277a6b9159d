import { expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Type } from 'avsc';
import { readTopic } from '../services/avro-consumer.ts';
import { startKafka } from '../services/kafka.ts';
import { createTopic } from '../services/kafka-wire.ts';
import { produce } from '../services/produce.ts';
import { startRedis } from '../services/redis.ts';
import { startRegistry } from '../services/registry.ts';
import { kafka, redis, registry } from '../services/services.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const schema = {
  type: 'record',
  name: 'Row',
  fields: [{ name: 'price', type: ['null', 'double'], default: null }],
};

function topicName(): string {
  return `services-test-${crypto.randomUUID()}`;
}

async function register(base: string, subject: string): Promise<number> {
  const response = await fetch(`${base}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { id: number }).id;
}

async function command(url: string, line: string): Promise<string> {
  const { hostname, port, password } = new URL(url);
  return await new Promise((resolve, reject) => {
    const login = password ? `AUTH "${decodeURIComponent(password)}"\r\n` : '';
    const socket = connect(Number(port), hostname, () => socket.write(`${login}${line}\r\nQUIT\r\n`));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}

/** A dead process that its new parent has not collected yet has no command line any more. */
function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) && readFileSync(file).length > 0;
}

test('a message of any bytes comes back from Kafka as it was sent', async () => {
  const bootstrap = await kafka();
  const topic = topicName();
  await createTopic(bootstrap, topic);
  await produce({
    bootstrap,
    topic,
    key: 'upbit|KRW-BTC',
    value: { text: 'two\nlines' },
    headers: { a: '1', b: 'x,y' },
  });
  await produce({ bootstrap, topic, value: null, key: 'gone' });
  const messages = await readTopic({ bootstrap, topic });
  expect(messages.map(({ key, value, headers, offset }) => ({ key, value, headers, offset }))).toEqual([
    { key: 'upbit|KRW-BTC', value: { text: 'two\nlines' }, headers: { a: '1', b: 'x,y' }, offset: 0 },
    { key: 'gone', value: null, headers: {}, offset: 1 },
  ]);
});

test('an Avro value is decoded by the schema that the registry gives for its id', async () => {
  const [bootstrap, base] = await Promise.all([kafka(), registry()]);
  const topic = topicName();
  const id = await register(base, `${topic}-value`);
  const found = await fetch(`${base}/subjects/${topic}-value/versions/latest`);
  expect(await found.json()).toMatchObject({ id, version: 1 });
  await createTopic(bootstrap, topic);
  const header = Buffer.alloc(5);
  header.writeInt32BE(id, 1);
  const type = Type.forSchema(schema as never);
  for (const price of [1.5, null]) {
    await produce({ bootstrap, topic, value: Buffer.concat([header, type.toBuffer({ price })]) });
  }
  const messages = await readTopic({ bootstrap, topic, registry: base, until: 2 });
  expect(messages.map(({ value, schemaId }) => ({ price: value?.price, schemaId }))).toEqual([
    { price: 1.5, schemaId: id },
    { price: null, schemaId: id },
  ]);
});

test('a topic that nobody created does not appear by itself', async () => {
  const bootstrap = await kafka();
  const reading = readTopic({ bootstrap, topic: topicName(), timeoutMs: 1_500 });
  await expect(reading).rejects.toThrow('Unknown topic or partition');
});

test('waiting for more messages than come fails with their number', async () => {
  const bootstrap = await kafka();
  const topic = topicName();
  await createTopic(bootstrap, topic);
  await produce({ bootstrap, topic, value: '{}' });
  await expect(readTopic({ bootstrap, topic, until: 2, timeoutMs: 2_000 })).rejects.toThrow('1 messages');
});

test('Redis answers', async () => {
  expect(await command(await redis(), 'PING')).toContain('+PONG');
});

test('a broker keeps its messages over a kill and a freeze, on the same port', async () => {
  const broker = await startKafka();
  const { bootstrap } = broker;
  await createTopic(bootstrap, 'kept');
  await produce({ bootstrap, topic: 'kept', value: '"before"' });
  const bystander = connect(broker.port, '127.0.0.1').on('error', () => {});
  await broker.kill9();
  expect(broker.running).toBe(false);
  await broker.restart();
  bystander.destroy();
  broker.pause();
  const reading = readTopic({ bootstrap, topic: 'kept', until: 2 });
  setTimeout(() => broker.resume(), 300);
  await produce({ bootstrap, topic: 'kept', value: '"after"' });
  expect((await reading).map((message) => message.value as unknown)).toEqual(['before', 'after']);
  await broker.discard();
});

test('a Redis with a password keeps its data over a kill', async () => {
  const server = await startRedis({ password: 'open sesame' });
  expect(await command(server.url, 'SET key value')).toContain('+OK');
  expect(await command(server.url.replace('open%20sesame', 'guess'), 'GET key')).toContain('-WRONGPASS');
  await server.restart();
  expect(await command(server.url, 'GET key')).toContain('value');
  await server.discard();
});

test('Kafka and the registry take their classes from the archives that the installer made', async () => {
  const [broker, schemas] = await Promise.all([startKafka(), startRegistry()]);
  expect(readFileSync(`/proc/${broker.pid}/maps`, 'utf8')).toContain('/kafka.jsa');
  expect(readFileSync(`/proc/${schemas.pid}/maps`, 'utf8')).toContain('/registry.jsa');
  await Promise.all([broker.discard(), schemas.discard()]);
});

test('servers and their folders go with the process that started them, even when it is killed', async () => {
  const starter = `
    import { startRedis } from ${JSON.stringify(join(import.meta.dir, '../services/redis.ts'))};
    import { scratchDir } from ${JSON.stringify(join(import.meta.dir, '../services/scratch.ts'))};
    const server = await startRedis();
    server.pause();
    console.log(JSON.stringify({ pid: server.pid, folder: scratchDir('any') }));
    process.kill(process.pid, 'SIGKILL');
  `;
  const child = Bun.spawn([process.execPath, '-e', starter], { stdout: 'pipe', stderr: 'inherit' });
  const { pid, folder } = JSON.parse(await child.stdout.text());
  await child.exited;
  expect(child.signalCode).toBe('SIGKILL');
  const scratch = dirname(folder);
  for (let i = 0; i < 100 && (isAlive(pid) || existsSync(scratch)); i++) await Bun.sleep(50);
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(scratch)).toBe(false);
});

test('a port that is taken is said, not shared', async () => {
  const first = await startRedis();
  await expect(startRedis({ port: first.port })).rejects.toThrow('it is taken');
  await first.discard();
});

test('a server that ends at once says why', async () => {
  await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow('Bad directive');
});

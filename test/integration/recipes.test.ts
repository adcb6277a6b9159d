import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Schema, Type } from 'avsc';
import { createTopic } from '../services/kafka-wire.ts';
import { kafkaHome, recipesHome, registryHome } from '../services/paths.ts';
import { produce } from '../services/produce.ts';
import { startRegistry } from '../services/registry.ts';
import { scratchDir } from '../services/scratch.ts';
import { kafka } from '../services/services.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const RECIPES = join(import.meta.dir, '../../docs/recipes');
const JARS = join(kafkaHome, 'libs', '*');
const AVRO_JARS = join(registryHome, 'lib');
const schema = readFileSync(join(import.meta.dir, '../../schemas/trade_batch.avsc'), 'utf8');

const RECEIVED_AT = 1_788_335_180_423_518;

/** Trades of one code as one message; a fence of null is a collector that runs alone. */
interface Sent {
  readonly code: string;
  readonly fence: number | null;
  readonly ids: readonly string[];
  readonly late?: string;
}

/** What a reader meets: a change of hands, a straggler of the old holder, rows that are late, repeats, a code without fences. */
const SENT: readonly Sent[] = [
  { code: 'KRW-BTC', fence: 9, ids: ['17883351803770001', '17883351803770002'] },
  { code: 'KRW-BTC', fence: 10, ids: ['17883351803770002', '17883351803770003'] },
  { code: 'KRW-ETH', fence: 9, ids: ['17883351803770001'] },
  { code: 'KRW-BTC', fence: 9, ids: ['17883351803770099'] },
  { code: 'KRW-BTC', fence: 10, ids: ['17883351803770004'] },
  { code: 'KRW-BTC', fence: 8, late: 'outbox', ids: ['17883351803770004', '17883351803770000'] },
  { code: 'KRW-BTC', fence: 99, late: 'backfill', ids: ['17883351803769999'] },
  { code: 'KRW-BTC', fence: 10, ids: ['17883351803770005'] },
  { code: 'KRW-XRP', fence: null, ids: ['5'] },
  { code: 'KRW-XRP', fence: null, ids: ['5', '6'] },
  { code: 'KRW-END', fence: 1, ids: ['0'] },
];
const READ = [
  'KRW-BTC 17883351803770001',
  'KRW-BTC 17883351803770002',
  'KRW-BTC 17883351803770003',
  'KRW-ETH 17883351803770001',
  'KRW-BTC 17883351803770004',
  'KRW-BTC 17883351803770000',
  'KRW-BTC 17883351803769999',
  'KRW-BTC 17883351803770005',
  'KRW-XRP 5',
  'KRW-XRP 6',
  'KRW-END 0',
];

function batchOf({ code, ids }: Sent) {
  const [quote = '', base = ''] = code.split('-');
  const identity = {
    exchange: 'upbit',
    region: 'korea',
    request_type: 'trade',
    symbol: code,
    base,
    quote,
    code,
  };
  const data = ids.map((trade_id) => ({
    ...{ timestamp: RECEIVED_AT - 1, received_at: RECEIVED_AT, stream_type: 'REALTIME', trade_id },
    ...{ price: 106_691_000, volume: 0.5, amount: 53_345_500, side: 'SELL' },
  }));
  return {
    ...{ ticket_id: crypto.randomUUID(), ...identity, timestamp_ms: 1_788_335_180_440 },
    ...{ batch_size: data.length, data },
  };
}

let env: Record<string, string>;

/** Registers the schema as the product does. @returns its id */
async function register(url: string): Promise<number> {
  const answer = await fetch(`${url}/subjects/trade-data-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema }),
  });
  return ((await answer.json()) as { id: number }).id;
}

function wire(id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeInt32BE(id, 1);
  return Buffer.concat([head, body]);
}

beforeAll(async () => {
  // Of its own: what is registered here without a level would spare others of setting it.
  const [bootstrap, { url }] = await Promise.all([kafka(), startRegistry()]);
  env = { KAFKA_BOOTSTRAP_SERVERS: bootstrap, SCHEMA_REGISTRY_URL: url };
  const id = await register(url);
  const type = Type.forSchema(JSON.parse(schema) as Schema);
  for (const topic of ['trade-data.avro', 'trade-data.json']) {
    await createTopic(bootstrap, topic, 1);
    for (const sent of SENT) {
      const batch = batchOf(sent);
      await produce({
        ...{ bootstrap, topic, key: `upbit|${sent.code}` },
        value: topic === 'trade-data.avro' ? wire(id, type.toBuffer(batch)) : batch,
        headers: {
          ...(sent.fence === null ? {} : { fence: String(sent.fence) }),
          ...(sent.late === undefined ? {} : { late: sent.late }),
        },
      });
    }
  }
}, 180_000);

/** Runs a reader until it printed a row of the last message or 60 s are over. @returns its lines */
async function linesOf(argv: readonly string[], more: Record<string, string> = {}): Promise<string[]> {
  const child = Bun.spawn([...argv], {
    env: { PATH: process.env.PATH ?? '', GROUP_ID: crypto.randomUUID(), ...env, ...more },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const said = child.stderr.text();
  let out = '';
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    out += decoder.decode(chunk, { stream: true });
    if (out.includes('KRW-END') && out.endsWith('\n')) break;
  }
  child.kill('SIGKILL');
  await child.exited;
  if (!out.includes('KRW-END')) throw new Error(`it ended before the last row: ${(await said).slice(-2000)}`);
  return out.trimEnd().split('\n');
}

async function ran(argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([...argv], { stdout: 'pipe', stderr: 'pipe', timeout: 60_000 });
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${said.slice(-2000)}`);
  return out;
}

describe('readers keep the rules: fences per key, late rows, repeats', () => {
  test.each(['avro', 'json'])('tail, %s', async (format) => {
    const tail = [process.execPath, join(import.meta.dir, '../../index.ts'), 'tail', `trade-data.${format}`];
    const read = async (...flags: string[]) => {
      const lines = await linesOf([...tail, '--from', 'beginning', ...flags]);
      return lines
        .map((line) => JSON.parse(line))
        .flatMap(({ code, data }) => data.map((row: { trade_id: string }) => `${code} ${row.trade_id}`));
    };
    expect(await read()).toEqual(READ);
    expect(await read('--raw')).toEqual(SENT.flatMap(({ code, ids }) => ids.map((id) => `${code} ${id}`)));
  });

  test.each(['avro', 'json'])('Python, %s', async (format) => {
    const reader = ['python3', join(RECIPES, 'reader.py'), `trade-data.${format}`];
    const rows = (await linesOf(reader, { PYTHONPATH: join(recipesHome, 'python') })).map((line) =>
      JSON.parse(line),
    );
    expect(rows.map(({ code, trade_id }) => `${code} ${trade_id}`)).toEqual(READ);
    expect(rows[0]).toEqual({
      ...{ exchange: 'upbit', symbol: 'KRW-BTC', code: 'KRW-BTC', stream_type: 'REALTIME', side: 'SELL' },
      ...{ timestamp: RECEIVED_AT - 1, received_at: RECEIVED_AT, trade_id: '17883351803770001' },
      ...{ price: 106_691_000, volume: 0.5, amount: 53_345_500 },
    });
  });

  test('Java, Avro', async () => {
    const classes = scratchDir('classes');
    mkdirSync(classes, { recursive: true });
    const [avro = ''] = new Bun.Glob('org.apache.avro.avro-*.jar').scanSync(AVRO_JARS);
    const path = [classes, JARS, join(AVRO_JARS, avro)].join(':');
    await ran(['javac', '-cp', path, '-d', classes, join(RECIPES, 'Reader.java')]);
    const lines = await linesOf(['java', '-Xmx256m', '-cp', path, 'Reader', 'trade-data.avro']);
    const rows = lines.map((line) => line.match(/^upbit (\S+) (\{.*\})$/));
    expect(rows.map((row) => `${row?.[1]} ${JSON.parse(row?.[2] ?? '').trade_id}`)).toEqual(READ);
    expect(JSON.parse(rows[0]?.[2] ?? '')).toMatchObject({
      received_at: RECEIVED_AT,
      price: 106_691_000,
      side: 'SELL',
    });
  }, 120_000);
});

test('every kcat line of the recipes runs as it stands', async () => {
  const page = readFileSync(join(RECIPES, 'README.md'), 'utf8');
  const commands = page.match(/^kcat -.*$/gm) ?? [];
  expect(commands).toHaveLength(3);
  const bootstrap = env.KAFKA_BOOTSTRAP_SERVERS ?? '';
  await createTopic(bootstrap, 'ws.event', 1);
  await createTopic(bootstrap, 'trade-data.korea', 1);
  await produce({ bootstrap, topic: 'ws.event', value: { kind: 'state' } });
  await produce({ bootstrap, topic: 'ws.event', value: { kind: 'gap' } });
  await produce({
    bootstrap,
    topic: 'trade-data.korea',
    key: 'upbit|KRW-BTC',
    headers: { fence: '7' },
    value: 'abc',
  });
  const printed = [];
  for (const command of commands)
    printed.push(await ran(['sh', '-c', command.replace('kafka:9092', bootstrap)]));
  expect(printed).toEqual([
    '{"kind":"state"}\n{"kind":"gap"}\n',
    '0 0 upbit|KRW-BTC fence=7 3 bytes\n',
    '{"kind":"gap"}\n',
  ]);
});

test("Flink's own parser reads the Flink statements", async () => {
  const classes = scratchDir('parser');
  mkdirSync(classes, { recursive: true });
  const path = [classes, join(recipesHome, 'flink', '*')].join(':');
  await ran(['javac', '-cp', path, '-d', classes, join(import.meta.dir, 'recipes', 'ParseSql.java')]);
  const kinds = await ran(['java', '-cp', path, 'ParseSql', join(RECIPES, 'flink.sql')]);
  expect(kinds.split('\n').filter(Boolean)).toEqual(['CREATE_TABLE', 'CREATE_VIEW', 'CREATE_VIEW', 'SELECT']);
}, 120_000);

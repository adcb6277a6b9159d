import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { startRedis } from '../services/redis.ts';
import { type RegistryServer, startRegistry } from '../services/registry.ts';
import { scratchDir } from '../services/scratch.ts';
import { compareTrades, type ReadTrade } from '../simulator/compare.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { complaints, ends, type Program, ROOT, start } from './program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const FAST = ['--set', 'startup.timeout_ms=1500', '--set', 'http.port=0'];
/** Nobody listens there. */
const NOBODY = '127.0.0.1:1';
const UPBIT_TICKER = ['--exchange', 'upbit', '--type', 'ticker', '--symbols', 'KRW-BTC'];

let kafka: KafkaServer;
let registry: RegistryServer;

beforeAll(async () => {
  [kafka, registry] = await Promise.all([startKafka(), startRegistry()]);
}, 120_000);

afterAll(async () => {
  await Promise.all([kafka?.discard(), registry?.discard()]);
});

/** What a run is given, what it ends with, and the words its one message has. */
interface Case {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly says: readonly string[];
}

async function fails({ argv, env = {}, code, says }: Case): Promise<void> {
  const began = Date.now();
  const ended = await ends(argv, env);
  expect(ended).toMatchObject({ code, out: '' });
  expect(complaints(ended.err)).toHaveLength(1);
  for (const words of says) expect(complaints(ended.err)[0]).toContain(words);
  expect(Date.now() - began).toBeLessThan(10_000);
}

describe('the command line', () => {
  const cases: Record<string, Case> = {
    'an unknown command': { argv: ['dance'], code: 64, says: ['dance', 'help'] },
    'an unknown flag': { argv: ['run', '--fast'], code: 64, says: ['--fast', 'help run'] },
    'a flag without its value': { argv: ['run', '--set'], code: 64, says: ['--set', 'help run'] },
    'a word too many': { argv: ['run', 'upbit'], code: 64, says: ['upbit', 'help run'] },
    'an unknown exchange': {
      argv: ['run', '--exchange', 'mtgox', '--type', 'trade', '--symbols', 'A'],
      code: 64,
      says: ['mtgox', 'binance'],
    },
    'a type the exchange does not have': {
      argv: ['run', '--exchange', 'upbit', '--type', 'candles', '--symbols', 'KRW-BTC'],
      code: 64,
      says: ['candles', 'upbit has ticker'],
    },
    'a type before its exchange': {
      argv: ['run', '--type', 'trade', '--exchange', 'upbit'],
      code: 64,
      says: ['--type', 'before any --exchange'],
    },
    'an exchange without symbols': {
      argv: ['run', '--exchange', 'upbit', '--type', 'trade'],
      code: 64,
      says: ['upbit', 'no --symbols'],
    },
    '--set without a value': {
      argv: ['run', '--set', 'batch'],
      code: 64,
      says: ['--set batch', 'path=value'],
    },
    'a file to replay that is not there': {
      argv: ['replay', '--exchange', 'upbit', '--type', 'trade', '/nowhere.ndjson'],
      code: 64,
      says: ['/nowhere.ndjson', 'permissions'],
    },
  };
  test.each(Object.entries(cases))('%s: 64', (_, one) => fails(one));
});

describe('settings', () => {
  const cases: Record<string, Case> = {
    'an unknown setting': {
      argv: ['run', '--set', 'batch.windo_ms=1'],
      code: 78,
      says: ['batch.windo_ms', 'unknown setting', 'help settings'],
    },
    'a value of the wrong type': { argv: ['run', '--set', 'http.port=abc'], code: 78, says: ['http.port'] },
    'an ENV there is no file for': {
      argv: ['run'],
      env: { ENV: 'nope' },
      code: 78,
      says: ['ENV=nope', 'ENV=prod'],
    },
    'a folder that is not there': {
      argv: ['run', '--config', '/nowhere'],
      code: 78,
      says: ['/nowhere/settings.yaml', '--config'],
    },
    'Kafka without a registry, and nobody said JSON': {
      argv: ['run'],
      env: { KAFKA_BOOTSTRAP_SERVERS: NOBODY },
      code: 78,
      says: ['schema_registry.url', 'SCHEMA_REGISTRY_URL', 'messaging.use_avro=false'],
    },
    'production without Kafka': {
      argv: ['run'],
      env: { ENV: 'prod' },
      code: 78,
      says: ['ENV=prod needs Kafka and Redis', 'KAFKA_BOOTSTRAP_SERVERS'],
    },
    'production without Redis': {
      argv: ['run'],
      env: { ENV: 'prod', KAFKA_BOOTSTRAP_SERVERS: NOBODY, SCHEMA_REGISTRY_URL: `http://${NOBODY}` },
      code: 78,
      says: ['redis.url', 'REDIS_URL'],
    },
    'a certificate that is not there': {
      argv: ['run', ...FAST, '--set', 'exchanges.upbit.ca_file=/nowhere.pem', ...UPBIT_TICKER],
      code: 78,
      says: ['exchanges.upbit.ca_file', '/nowhere.pem'],
    },
    'a stream of an exchange there is not': {
      argv: ['run', ...FAST, '--set', 'streams=[{exchange: mtgox, type: ticker, symbols: [A]}]'],
      code: 78,
      says: ['mtgox', 'streams'],
    },
  };
  test.each(Object.entries(cases))('%s: 78', (_, one) => fails(one));

  test('a file that is a folder: 78', async () => {
    const folder = scratchDir('config');
    mkdirSync(join(folder, 'settings.yaml'), { recursive: true });
    await fails({ argv: ['run', '--config', folder], code: 78, says: [join(folder, 'settings.yaml')] });
  });

  test('a file that is no YAML: 78, and its secrets stay in it', async () => {
    const folder = scratchDir('config');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'settings.yaml'), 'redis:\n  password: "hunter2\n');
    const { code, err } = await ends(['run', '--config', folder]);
    expect(code).toBe(78);
    expect(complaints(err)).toHaveLength(1);
    expect(err).toContain(join(folder, 'settings.yaml'));
    expect(err).not.toContain('hunter2');
  });

  test('a port in use: 78, naming it', async () => {
    const port = await freePort();
    const holder = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } });
    try {
      await fails({
        argv: ['run', '--set', `http.port=${port}`],
        code: 78,
        says: [`127.0.0.1:${port}`, 'HTTP_PORT'],
      });
    } finally {
      holder.stop(true);
    }
  });
});

describe('a service that is not there at start', () => {
  const cases: Record<string, Case> = {
    broker: {
      argv: ['run', ...FAST, '--set', 'messaging.use_avro=false'],
      env: { KAFKA_BOOTSTRAP_SERVERS: NOBODY },
      code: 69,
      says: ['broker_unavailable', NOBODY, 'within 1500 ms', 'kafka.bootstrap_servers'],
    },
    registry: {
      argv: ['run', ...FAST],
      env: { SCHEMA_REGISTRY_URL: `http://${NOBODY}/apis` },
      code: 69,
      says: ['registry_unavailable', `http://${NOBODY}/apis`, 'schema_registry.url'],
    },
    Redis: {
      argv: ['run', ...FAST],
      env: { REDIS_URL: `redis://:hunter2@${NOBODY}` },
      code: 69,
      says: ['redis_unavailable', NOBODY, 'REDIS_URL'],
    },
  };
  test.each(Object.entries(cases))('%s: 69', async (_, one) => {
    await fails(one);
    expect((await ends(one.argv, one.env)).err).not.toContain('hunter2');
  });
});

describe('schemas', () => {
  const env = () => ({ KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, SCHEMA_REGISTRY_URL: registry.url });

  test('missing, and not to be registered: 78, naming the command that does', () =>
    fails({
      argv: ['run', ...FAST, '--set', 'schema_registry.register=false'],
      env: env(),
      code: 78,
      says: ['schema_missing', 'ticker-data-value', 'ticker_batch.avsc', 'kor-coin-stream schemas register'],
    }));

  test('incompatible: 78, naming subject and file', async () => {
    const schema = JSON.stringify({
      type: 'record',
      name: 'TradeBatch',
      namespace: 'kor_coin_stream',
      fields: [{ name: 'ticket_id', type: 'int' }],
    });
    const subject = `${registry.url}/subjects/trade-data-value`;
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const level = JSON.stringify({ compatibility: 'BACKWARD' });
    await fetch(`${subject}/versions`, { method: 'POST', headers, body: JSON.stringify({ schema }) });
    await fetch(`${registry.url}/config/trade-data-value`, { method: 'PUT', headers, body: level });
    try {
      await fails({
        argv: ['run', ...FAST],
        env: env(),
        code: 78,
        says: ['schema_incompatible', 'trade-data-value', 'trade_batch.avsc'],
      });
    } finally {
      await fetch(subject, { method: 'DELETE' });
      await fetch(`${subject}?permanent=true`, { method: 'DELETE' });
    }
  });
});

interface DeadLetter {
  readonly meta: { readonly raw_context: { readonly frame_base64: string; readonly truncated: boolean } };
}

function streamsOf(simulator: Simulator): string[] {
  return ['--exchange', 'upbit', '--type', 'trade', '--symbols', simulator.symbols('upbit').join(',')];
}

/** A collector of all trades of the simulator, with whatever else the environment names. */
function collect(simulator: Simulator, env: Readonly<Record<string, string>>, ...flags: string[]): Program {
  return start(['run', '--set', 'http.port=0', ...flags, ...streamsOf(simulator)], {
    ...simulator.env(),
    KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
    SCHEMA_REGISTRY_URL: registry.url,
    ...env,
  });
}

function received(simulator: Simulator, atLeast: number): Promise<void> {
  return until(() => simulator.ledger.trades('upbit').length >= atLeast);
}

async function until(check: () => boolean, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !check(); await Bun.sleep(20))
    if (Date.now() > end) throw new Error('it did not come to that');
}

/** Lets everything arrive, ends the collector in order, and compares what Kafka holds with what was sent. */
async function endAndCompare(program: Program, simulator: Simulator): Promise<string> {
  await simulator.do({ do: 'rate', rowsPerS: 0 });
  await Bun.sleep(300);
  program.kill('SIGTERM');
  const { code, err } = await program.ended;
  if (code !== 0) throw new Error(`exit code ${code}:\n${err.slice(-4000)}`);
  const messages = await readTopic<{ symbol: string; data: ReadTrade[] }>({
    bootstrap: kafka.bootstrap,
    topic: 'trade-data.korea',
    registry: registry.url,
  });
  const sent = new Set(simulator.ledger.trades('upbit').map(({ id }) => id));
  const read = messages.flatMap(
    ({ value }) => value?.data.map((row) => ({ ...row, symbol: value.symbol })) ?? [],
  );
  // Earlier tests wrote to the same topic.
  const own = read.filter(({ trade_id }) => sent.has(trade_id));
  expect(compareTrades(simulator.ledger, 'upbit', own)).toEqual({
    missing: [],
    foreign: [],
    repeated: [],
    disordered: [],
    altered: [],
  });
  return err;
}

describe('under way', () => {
  test('a malformed frame, a price that is none and 5 MB: dead letters, the socket and its neighbours live on', async () => {
    const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 10, rowsPerS: 300, seed: 7 });
    const [symbol = ''] = simulator.symbols('upbit');
    const program = collect(simulator, {});
    try {
      await received(simulator, 100);
      await simulator.do({ do: 'garbage', exchange: 'upbit', kind: 'truncated' });
      await simulator.do({ do: 'nan', exchange: 'upbit', type: 'trade', symbol });
      await simulator.do({ do: 'big', exchange: 'upbit', broken: true });
      await received(simulator, simulator.ledger.trades('upbit').length + 300);
      const letters = await readTopic<DeadLetter>({ bootstrap: kafka.bootstrap, topic: 'ws.dlq', until: 3 });
      const frames = letters.flatMap(({ value }) =>
        value ? [Buffer.from(value.meta.raw_context.frame_base64, 'base64').toString()] : [],
      );
      expect(frames[0]).toBe('{"type":"trade","code":"KRW-');
      expect(frames[1]).toContain(`"code":"${symbol}"`);
      expect(frames[2]).toStartWith('{"pad":"xxx');
      expect(letters.map(({ value }) => value?.meta.raw_context.truncated)).toEqual([false, false, true]);
      await endAndCompare(program, simulator);
      expect(simulator.ledger.of('open')).toHaveLength(1);
    } finally {
      program.kill('SIGKILL');
      await simulator.stop();
    }
  });

  test('registry, Redis, market list and broker lost and back: it runs on, and nothing is lost', async () => {
    const [redis, simulator] = await Promise.all([
      startRedis(),
      startSimulator({ exchanges: ['upbit'], symbols: 20, rowsPerS: 300, seed: 8 }),
    ]);
    const program = collect(simulator, { REDIS_URL: redis.url }, '--set', 'markets.refresh_ms=500');
    try {
      await received(simulator, 200);
      registry.pause();
      await redis.kill9();
      await simulator.do({ do: 'rest', exchange: 'upbit', status: 503 });
      await Bun.sleep(1500);
      await kafka.kill9();
      await Bun.sleep(2000);
      await Promise.all([kafka.restart(), redis.restart()]);
      await program.said('Redis is back');
      await Bun.sleep(3000);
      registry.resume();
      const err = await endAndCompare(program, simulator);
      expect(err).toContain('Redis is away');
      expect(err).toContain('market list');
      expect(simulator.ledger.of('open')).toHaveLength(1);
    } finally {
      registry.resume();
      program.kill('SIGKILL');
      await Promise.all([redis.discard(), simulator.stop()]);
    }
  });

  test('no market list at start: symbols are split by their form, the failure is told, data flows', async () => {
    const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 5, rowsPerS: 200, seed: 9 });
    await simulator.do({ do: 'rest', exchange: 'upbit', status: 503 });
    const program = collect(simulator, {});
    try {
      await received(simulator, 100);
      const err = await endAndCompare(program, simulator);
      expect(err).toContain('market list');
    } finally {
      program.kill('SIGKILL');
      await simulator.stop();
    }
  });
});

describe('the end', () => {
  test('a signal while a service is waited for ends the wait, with 0', async () => {
    const env = { KAFKA_BOOTSTRAP_SERVERS: NOBODY };
    const argv = ['run', '--set', 'http.port=0', '--set', 'messaging.use_avro=false'];
    const program = start(argv, env);
    await program.said('Kafka client');
    const asked = Date.now();
    program.kill('SIGTERM');
    const { code, err } = await program.ended;
    expect({ code, complaints: complaints(err) }).toEqual({ code: 0, complaints: [] });
    expect(Date.now() - asked).toBeLessThan(3000);
  });

  test('a second signal ends at once, with 69', async () => {
    const broker = await startKafka();
    const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 100, seed: 10 });
    const program = collect(simulator, { KAFKA_BOOTSTRAP_SERVERS: broker.bootstrap });
    try {
      await received(simulator, 50);
      await broker.kill9();
      await received(simulator, simulator.ledger.trades('upbit').length + 50);
      program.kill('SIGTERM');
      await program.said('stopping');
      await Bun.sleep(300);
      const again = Date.now();
      program.kill('SIGTERM');
      expect((await program.ended).code).toBe(69);
      expect(Date.now() - again).toBeLessThan(1000);
    } finally {
      program.kill('SIGKILL');
      await Promise.all([broker.discard(), simulator.stop()]);
    }
  });

  test('the broker away at the stop deadline: 69, with the count of rows', async () => {
    const broker = await startKafka();
    const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 100, seed: 11 });
    const env = { KAFKA_BOOTSTRAP_SERVERS: broker.bootstrap };
    const program = collect(simulator, env, '--set', 'shutdown.timeout_ms=3000');
    try {
      await received(simulator, 50);
      await broker.kill9();
      await received(simulator, simulator.ledger.trades('upbit').length + 50);
      program.kill('SIGTERM');
      const { code, err } = await program.ended;
      expect(code).toBe(69);
      const { error_code, exit, msg } = JSON.parse(complaints(err).at(-1) ?? '');
      expect([error_code, exit]).toEqual(['undelivered', 69]);
      expect(msg).toMatch(/^undelivered: \d+ rows: \d\d+ rows .* not acknowledged within 3000 ms/);
    } finally {
      program.kill('SIGKILL');
      await Promise.all([broker.discard(), simulator.stop()]);
    }
  });
});

describe('the binary where its addon cannot be unpacked', () => {
  const binary = join(scratchDir('binary'), 'kor-coin-stream');

  beforeAll(() => {
    const argv = [process.execPath, 'build', '--compile', 'index.ts', '--outfile', binary];
    const built = Bun.spawnSync(argv, { cwd: ROOT });
    if (!built.success) throw new Error(built.stderr.toString());
  }, 60_000);

  test('Kafka was asked for: 78, naming TMPDIR', async () => {
    const env = { TMPDIR: '/nowhere', KAFKA_BOOTSTRAP_SERVERS: NOBODY };
    const argv = ['run', ...FAST, '--set', 'messaging.use_avro=false'];
    const { code, err } = await ends(argv, env, { binary });
    expect(code).toBe(78);
    expect(complaints(err)).toHaveLength(1);
    for (const words of ['addon_unavailable', '/nowhere', 'Set TMPDIR'])
      expect(complaints(err)[0]).toContain(words);
  });

  test('nobody asked for it: rows go to standard output, and the log says what would mend it', async () => {
    const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 100, seed: 12 });
    const env = { ...simulator.env(), TMPDIR: '/nowhere' };
    const program = start(['run', ...FAST, ...streamsOf(simulator)], env, { binary });
    await received(simulator, 50);
    program.kill('SIGTERM');
    const { code, out, err } = await program.ended;
    expect(code).toBe(0);
    expect(err).toContain('Rows go to standard output instead. To mend it: Set TMPDIR');
    const rows = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ReadTrade]));
    expect(compareTrades(simulator.ledger, 'upbit', rows)).toMatchObject({ foreign: [], disordered: [] });
    expect(rows.length).toBeGreaterThan(40);
    await simulator.stop();
  });
});

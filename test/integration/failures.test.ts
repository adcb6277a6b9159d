import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { startRedis } from '../services/redis.ts';
import { type RegistryServer, startRegistry } from '../services/registry.ts';
import { scratchDir } from '../services/scratch.ts';
import { compareTrades, type ReadTrade } from '../simulator/compare.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { allTrades, complaints, ends, FAST, NOBODY, type Program, ROOT, start } from './program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** What goes wrong while the program runs, and how it ends. */

let kafka: KafkaServer;
let registry: RegistryServer;

beforeAll(async () => {
  [kafka, registry] = await Promise.all([startKafka(), startRegistry()]);
}, 120_000);

afterAll(async () => {
  await Promise.all([kafka?.discard(), registry?.discard()]);
});

interface DeadLetter {
  readonly meta: { readonly raw_context: { readonly frame_base64: string; readonly truncated: boolean } };
}

/** A collector of all trades of the simulator, with whatever else the environment names. */
function collect(simulator: Simulator, env: Readonly<Record<string, string>>, ...flags: string[]): Program {
  return start(['run', '--set', 'http.port=0', ...flags, ...allTrades(simulator)], {
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
      expect(msg).toMatch(/^undelivered: the broker: \d\d+ rows .* not acknowledged within 3000 ms/);
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
    for (const words of ['addon_unavailable', '/nowhere', 'TMPDIR=/var/tmp kor-coin-stream run'])
      expect(complaints(err)[0]).toContain(words);
  });

  test('check foretells it, with the command that mends it', async () => {
    const { code, out } = await ends(['check', '--no-exchanges'], { TMPDIR: '/nowhere' }, { binary });
    expect(code).toBe(78);
    expect(out).toMatch(
      /FAIL {2}TMPDIR: addon_unavailable: \/nowhere: .*TMPDIR=\/var\/tmp kor-coin-stream run/,
    );
    expect(out).toContain('FAIL  Kafka addon: addon_unavailable');
  });

  test('nobody asked for it: rows go to standard output, and the log says what would mend it', async () => {
    const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 100, seed: 12 });
    const env = { ...simulator.env(), TMPDIR: '/nowhere' };
    const program = start(['run', ...FAST, ...allTrades(simulator)], env, { binary });
    await received(simulator, 50);
    program.kill('SIGTERM');
    const { code, out, err } = await program.ended;
    expect(code).toBe(0);
    expect(err).toMatch(
      /Rows go to standard output instead. To mend it: .* TMPDIR=\/var\/tmp kor-coin-stream run/,
    );
    const rows = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ReadTrade]));
    expect(compareTrades(simulator.ledger, 'upbit', rows)).toMatchObject({ foreign: [], disordered: [] });
    expect(rows.length).toBeGreaterThan(40);
    await simulator.stop();
  });
});

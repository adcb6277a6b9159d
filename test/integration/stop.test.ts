import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { startRedis } from '../services/redis.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { complaints, type Program, start } from './program.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** The end of the program, whatever hangs. */

const STOP_MS = 3000;
/** From the end of the stop to the end of the process, on a busy machine. */
const EXIT_MS = 2500;
const BASE = ['run', '--set', 'http.port=0', '--set', `shutdown.timeout_ms=${STOP_MS}`];
const JSON_ONLY = ['--set', 'messaging.use_avro=false'];

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 100, seed: 41 });
});
afterAll(() => simulator?.stop());

/** A server that takes every connection and never says a word. */
function mute() {
  let connections = 0;
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open() {
        connections++;
      },
      data() {},
    },
  });
  return {
    address: `127.0.0.1:${server.port}`,
    asked: () => until(() => connections > 0),
    stop: () => server.stop(true),
  };
}

async function until(check: () => boolean, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; !check(); await Bun.sleep(20))
    if (Date.now() > end) throw new Error('it did not come to that');
}

function streams(): string[] {
  return ['--exchange', 'upbit', '--type', 'trade', '--symbols', simulator.symbols('upbit').join(',')];
}

async function received(more: number): Promise<void> {
  const from = simulator.ledger.trades('upbit').length;
  await until(() => simulator.ledger.trades('upbit').length >= from + more);
}

/** Sends the signal; the exit code, what was said, and how long it took. */
async function end(program: Program, signal: NodeJS.Signals = 'SIGTERM') {
  const asked = performance.now();
  program.kill(signal);
  const { code, err } = await program.ended;
  return { code, err, tookMs: performance.now() - asked };
}

describe('a start that waits', () => {
  const waits: Record<string, (address: string) => { argv?: string[]; env: Record<string, string> }> = {
    'for a broker': (address) => ({ argv: JSON_ONLY, env: { KAFKA_BOOTSTRAP_SERVERS: address } }),
    'for a registry': (address) => ({ env: { SCHEMA_REGISTRY_URL: `http://${address}` } }),
    'for Redis': (address) => ({ env: { REDIS_URL: `redis://${address}` } }),
    'for a market list': (address) => ({
      argv: ['--set', 'messaging.driver=stdout', ...streams()],
      env: { ...simulator.env(), EXCHANGE_UPBIT_REST_URL: `http://${address}` },
    }),
  };
  test.each(Object.entries(waits))('%s ends at once', async (_, wait) => {
    const server = mute();
    const { argv = [], env } = wait(server.address);
    const program = start([...BASE, ...argv], env);
    try {
      await server.asked();
      const { code, err, tookMs } = await end(program);
      expect({ code, complaints: complaints(err) }).toEqual({ code: 0, complaints: [] });
      expect(tookMs).toBeLessThan(EXIT_MS);
    } finally {
      program.kill('SIGKILL');
      server.stop();
    }
  });
});

describe('a service that freezes under way', () => {
  let kafka: KafkaServer;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.discard());

  const collect = (env: Record<string, string> = {}) =>
    start([...BASE, ...JSON_ONLY, ...streams()], {
      ...simulator.env(),
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      ...env,
    });

  test('the broker: the stop ends in its time, says what it left and 69', async () => {
    const program = collect();
    try {
      await program.said('partitions of the group changed');
      await received(100);
      kafka.pause();
      await received(200);
      const { code, err, tookMs } = await end(program);
      expect(tookMs).toBeLessThan(STOP_MS + EXIT_MS);
      expect(code).toBe(69);
      const { error_code, phase, msg } = JSON.parse(complaints(err).at(-1) ?? '');
      expect([error_code, phase]).toEqual(['undelivered', 'stop']);
      expect(msg).toMatch(
        /\d\d+ rows \(\d+ messages in all\) were not acknowledged within 3000 ms, of upbit trade/,
      );
    } finally {
      kafka.resume();
      program.kill('SIGKILL');
    }
  });

  test('Redis: the rows are delivered, the stop ends in its time and says what hung', async () => {
    const redis = await startRedis();
    const program = collect({ REDIS_URL: redis.url });
    try {
      await received(100);
      redis.pause();
      const { code, err, tookMs } = await end(program);
      expect(tookMs).toBeLessThan(STOP_MS + EXIT_MS);
      expect(code).toBe(69);
      const { error_code, msg } = JSON.parse(complaints(err).at(-1) ?? '');
      expect(error_code).toBe('stop_incomplete');
      expect(msg).toContain('state store');
      expect(msg).toContain('everything received is acknowledged');
    } finally {
      redis.resume();
      program.kill('SIGKILL');
      await redis.discard();
    }
  });
});

describe('signals', () => {
  const run = () =>
    start([...BASE, '--set', 'messaging.driver=stdout', ...streams()], { ...simulator.env() });

  test.each(['SIGHUP', 'SIGINT', 'SIGTERM'] as const)(
    '%s drains: every row received is written',
    async (signal) => {
      const program = run();
      await received(100);
      program.kill(signal);
      const { code, out, err } = await program.ended;
      expect(code).toBe(0);
      expect(err).toContain(`"signal":"${signal}"`);
      expect(err).toContain('stopped, everything received is acknowledged');
      expect(out.split('\n').length).toBeGreaterThan(50);
    },
  );

  test('under nohup the end of a terminal is none of ours', async () => {
    const { PATH = '', HOME = '' } = process.env;
    const child = Bun.spawn(
      ['nohup', process.execPath, 'index.ts', ...BASE, '--set', 'messaging.driver=stdout', ...streams()],
      { env: { PATH, HOME, ...simulator.env() }, stdout: 'pipe', stderr: 'ignore', stdin: 'ignore' },
    );
    const out = child.stdout.text();
    await received(100);
    child.kill('SIGHUP');
    await received(200);
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    expect(await child.exited).toBe(0);
    expect((await out).split('\n').length).toBeGreaterThan(200);
  });
});

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { type RegistryServer, startRegistry } from '../services/registry.ts';
import { scratchDir } from '../services/scratch.ts';
import { complaints, ends, FAST, NOBODY } from './program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** What keeps the program from starting: one message, and the exit code that a script goes by. */

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
    'a word too many for a command without any': { argv: ['version', 'now'], code: 64, says: ['now'] },
    'a lifetime that is no number': {
      argv: ['send', 'status', '--exchange', 'upbit', '--type', 'trade', '--ttl-ms', 'soon'],
      code: 64,
      says: ['--ttl-ms soon', 'milliseconds'],
    },
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

  /** `check` finds beforehand what `run` would end with. */
  async function foretold({ argv: [, ...flags], env, code, says }: Case): Promise<void> {
    const checked = await ends(['check', '--no-exchanges', ...flags], env);
    expect(checked.code).toBe(code);
    for (const words of says) expect(checked.out).toContain(words);
  }

  test('missing, and not to be registered: 78, naming the command that does', async () => {
    const locked = {
      argv: ['run', ...FAST, '--set', 'schema_registry.register=false'],
      env: env(),
      code: 78,
      says: ['schema_missing', 'ticker-data-value', 'ticker_batch.avsc', 'kor-coin-stream schemas register'],
    };
    await fails(locked);
    await foretold(locked);
  });

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
      const taken = {
        argv: ['run', ...FAST],
        env: env(),
        code: 78,
        says: ['schema_incompatible', 'trade-data-value', 'trade_batch.avsc'],
      };
      await fails(taken);
      await foretold(taken);
    } finally {
      await fetch(subject, { method: 'DELETE' });
      await fetch(`${subject}?permanent=true`, { method: 'DELETE' });
    }
  });
});

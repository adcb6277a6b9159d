import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { describe as describeFault, Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import { maskText } from '../../src/common/log-text.ts';
import { chooseDrivers } from '../../src/config/drivers.ts';
import { loadSettings, type Sources } from '../../src/config/load.ts';
import { declared, setting } from '../../src/config/setting.ts';
import { type Settings, settingsSchema } from '../../src/config/settings.ts';
import { scratchDir } from '../services/scratch.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = scratchDir('settings');
  mkdirSync(folder, { recursive: true });
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function load(sources: Partial<Sources> = {}): Settings {
  return loadSettings({ folder: null, environment: {}, overrides: [], flags: {}, ...sources });
}

function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('layers', () => {
  test('defaults ← settings.yaml ← {ENV}.yaml ← environment ← flags ← --set, merged key by key', () => {
    const folder = folderOf({
      'settings.yaml':
        'batch: {window_ms: 1, max_rows: 1}\nkafka: {linger_ms: 1, partitions: 1}\nhttp: {port: 1}\n',
      'lab.yaml': 'batch: {window_ms: 2}\nkafka: {linger_ms: 2, partitions: 2}\nhttp: {port: 2}\n',
    });
    const settings = load({
      folder,
      environment: { ENV: 'lab', KAFKA_PARTITIONS: '3', HTTP_PORT: '3' },
      flags: { http: { port: 4, host: '::1' } },
      overrides: ['http.port=5', 'http.port=6'],
    });
    expect(settings.env).toBe('lab');
    expect(settings.batch).toMatchObject({ window_ms: 2, max_rows: 1, max_bytes: 256 * 1024 });
    expect(settings.kafka).toMatchObject({ linger_ms: 2, partitions: 3 });
    expect(settings.http).toMatchObject({ host: '::1', port: 6 });
  });

  test('ENV may come from settings.yaml or --set as well; lists are replaced, not joined', () => {
    const folder = folderOf({
      'settings.yaml': 'env: lab\nredis: {sentinels: [a:1, b:2]}',
      'lab.yaml': 'redis: {sentinels: [c:3]}',
      'other.yaml': 'redis: {db: 7}',
    });
    expect(load({ folder }).redis.sentinels).toEqual(['c:3']);
    expect(load({ folder, overrides: ['env=other'] }).redis).toMatchObject({
      db: 7,
      sentinels: ['a:1', 'b:2'],
    });
  });

  test('prod is built in, and looks schemas up only', () => {
    expect(load({ environment: { ENV: 'prod' } })).toMatchObject({
      schema_registry: { register: false },
      kafka: { replication_factor: 3 },
    });
  });

  test('a folder needs settings.yaml, and {ENV}.yaml where an ENV is named', () => {
    const folder = folderOf({ 'settings.yaml': 'http: {port: 1}' });
    expect(load({ folder }).http.port).toBe(1);
    const missing = faultOf(() => load({ folder, environment: { ENV: 'prod' } }));
    expect(missing).toMatchObject({ code: 'config_unreadable', subject: join(folder, 'prod.yaml') });
    const nowhere = join(folder, 'nowhere');
    expect(faultOf(() => load({ folder: nowhere }))).toMatchObject({
      code: 'config_unreadable',
      subject: join(nowhere, 'settings.yaml'),
    });
  });

  test.each(['stage', 'settings', '../dev', 'constructor', '__proto__', 'a b'])(
    'ENV=%s is refused',
    (env) => {
      expect(faultOf(() => load({ environment: { ENV: env } }))).toMatchObject({
        code: 'config_invalid',
        subject: `ENV=${env}`,
      });
    },
  );
});

describe('environment', () => {
  test('every declared name reaches its setting', () => {
    const settings = load({
      environment: {
        KAFKA_BOOTSTRAP_SERVERS: 'a:1,b:2',
        KAFKA_CONSUMER_GROUP_ID: 'g',
        SCHEMA_REGISTRY_URL: 'http://r/apis',
        REDIS_HOST: 'h',
        REDIS_PORT: '6380',
        REDIS_SSL: 'true',
        REDIS_SENTINELS: 's:1, t:2',
        LOG_LEVEL: 'warn',
        HTTP_HOST: '0.0.0.0',
        HTTP_PORT: '0',
      },
    });
    expect(settings).toMatchObject({
      kafka: { bootstrap_servers: 'a:1,b:2', group_id: 'g' },
      schema_registry: { url: 'http://r/apis' },
      redis: { host: 'h', port: 6380, ssl: true, sentinels: ['s:1', 't:2'] },
      log: { level: 'warn' },
      http: { host: '0.0.0.0', port: 0 },
    });
  });

  test('KAFKA_SCHEMA_REGISTER stands in for SCHEMA_REGISTRY_URL; empty variables say nothing', () => {
    const old = { KAFKA_SCHEMA_REGISTER: 'http://old' };
    expect(load({ environment: old }).schema_registry.url).toBe('http://old');
    expect(load({ environment: { ...old, SCHEMA_REGISTRY_URL: '' } }).schema_registry.url).toBe('http://old');
    expect(load({ environment: { ...old, SCHEMA_REGISTRY_URL: 'http://new' } }).schema_registry.url).toBe(
      'http://new',
    );
    expect(load({ environment: { HTTP_PORT: '', ENV: '' } })).toMatchObject({
      env: 'dev',
      http: { port: 9464 },
    });
  });

  test('EXCHANGE_<ID>_URL and EXCHANGE_<ID>_REST_URL; those of no exchange are not ours', () => {
    const { exchanges } = load({
      environment: {
        EXCHANGE_UPBIT_URL: 'ws://127.0.0.1:1/upbit',
        EXCHANGE_OKX_REST_URL: 'http://127.0.0.1:2',
        EXCHANGE_RATE_URL: 'x',
      },
    });
    expect(exchanges).toMatchObject({
      upbit: { url: 'ws://127.0.0.1:1/upbit', rest_url: null },
      okx: { url: null, rest_url: 'http://127.0.0.1:2' },
    });
    expect(Object.keys(exchanges).sort()).toEqual(['okx', 'upbit']);
  });
});

describe('values', () => {
  test('--set takes YAML scalars, lists and maps', () => {
    const settings = load({
      overrides: [
        'messaging.use_avro=false',
        'budget.stream_share=0.5',
        'kafka.bootstrap_servers=null',
        'redis.url="redis://h:1"',
        'redis.sentinels=[a:1]',
        'kafka.options={sasl.username: u=v}',
      ],
    });
    expect(settings).toMatchObject({
      messaging: { use_avro: false },
      budget: { stream_share: 0.5 },
      kafka: { bootstrap_servers: null, options: { 'sasl.username': 'u=v' } },
      redis: { url: 'redis://h:1', sentinels: ['a:1'] },
    });
  });

  test("librdkafka's dotted names are one key each; LOG_LEVEL comes in any case", () => {
    const overrides = ['kafka.options.security.protocol=ssl', 'kafka.options.sasl.password=007'];
    expect(load({ overrides }).kafka.options).toEqual({ 'security.protocol': 'ssl', 'sasl.password': '007' });
    expect(load({ environment: { LOG_LEVEL: 'DEBUG' } }).log.level).toBe('debug');
  });

  test('text stays as it is written, digits and all', () => {
    for (const secret of ['12345', '007', '1e3', '0x10', 'true', '1.50']) {
      const file = folderOf({
        'settings.yaml': `redis: {password: ${secret}}\nkafka: {options: {sasl.password: ${secret}}}`,
      });
      expect(load({ environment: { REDIS_PASSWORD: secret } }).redis.password).toBe(secret);
      expect(load({ overrides: [`redis.password=${secret}`] }).redis.password).toBe(secret);
      expect(load({ folder: file }).redis.password).toBe(secret);
      expect(load({ folder: file }).kafka.options['sasl.password']).toBe(secret);
    }
  });
});

describe('what is refused', () => {
  test.each([
    [['nope=1'], 'nope'],
    [['batch.windo_ms=1'], 'batch.windo_ms'],
    [['exchanges.foo.url=ws://h'], 'exchanges.foo'],
    [['exchanges.upbit.uri=ws://h'], 'exchanges.upbit.uri'],
    [['exchanges.upbit.url=localhost:1'], 'exchanges.upbit.url'],
    [['http.port=70000'], 'http.port'],
    [['http.port=abc'], 'http.port'],
    [['batch.max_rows=0'], 'batch.max_rows'],
    [['messaging.driver=carrier-pigeon'], 'messaging.driver'],
    [['streams=[{exchange: upbit, type: candles, symbols: [A]}]'], 'streams.0.type.0'],
    [['streams=[{exchange: upbit, type: [ticker, candles], symbols: [A]}]'], 'streams.0.type.1'],
    [['exchanges={kraken: {orderbook: 50}}'], 'exchanges.kraken.orderbook'],
    [['streams=[{exchange: mtgox, type: ticker, symbols: [A]}]'], 'streams.0.exchange'],
    [['kafka.options={security: {protocol: ssl}}'], 'kafka.options.security'],
    [['redis.url=localhost:6379'], 'redis.url'],
    [['redis.url=redis://a:1,http://b:2'], 'redis.url'],
    [['__proto__.x=1'], '__proto__'],
    [['batch.__proto__=1'], 'batch.__proto__'],
    [['batch=1'], 'batch'],
  ])('%p with its path', (overrides, path) => {
    const fault = faultOf(() => load({ overrides }));
    expect(fault).toMatchObject({ code: 'config_invalid', subject: path });
    expect(fault.message).toContain(`${path}: `);
  });

  test('all of them at once, in one line', () => {
    const fault = faultOf(() => load({ overrides: ['nope=1', 'http.porto=1', 'log.level=loud'] }));
    expect(fault.subject.split(', ').sort()).toEqual(['http.porto', 'log.level', 'nope']);
    expect(describeFault(fault)).not.toContain('\n');
  });

  test('a time that no timer holds, by its path', () => {
    const paths = ['batch.window_ms', 'startup.timeout_ms', 'redis.connection_timeout', 'markets.refresh_ms'];
    for (const path of paths)
      expect(faultOf(() => load({ overrides: [`${path}=3000000000`] })).message).toContain(path);
  });

  test('told in one sentence that names the path once', () => {
    const fault = faultOf(() => load({ overrides: ['http.porto=1'] }));
    expect(describeFault(fault)).toBe(
      'config_invalid: http.porto: unknown setting. Did you mean http.port? Correct it; `kor-coin-stream help settings` lists every setting.',
    );
    const words = new Fault('config_invalid', 'kafka.options', 'out of range\n', 'See there.');
    expect(describeFault(words)).toBe('config_invalid: kafka.options: out of range. See there.');
  });

  test.each(['novalue', '=1', '.a=1', 'a..b=1'])('--set %s is a usage error', (override) => {
    expect(faultOf(() => load({ overrides: [override] })).code).toBe('usage');
  });

  test('broken YAML, by file and line, without a word of its text', () => {
    const folder = folderOf({ 'settings.yaml': 'redis:\n  password: "hunter2\n' });
    const fault = faultOf(() => load({ folder }));
    expect(fault).toMatchObject({ code: 'config_invalid', subject: join(folder, 'settings.yaml') });
    expect(fault.message).toContain('line');
    for (const said of [
      describeFault(fault),
      describeFault(faultOf(() => load({ overrides: ['redis.password="hunter2'] }))),
      describeFault(faultOf(() => load({ overrides: ['redis.password:hunter2'] }))),
    ]) {
      expect(said).not.toContain('hunter2');
      expect(said).not.toContain('\n');
    }
    expect(faultOf(() => load({ folder: folderOf({ 'settings.yaml': '- a' }) })).message).toContain('map');
  });
});

describe('drivers', () => {
  const KAFKA = 'kafka.bootstrap_servers=a:1';
  const REGISTRY = 'schema_registry.url=http://r';
  const REDIS = 'redis.url=redis://h';
  const of = (...overrides: string[]) => chooseDrivers(load({ overrides }));

  test('unset ones follow their addresses', () => {
    expect(of()).toMatchObject({
      messaging: 'embedded',
      state: 'memory',
      useAvro: false,
    });
    expect(of(KAFKA, REGISTRY, REDIS)).toMatchObject({
      messaging: 'kafka',
      state: 'redis',
      useAvro: true,
    });
    expect(of(KAFKA, 'messaging.use_avro=false')).toMatchObject({ messaging: 'kafka', useAvro: false });
    expect(of('redis.host=h').state).toBe('redis');
    expect(of('redis.sentinels=[s:1]').state).toBe('redis');
    expect(of(REDIS, 'state.driver=memory').state).toBe('memory');
    expect(of(KAFKA, REGISTRY, 'messaging.driver=stdout')).toMatchObject({ messaging: 'stdout' });
  });

  test.each([
    [[KAFKA], 'schema_registry.url', 'use_avro'],
    [[KAFKA, 'messaging.use_avro=true'], 'schema_registry.url', 'registry'],
    [['messaging.driver=kafka', REGISTRY], 'kafka.bootstrap_servers', 'broker'],
    [['messaging.use_avro=true'], 'schema_registry.url', 'registry'],
    [['state.driver=redis'], 'redis.url', 'Redis'],
    [['env=prod'], 'kafka.bootstrap_servers', 'ENV=prod'],
    [['env=prod', KAFKA, REGISTRY], 'redis.url', 'ENV=prod'],
    [['env=prod', REGISTRY, REDIS], 'kafka.bootstrap_servers', 'ENV=prod'],
    [['env=prod', KAFKA, REGISTRY, REDIS, 'messaging.driver=stdout'], 'kafka.bootstrap_servers', 'ENV=prod'],
  ])('%p is refused', (overrides, subject, word) => {
    const fault = faultOf(() => of(...overrides));
    expect(fault).toMatchObject({ code: 'config_invalid', subject });
    expect(fault.message).toContain(word);
  });
});

describe('secrets', () => {
  test('never reach a log line, by key or inside an address', () => {
    const lines: string[] = [];
    const log = createLog('info', false, { write: (line) => void lines.push(line) });
    const settings = load({
      environment: {
        REDIS_URL: 'redis://user:p@ss-hunter2@h:1',
        REDIS_PASSWORD: 'hunter2',
        SCHEMA_REGISTRY_PASSWORD: 'hunter2',
        HTTP_TOKEN: 'hunter2',
      },
      overrides: ['kafka.options={sasl.password: hunter2}'],
    });
    log.info({ phase: 'start', settings }, 'at redis://user:hunter2@h:1');
    expect(lines).toHaveLength(1);
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('redis://user:***@h:1');
    expect(maskText('redis://:hunter2@a:1,redis://:hunter2@b:2')).toBe('redis://:***@a:1,redis://:***@b:2');
  });
});

describe('declarations', () => {
  test('know path, type, default and environment of each setting', () => {
    const schema = z.strictObject({
      a: z.strictObject({ b: setting(z.int().default(3), 'help', { env: ['B'] }) }).prefault({}),
      c: setting(z.enum(['x', 'y']).nullable().default(null), 'other'),
    });
    expect(declared(schema)).toEqual([
      { path: 'a.b', type: 'number', standard: '3', help: 'help', env: ['B'] },
      { path: 'c', type: 'x \\| y', standard: '', help: 'other' },
    ]);
  });

  test('no two settings share an environment name', () => {
    const names = declared(settingsSchema).flatMap(({ env = [] }) => env);
    expect(new Set(names).size).toBe(names.length);
  });
});

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseDrivers, whereTo } from '../../src/config/drivers.ts';
import { doubts, type Environment } from '../../src/config/environment.ts';
import { loadSettings } from '../../src/config/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'kcs-environment-'));
afterAll(() => rmSync(folder, { recursive: true }));

const load = (environment: Environment, overrides: readonly string[] = []) =>
  loadSettings({ folder: null, environment, overrides, flags: {} });

function secret(content: string): string {
  const path = join(folder, crypto.randomUUID());
  writeFileSync(path, content);
  return path;
}

test('a secret may lie in a file, without the end of its line', () => {
  expect(load({ REDIS_PASSWORD_FILE: secret('  hunter2\n') }).redis.password).toBe('hunter2');
  expect(load({ HTTP_TOKEN_FILE: secret('t0ken') }).http.token).toBe('t0ken');
});

test('options of librdkafka come from variables, secrets of theirs from files', () => {
  const { options } = load({
    KAFKA_OPTION_SECURITY_PROTOCOL: 'sasl_ssl',
    KAFKA_OPTION_SASL_PASSWORD_FILE: secret('007\n'),
  }).kafka;
  expect(options).toEqual({ 'security.protocol': 'sasl_ssl', 'sasl.password': '007' });
});

test('a flag counts more than a variable', () => {
  const settings = load({ KAFKA_OPTION_SASL_USERNAME: 'one' }, ['kafka.options.sasl.username=two']);
  expect(settings.kafka.options['sasl.username']).toBe('two');
});

test.each([
  [{ REDIS_PASSWORD_FILE: '/nowhere/secret' }, '/nowhere/secret'],
  [{ REDIS_PASSWORD_FILE: '/dev/null', REDIS_PASSWORD: 'x' }, 'are both set'],
])('%o is refused', (environment, words) => {
  expect(() => load(environment)).toThrow(words);
});

test('a file is read for secrets alone: KAFKA_BOOTSTRAP_SERVERS_FILE is no setting', () => {
  expect(load({ KAFKA_BOOTSTRAP_SERVERS_FILE: secret('kafka:9092') }).kafka.bootstrap_servers).toBeNull();
});

test('what looks like one of ours and is none is told with the right name', () => {
  const told = doubts(
    { KAFKA_BOOTSTRAP_SERVER: 'k:9092', EXCHANGE_UPBT_URL: 'ws://x', REDIS_URL: 'redis://x', HOME: '/' },
    [],
  );
  expect(told).toHaveLength(2);
  expect(told[0]).toContain('is KAFKA_BOOTSTRAP_SERVERS meant?');
  expect(told[1]).toContain('is EXCHANGE_UPBIT_URL meant?');
});

test('a secret on the command line is told, and never repeated', () => {
  const told = doubts({}, [
    'kafka.options.sasl.password=hunter2',
    'redis.password=hunter2',
    'batch.window_ms=50',
  ]);
  expect(told.join('\n')).not.toContain('hunter2');
  expect(told[0]).toContain('KAFKA_OPTION_SASL_PASSWORD_FILE');
  expect(told[1]).toContain('REDIS_PASSWORD_FILE');
  expect(told).toHaveLength(2);
});

test('one line says where everything goes', () => {
  const environment = {
    KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092',
    SCHEMA_REGISTRY_URL: 'http://registry:8081',
    REDIS_URL: 'redis://redis:6379',
  };
  const settings = load({ ...environment, ENV: 'prod' });
  const words = whereTo(settings, chooseDrivers(settings));
  for (const part of ['kafka:9092', '3 replicas', 'looked up at http://registry:8081', 'redis://redis:6379'])
    expect(words).toContain(part);
});

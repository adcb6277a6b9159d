import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { allow, createTopic } from '../services/kafka-wire.ts';
import { freePort } from '../services/ports.ts';
import { scratchDir } from '../services/scratch.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { complaints, ends, start } from './program.ts';
import { flagsOf, rightsOf } from './topic-lines.ts';
import { TLS_CERT, TLS_KEY } from './websocket-tls.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** A broker as companies run them: TLS with an authority of their own, passwords, and no right that is not given. */
const PASSWORD = 'hunter2';
const USER = 'User:collector';

let broker: KafkaServer;
let simulator: Simulator;
let secured: Record<string, string>;

beforeAll(async () => {
  const folder = scratchDir('certificates');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'broker.pem'), TLS_KEY + TLS_CERT);
  writeFileSync(join(folder, 'ca.pem'), TLS_CERT);
  const port = await freePort();
  [broker, simulator] = await Promise.all([
    startKafka({
      listeners: { SASL_SSL: port },
      properties: {
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.sasl_ssl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_collector="${PASSWORD}";`,
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': join(folder, 'broker.pem'),
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        // Whoever comes over the plain listener, which is the test.
        'super.users': 'User:ANONYMOUS',
      },
    }),
    startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 100, seed: 21 }),
  ]);
  secured = {
    'bootstrap.servers': `127.0.0.1:${port}`,
    'security.protocol': 'sasl_ssl',
    'ssl.ca.location': join(folder, 'ca.pem'),
    'sasl.mechanism': 'PLAIN',
    'sasl.username': 'collector',
    'sasl.password': PASSWORD,
  };
}, 120_000);

afterAll(async () => {
  await Promise.all([broker?.discard(), simulator?.stop()]);
});

/** Flags and environment that lead to the secured listener; `changed` options say otherwise. */
function way(changed: Readonly<Record<string, string>> = {}) {
  const { 'bootstrap.servers': servers = '', ...options } = { ...secured, ...changed };
  const flags = Object.entries(options).flatMap(([name, value]) => [
    '--set',
    `kafka.options.${name}=${value}`,
  ]);
  const env = { ...simulator.env(), KAFKA_BOOTSTRAP_SERVERS: servers, MESSAGING_USE_AVRO: 'false' };
  return { flags: [...flags, '--set', 'http.port=0', '--set', 'startup.timeout_ms=6000'], env };
}

describe('a secured broker', () => {
  test.each([
    ['a wrong password', { 'sasl.password': 'wrong-secret' }, 69, 'Authentication failed'],
    [
      'an authority that did not sign it',
      { 'ssl.ca.location': '/etc/ssl/certs' },
      69,
      'certificate verify failed',
    ],
    ['a protocol that is not its own', { 'security.protocol': 'sasl_plaintext' }, 69, 'broker_unavailable'],
    ['a protocol that there is not', { 'security.protocol': 'tls' }, 78, 'security.protocol'],
    ['a certificate file that is not there', { 'ssl.ca.location': '/nowhere.pem' }, 78, 'ssl.ca.location'],
  ])('%s is named, and no password', async (_name, changed, code, words) => {
    const { flags, env } = way(changed);
    const run = await ends(['run', ...flags], env);
    expect(run).toMatchObject({ code, out: '' });
    expect(complaints(run.err)).toHaveLength(1);
    expect(complaints(run.err)[0]).toContain(words);
    expect(run.err).not.toMatch(/hunter2|wrong-secret/);
    expect((await ends(['check', '--no-exchanges', ...flags], env)).out).toContain(words);
  });

  test('without rights: the missing topic, and the command that lists what is needed', async () => {
    const { flags, env } = way();
    const { code, err } = await ends(['run', ...flags], env);
    expect(code).toBe(78);
    expect(complaints(err)[0]).toMatch(/topic_missing: ticker-data.korea: .*kor-coin-stream topics/);
  });

  test('what `topics` prints is enough: rows, commands and replies pass', async () => {
    const { flags, env } = way();
    const { out } = await ends(['topics', '--principal', USER, '--set', 'kafka.partitions=2'], env);
    const commands = out.trimEnd().split('\n').map(flagsOf);
    for (const { topic, partitions } of commands)
      if (topic !== undefined && partitions !== undefined)
        await createTopic(broker.bootstrap, topic, Number(partitions));
    const rights = commands.flatMap(rightsOf);
    await allow(
      broker.bootstrap,
      rights.filter(({ on }) => on === 'topic'),
    );
    // For `send` and `tail`, which are no collectors.
    await allow(broker.bootstrap, [
      { principal: USER, operation: 'Write', on: 'topic', name: 'ws.command' },
      { principal: USER, operation: 'Read', on: 'topic', name: 'ws.event' },
    ]);
    expect(await ends(['check', '--no-exchanges', ...flags], env)).toMatchObject({ code: 0 });
    const streams = ['--exchange', 'upbit', '--type', 'trade', '--symbols', 'KRW-BTC'];
    const program = start(['run', ...flags, ...streams], env);
    try {
      await program.said('no command is read until it is given');
      await allow(
        broker.bootstrap,
        rights.filter(({ on }) => on === 'group'),
      );
      await program.said('partitions of the group changed');
      const sent = await ends(['send', 'status', '--exchange', 'upbit', '--type', 'trade', ...flags], env);
      expect(sent.code).toBe(0);
      expect(JSON.parse(sent.out)).toMatchObject({ kind: 'reply', outcome: 'accepted' });
      const [row] = await readTopic({ bootstrap: broker.bootstrap, topic: 'trade-data.korea', until: 1 });
      expect(row).toMatchObject({ key: 'upbit|KRW-BTC', value: { code: 'KRW-BTC' } });
    } finally {
      program.kill('SIGTERM');
    }
    const { code, err } = await program.ended;
    expect({ code, complaints: complaints(err) }).toEqual({ code: 0, complaints: [] });
  });
});

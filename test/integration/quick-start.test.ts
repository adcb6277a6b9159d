import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { kafkaHome } from '../services/paths.ts';
import { freePort } from '../services/ports.ts';
import { scratchDir } from '../services/scratch.ts';
import { redis, registry } from '../services/services.ts';
import { protocols } from '../simulator/protocols/index.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { ends, ROOT, start } from './program.ts';
import { blocksOf } from './walk/blocks.ts';
import { TLS_CERT, TLS_KEY } from './websocket-tls.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** The environment file of docs/quick-start.md against a broker with TLS and SASL/SCRAM, as its page makes the user. */
const PAGE = readFileSync(join(ROOT, 'docs/quick-start.md'), 'utf8');
const PASSWORD = 'hunter2';

let folder: string;
let broker: KafkaServer;
let simulator: Simulator;
let env: Record<string, string>;

beforeAll(async () => {
  folder = scratchDir('quick-start');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'broker.pem'), TLS_KEY + TLS_CERT);
  writeFileSync(join(folder, 'kafka-ca.pem'), TLS_CERT);
  writeFileSync(join(folder, 'kafka-password'), `${PASSWORD}\n`);
  const port = await freePort();
  const [server, exchange, schemas, store] = await Promise.all([
    startKafka({
      listeners: { SASL_SSL: port },
      properties: {
        'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
        'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
          'org.apache.kafka.common.security.scram.ScramLoginModule required;',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': join(folder, 'broker.pem'),
      },
    }),
    startSimulator({ exchanges: Object.keys(protocols), symbols: 3, rowsPerS: 100 }),
    registry(),
    redis(),
  ]);
  broker = server;
  simulator = exchange;
  env = { ...variables(port), ...simulator.env(), SCHEMA_REGISTRY_URL: schemas, REDIS_URL: store };
  await makeUser();
}, 180_000);

afterAll(async () => {
  await Promise.all([broker?.discard(), simulator?.stop()]);
});

/** The page's file, its folder and brokers those of the test. Registry and Redis are without TLS here. */
function variables(port: number): Record<string, string> {
  const file = blocksOf(PAGE).find(({ text }) => text.startsWith('ENV=prod'))?.text ?? '';
  const lines = file
    .replaceAll('/etc/kor-coin-stream/', `${folder}/`)
    .replace('kafka-1:9093,kafka-2:9093,kafka-3:9093', `127.0.0.1:${port}`)
    .split('\n')
    .filter((line) => line !== '' && !/^(SCHEMA_REGISTRY|REDIS)_/.test(line));
  const pairs = lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return { ...Object.fromEntries(pairs), KAFKA_REPLICATION_FACTOR: '1', HTTP_PORT: '0' };
}

/** The page's kafka-configs line, over the plain listener. */
async function makeUser(): Promise<void> {
  const line = PAGE.match(/--alter .*/)?.[0] ?? '';
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const argv = words.map((word) => word.replace('…', PASSWORD));
  const tool = ['java', '-cp', join(kafkaHome, 'libs', '*'), 'kafka.admin.ConfigCommand'];
  const child = Bun.spawn([...tool, '--bootstrap-server', broker.bootstrap, ...argv], {
    stderr: 'pipe',
    stdout: 'pipe',
  });
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`the user was not made: ${out}${said}`);
}

test('register, check, run: rows arrive over TLS and SCRAM', async () => {
  expect(await ends(['schemas', 'register'], env)).toMatchObject({ code: 0 });
  const check = await ends(['check'], env);
  expect(`${check.code} ${check.code === 0 ? '' : check.out + check.err}`).toBe('0 ');
  const collector = start(['run', '--exchange', 'upbit', '--type', 'trade', '--symbols', '*'], env);
  const rows = await readTopic({
    ...{ bootstrap: broker.bootstrap, registry: env.SCHEMA_REGISTRY_URL ?? '', topic: 'trade-data.korea' },
    ...{ until: 3, timeoutMs: 60_000 },
  });
  expect(rows[0]?.value).toMatchObject({ exchange: 'upbit', request_type: 'trade' });
  collector.kill('SIGTERM');
  expect((await collector.ended).code).toBe(0);
}, 180_000);

test('a wrong password is said as the page says', async () => {
  const wrong = join(folder, 'wrong-password');
  writeFileSync(wrong, 'wrong\n');
  const { code, out, err } = await ends(['check'], { ...env, KAFKA_OPTION_SASL_PASSWORD_FILE: wrong });
  expect(code).toBe(69);
  expect(out + err).toContain(
    PAGE.match(/^\| `(Authentication failed)`/m)?.[1] ?? 'the page does not say it',
  );
});

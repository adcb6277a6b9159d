import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { openKafka } from '../../src/infra/kafka/client/open-kafka.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { scratchDir } from '../services/scratch.ts';
import { deps, settings } from './messaging-parts.ts';
import { ends, start } from './program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(120_000);

/** A name that never is one: https://www.rfc-editor.org/rfc/rfc6761#section-6.4 */
const ELSEWHERE = 'kafka-1.invalid:9092';
const advertised = { 'advertised.listeners': `PLAINTEXT://${ELSEWHERE}` };
/** Broker of the bootstrap address answers; that which is to be written to cannot be reached. */
let empty: KafkaServer;
let full: KafkaServer;

beforeAll(async () => {
  const port = await freePort();
  const dataDir = scratchDir('kafka-advertised');
  const before = await startKafka({ port, dataDir });
  const regions = ['korea', 'asia', 'na', 'eu'] as const;
  await (await openKafka(settings(before.bootstrap, { regions }), deps)).close();
  await before.stop();
  [full, empty] = await Promise.all([
    startKafka({ port, dataDir, properties: advertised }),
    startKafka({ properties: advertised }),
  ]);
}, 180_000);

afterAll(async () => {
  await Promise.all([full?.discard(), empty?.discard()]);
});

const json = ['--set', 'messaging.use_avro=false', '--set', 'http.port=0'];
const at = ({ bootstrap }: KafkaServer) => ({ KAFKA_BOOTSTRAP_SERVERS: bootstrap });

test('check names the address that the cluster gives and that cannot be reached, with topics there or not', async () => {
  for (const broker of [full, empty]) {
    const { code, out } = await ends(['check', '--no-exchanges', ...json], at(broker));
    expect(out).toMatch(new RegExp(`^FAIL  broker: broker_unavailable: .*${ELSEWHERE}`, 'm'));
    expect(code).toBe(69);
  }
});

test('tail and send end with 69 and the address', async () => {
  const send = ['send', 'status', '--exchange', 'upbit', '--type', 'trade', '--timeout-ms', '8000'];
  for (const argv of [['tail', 'ws.event', '--from', 'beginning'], send]) {
    const { code, err } = await ends(argv, at(full));
    expect(err).toContain(ELSEWHERE);
    expect(code).toBe(69);
  }
});

test('a start names it too, whether it can make its topics over the first address or not', async () => {
  for (const broker of [full, empty]) {
    const collector = start(['run', ...json], at(broker));
    await collector.said(ELSEWHERE);
    collector.kill('SIGTERM');
    const { code, err } = await collector.ended;
    expect([0, 69]).toContain(code);
    expect(err).not.toContain('unknown_error');
  }
});

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { startKafka } from '../services/kafka.ts';
import { createTopic } from '../services/kafka-wire.ts';
import { kafka } from '../services/services.ts';
import { AddonProgram, OutageWatch } from '../unit/addon-program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const TOPIC_EXISTS = 36;

describe.each([
  ['under Bun', false],
  ['as a binary in an empty folder', true],
])('against a real broker, the Kafka addon %s', (_name, compiled) => {
  const program = new AddonProgram(compiled);
  afterAll(() => program.remove());

  test('creates a topic once, produces, consumes, commits and disconnects', async () => {
    const facts = await program.run(['paths', await kafka()]);
    expect(facts).toMatchObject({
      topics: ['created', TOPIC_EXISTS],
      produced: { offsets: [0, 1, 2, 3, 4] },
      consumed: {
        before: [{ key: 'upbit|KRW-BTC' }, { value: 'null headers', headers: null }],
        after: [{ value: 'no headers' }, { value: ']' }, { value: null }],
        committed: 5_000_000_000,
        watermarks: { lowOffset: 0, highOffset: 5 },
      },
      statistics: ['producer', true],
    });
  });

  test('loses and repeats nothing when the broker is killed and comes back', async () => {
    const broker = await startKafka();
    const topic = 'addon-outage';
    await createTopic(broker.bootstrap, topic);
    const outage = new OutageWatch(program.start(['outage', broker.bootstrap, topic]));
    const up = await outage.until('a delivery', 0, ({ delivered }) => Number(delivered) > 0);
    await broker.kill9();
    const down = await outage.until('an error event', up, ({ error }) => error !== undefined);
    await broker.restart();
    const before = await outage.until('a count', down, ({ sent }) => sent !== undefined);
    await outage.until('deliveries again', before, ({ sent, delivered }) => sent === delivered);
    const { sent, delivered, failed, found } = await outage.end();
    await broker.discard();
    expect({ delivered, failed, found }).toEqual({ delivered: sent, failed: 0, found: sent });
  });
});

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { topicsFor } from '../../src/infra/kafka/topics/topics.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import {
  allow,
  configureTopic,
  createTopic,
  deleteTopic,
  deny,
  type Right,
  undeny,
} from '../services/kafka-wire.ts';
import { freePort } from '../services/ports.ts';
import { expectAll, TRADES, traffic, troubled, until, well } from './kafka-traffic.ts';
import { batch, trade } from './messaging-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(120_000);

/** A broker where every right is given, and where a collector may make nothing. */
const USER = 'User:collector';

let broker: KafkaServer;
let secured: string;

beforeAll(async () => {
  const port = await freePort();
  broker = await startKafka({
    listeners: { SASL_PLAINTEXT: port },
    properties: {
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_collector="secret";',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      // Whoever comes over the plain listener, which is the test.
      'super.users': 'User:ANONYMOUS',
    },
  });
  secured = `127.0.0.1:${port}`;
  for (const { topic, policy } of topicsFor(['korea'])) {
    await createTopic(broker.bootstrap, topic, policy.partitions === 'setting' ? 2 : 1);
    await allow(broker.bootstrap, [right('Write', topic), right('Describe', topic)]);
  }
}, 120_000);

afterAll(async () => {
  await broker?.discard();
});

function right(operation: Right['operation'], name: string): Right {
  return { principal: USER, operation, on: 'topic', name };
}

const SECURED = {
  'security.protocol': 'sasl_plaintext',
  'sasl.mechanism': 'PLAIN',
  'sasl.username': 'collector',
  'sasl.password': 'secret',
};

describe('what an operator can cure costs no row', () => {
  test.each([
    {
      name: 'a right that is taken away and given back',
      words: /trade-data.korea is refused: Broker: Topic authorization failed \(29\)/,
      refuse: () => deny(broker.bootstrap, [right('Write', TRADES)]),
      cure: () => undeny(broker.bootstrap, [right('Write', TRADES)]),
    },
    {
      name: 'all rights on a topic',
      words: /trade-data.korea is refused: Broker: Topic authorization failed \(29\)/,
      refuse: () => deny(broker.bootstrap, [right('Write', TRADES), right('Describe', TRADES)]),
      cure: () => undeny(broker.bootstrap, [right('Write', TRADES), right('Describe', TRADES)]),
    },
    {
      name: 'a limit that no time of ours keeps, as with a clock that is wrong',
      words: /trade-data.korea is refused: .*\((32|87)\)/,
      refuse: () => configureTopic(broker.bootstrap, TRADES, { 'message.timestamp.before.max.ms': '0' }),
      cure: () =>
        configureTopic(broker.bootstrap, TRADES, {
          'message.timestamp.before.max.ms': '9223372036854775807',
        }),
    },
  ])('$name', async ({ words, refuse, cure }) => {
    const flow = await traffic(secured, SECURED);
    const { messaging } = flow;
    await Bun.sleep(1_000);
    await refuse();
    await until('its words', 10_000, troubled(messaging, words));
    const before = flow.tickers().acknowledged;
    await Bun.sleep(12_000);
    expect(troubled(messaging, words)()).toBe(true);
    expect(flow.tickers().acknowledged).toBeGreaterThan(before + 400);
    await cure();
    await until('ready again', 15_000, well(messaging));
    await Bun.sleep(500);
    const sent = await flow.end();
    await expectAll(broker.bootstrap, flow, sent);
    expect(messaging.state().refused).toEqual({ messages: 0, rows: 0 });
    expect(flow.lost).toEqual([]);
    await messaging.close();
  });

  test('a topic that somebody deletes and makes again, where the collector may not', async () => {
    const flow = await traffic(secured, SECURED);
    const { messaging } = flow;
    await Bun.sleep(1_000);
    // What lay in the topic went with it: rows are looked for from the first that is sent after that.
    await deleteTopic(broker.bootstrap, TRADES);
    await Bun.sleep(1_000);
    await until('its words', 15_000, troubled(messaging, /trade-data.korea is refused: .*[Uu]nknown topic/));
    await Bun.sleep(15_000);
    await createTopic(broker.bootstrap, TRADES, 2);
    await until('ready again', 15_000, well(messaging));
    await Bun.sleep(500);
    const sent = await flow.end();
    const messages = await readTopic<{ data: { price: number }[] }>({
      bootstrap: broker.bootstrap,
      topic: TRADES,
    });
    const first = Math.max(
      ...flow.markets.map((of) =>
        Math.min(
          ...messages
            .filter(({ key }) => key === `upbit|${of.code}`)
            .map(({ value }) => value?.data[0]?.price ?? 0),
        ),
      ),
    );
    // One second before it, and what was under way at that moment.
    expect(first).toBeLessThan(20);
    await expectAll(broker.bootstrap, flow, sent, () => Math.floor(first));
    expect(messaging.state().refused).toEqual({ messages: 0, rows: 0 });
    await messaging.close();
  });

  test('what is said about the data bears a time that the brokers take, where they refuse that of our clock', async () => {
    const flow = await traffic(secured, SECURED);
    const { messaging } = flow;
    const topics = ['ws.event', 'ws.error', 'ws.dlq', TRADES];
    for (const topic of topics)
      await configureTopic(broker.bootstrap, topic, { 'message.timestamp.before.max.ms': '0' });
    await until('its words', 10_000, troubled(messaging, /trade-data.korea is refused: .*32/));
    const tell = (family: 'ws.event' | 'ws.error' | 'ws.dlq', n: number) =>
      messaging.publisher.publish({ family, region: null, key: 'k', correlationId: null, value: { n } });
    const families = ['ws.event', 'ws.error', 'ws.dlq'] as const;
    const told = Array.from({ length: 40 }, (_, n) => families.map((family) => tell(family, n))).flat();
    await Promise.all(told);
    expect(troubled(messaging, /trade-data.korea is refused: .*32/)()).toBe(true);
    await until('only rows wait', 5_000, () => messaging.state().troubles.length === 1);
    const [all] = await Promise.all(
      families.map((topic) => readTopic<{ n: number }>({ bootstrap: broker.bootstrap, topic })),
    );
    expect(all?.map(({ value }) => value?.n)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    for (const topic of topics)
      await configureTopic(broker.bootstrap, topic, {
        'message.timestamp.before.max.ms': '9223372036854775807',
      });
    await until('ready again', 15_000, well(messaging));
    await expectAll(broker.bootstrap, flow, await flow.end());
    await messaging.close();
  });

  test('rows that are given up at the stop are on record where the rest of the cluster takes records', async () => {
    const flow = await traffic(secured, SECURED);
    const { messaging } = flow;
    await Bun.sleep(500);
    await flow.end();
    await until('delivered', 5_000, () => messaging.state().inFlight.messages === 0);
    await deny(broker.bootstrap, [right('Write', TRADES)]);
    const [of] = flow.markets;
    if (!of) throw new Error('no market');
    const one = messaging.writer.write(batch(of, [trade(of, 9_999)]));
    one.catch(() => {});
    const began = Date.now();
    expect(await messaging.flush(3_000)).toEqual({ undelivered: 1, messages: 1 });
    expect(Date.now() - began).toBeLessThan(5_000);
    await expect(one).rejects.toMatchObject({ code: 'undelivered' });
    expect(flow.lost).toMatchObject([
      {
        target: { exchange: 'upbit', region: 'korea', request_type: 'trade' },
        codes: [of.code],
        rows: 1,
        fault: { code: 'undelivered' },
      },
    ]);
    await messaging.close();
    await undeny(broker.bootstrap, [right('Write', TRADES)]);
  });
});

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { topicsFor } from '../../src/infra/kafka/topics/topics.ts';
import { type KafkaCluster, startKafkaCluster, USER } from '../services/kafka-cluster.ts';
import { allow, createTopic } from '../services/kafka-wire.ts';
import { expectAll, TRADES, traffic, troubled, until, well } from './kafka-traffic.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(180_000);

let cluster: KafkaCluster;

/** Trades lie on one broker each; tickers and the rest on both, and want both. */
beforeAll(async () => {
  cluster = await startKafkaCluster();
  for (const { topic, policy } of topicsFor(['korea'])) {
    const partitions = policy.partitions === 'setting' ? 4 : 1;
    if (topic === TRADES)
      await createTopic(cluster.bootstrap, topic, partitions, { 'min.insync.replicas': '1' });
    else await createTopic(cluster.bootstrap, topic, partitions, {}, 2);
    const right = { principal: USER, on: 'topic', name: topic } as const;
    await allow(cluster.bootstrap, [
      { ...right, operation: 'Write' },
      { ...right, operation: 'Describe' },
    ]);
  }
}, 180_000);

afterAll(async () => {
  await cluster?.discard();
});

test('one of two brokers away: told after 15 s and steadily, with the partitions and why; nothing is lost', async () => {
  const flow = await traffic(cluster.secured, cluster.options);
  const { messaging } = flow;
  await Bun.sleep(2_000);
  expect(messaging.state().troubles).toEqual([]);
  await cluster.second.kill9();
  const leader =
    /^trade-data.korea: of \d+ messages the oldest waits \d+ s for its acknowledgement: .*(no leader|not connected)/;
  const replicas = /^ticker-data.korea: .*: 1 of 2 replicas in sync/;
  await until('the words about trades', 40_000, troubled(messaging, leader));
  await until('the words about tickers', 20_000, troubled(messaging, replicas));
  for (let i = 0; i < 50; i++) {
    await Bun.sleep(200);
    expect(messaging.state().troubles.length).toBeGreaterThan(0);
  }
  await cluster.second.restart();
  await until('ready again', 40_000, well(messaging));
  await Bun.sleep(500);
  const sent = await flow.end();
  await expectAll(cluster.bootstrap, flow, sent);
  expect(messaging.state()).toMatchObject({ refused: { messages: 0, rows: 0 }, renewed: 0 });
  await messaging.close();
});

import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { systemClock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import { loadKafka } from '../../src/infra/kafka/addon/load.ts';
import { BREAKER_DEFAULTS } from '../../src/infra/kafka/client/breaker.ts';
import { openKafka } from '../../src/infra/kafka/client/open-kafka.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { startKafka } from '../services/kafka.ts';
import { batch, settings, someMarkets, trade } from './messaging-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(150_000);

const SILENT = createLog('silent', false);

describe('a broker that goes away', () => {
  test('killed and back: every row once and in order; the breaker opened, closed, and held nothing back', async () => {
    const server = await startKafka();
    const { bootstrap } = server;
    const markets = someMarkets(30);
    const states: string[] = [];
    const messaging = await openKafka(
      settings(bootstrap, { breaker: { ...BREAKER_DEFAULTS, failureThreshold: 3 } }),
      { clock: systemClock, log: SILENT, onBreaker: (state) => states.push(state) },
    );
    let sent = 0;
    let waited = 0;
    const acks: Promise<unknown>[] = [];
    const traffic = setInterval(() => {
      for (const of of markets) acks.push(messaging.writer.write(batch(of, [trade(of, sent)])));
      sent++;
      waited = Math.max(waited, messaging.state().waiting.messages);
    }, 10);
    await Bun.sleep(1_000);
    await server.kill9();
    await Bun.sleep(6_000);
    expect(states).toEqual(['open']);
    await server.restart();
    const back = Date.now();
    while (messaging.state().breaker?.state !== 'closed' || messaging.state().waiting.messages > 0) {
      await Bun.sleep(20);
      expect(Date.now() - back).toBeLessThan(30_000);
    }
    const recovery = Date.now() - back;
    await Bun.sleep(500);
    clearInterval(traffic);
    await Promise.all(acks);
    expect(states).toEqual(['open', 'half_open', 'closed']);
    expect(waited).toBeGreaterThan(1_000);
    // Far from the minute that an open breaker waits by itself.
    expect(recovery).toBeLessThan(20_000);
    expect(messaging.state()).toMatchObject({
      delivered: { messages: sent * markets.length },
      retried: 0,
      renewed: 0,
    });
    await messaging.close();

    const messages = await readTopic<{ code: string; data: { trade_id: string }[] }>({
      bootstrap,
      topic: 'trade-data.korea',
    });
    for (const of of markets) {
      const ids = messages
        .filter(({ value }) => value?.code === of.code)
        .flatMap(({ value }) => value?.data.map((row) => row.trade_id) ?? []);
      expect(ids).toEqual(Array.from({ length: sent }, (_, n) => trade(of, n).trade_id));
    }
    await server.discard();
  });

  test('frozen: overdue acknowledgements open the breaker; thawed, everything arrives once', async () => {
    const server = await startKafka();
    const { bootstrap } = server;
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    const messaging = await openKafka(
      settings(bootstrap, { breaker: { ...BREAKER_DEFAULTS, failureThreshold: 1 } }),
      { clock: systemClock, log: SILENT },
    );
    await messaging.writer.write(batch(of, [trade(of, 0)]));
    server.pause();
    const acks = [messaging.writer.write(batch(of, [trade(of, 1)]))];
    const frozen = Date.now();
    while (messaging.state().breaker?.state === 'closed') {
      await Bun.sleep(50);
      expect(Date.now() - frozen).toBeLessThan(20_000);
    }
    acks.push(messaging.writer.write(batch(of, [trade(of, 2)])));
    expect(messaging.state()).toMatchObject({ waiting: { messages: 1 }, inFlight: { messages: 1 } });
    server.resume();
    await Promise.all(acks);
    await messaging.close();
    const messages = await readTopic<{ data: { price: number }[] }>({ bootstrap, topic: 'trade-data.korea' });
    expect(messages.map(({ value }) => value?.data[0]?.price)).toEqual([0.5, 1.5, 2.5]);
    await server.discard();
  });

  test('gone at the stop: what is left is counted in rows and fails as undelivered', async () => {
    const server = await startKafka();
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    const messaging = await openKafka(settings(server.bootstrap), { clock: systemClock, log: SILENT });
    await messaging.writer.write(batch(of, [trade(of, 0)]));
    expect(await messaging.flush(1_000)).toEqual({ undelivered: 0, messages: 0 });
    await server.kill9();
    const lost = [
      messaging.writer.write(batch(of, [trade(of, 1), trade(of, 2)])),
      messaging.publisher.publish({
        family: 'ws.event',
        region: null,
        key: 'k',
        value: {},
        correlationId: null,
      }),
    ];
    const settled = Promise.allSettled(lost);
    const began = Date.now();
    expect(await messaging.flush(500)).toEqual({ undelivered: 2, messages: 2 });
    expect((await settled).map((one) => one.status === 'rejected' && one.reason.code)).toEqual([
      'undelivered',
      'undelivered',
    ]);
    await messaging.close();
    expect(Date.now() - began).toBeLessThan(3_000);
    await server.discard();
  });

  test('frozen at the stop: it ends in its time, and what is left is counted', async () => {
    const server = await startKafka();
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    const messaging = await openKafka(settings(server.bootstrap), { clock: systemClock, log: SILENT });
    await messaging.writer.write(batch(of, [trade(of, 0)]));
    server.pause();
    const lost = messaging.writer.write(batch(of, [trade(of, 1)]));
    lost.catch(() => {});
    await Bun.sleep(500);
    const began = Date.now();
    expect(await messaging.flush(2_000)).toEqual({ undelivered: 1, messages: 1 });
    const flushed = Date.now();
    expect(flushed - began).toBeLessThan(4_000);
    await messaging.close();
    expect(Date.now() - flushed).toBeLessThan(4_000);
    await expect(lost).rejects.toMatchObject({ code: 'undelivered' });
    server.resume();
    await server.discard();
  });

  test('a flush in the lull sends what lingers at once', async () => {
    const server = await startKafka();
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    const messaging = await openKafka(settings(server.bootstrap, { lingerMs: 5_000 }), {
      clock: systemClock,
      log: SILENT,
    });
    const acks = [0, 1, 2].map((n) => messaging.writer.write(batch(of, [trade(of, n)])));
    const began = Date.now();
    expect(await messaging.flush(4_000)).toEqual({ undelivered: 0, messages: 0 });
    expect(Date.now() - began).toBeLessThan(2_000);
    await Promise.all(acks);
    await messaging.close();
    await server.discard();
  });

  test('a topic deleted under way is made anew, and nothing is lost but what was in it', async () => {
    const server = await startKafka();
    const { bootstrap } = server;
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    const messaging = await openKafka(settings(bootstrap), { clock: systemClock, log: SILENT });
    await messaging.writer.write(batch(of, [trade(of, 0)]));
    await deleteTopic(bootstrap, 'trade-data.korea');
    const acks: Promise<unknown>[] = [];
    for (let n = 1; n <= 100; n++) {
      acks.push(messaging.writer.write(batch(of, [trade(of, n)])));
      await Bun.sleep(20);
    }
    await Promise.all(acks);
    const messages = await readTopic<{ data: { price: number }[] }>({ bootstrap, topic: 'trade-data.korea' });
    const prices = messages.flatMap(({ value }) => value?.data.map(({ price }) => price) ?? []);
    expect(prices).toEqual(Array.from({ length: 100 }, (_, n) => n + 1.5));
    expect(messaging.state().refused.rows).toBe(0);
    await messaging.close();
    await server.discard();
  });
});

function deleteTopic(bootstrap: string, topic: string): Promise<void> {
  const admin = loadKafka().AdminClient.create({ 'bootstrap.servers': bootstrap });
  return new Promise<void>((resolve, reject) => {
    admin.deleteTopic(topic, 10_000, (error) => (error ? reject(error) : resolve()));
  }).finally(() => admin.disconnect());
}

import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { Writable } from 'node:stream';
import { systemClock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import { openEmbedded } from '../../src/infra/kafka/client/open-embedded.ts';
import { openStdout } from '../../src/infra/stdout/open-stdout.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { registry } from '../services/services.ts';
import { batch, deps, someMarkets, ticker, trade } from './messaging-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const EMBEDDED = { clientId: 'test', lingerMs: 20, regions: ['korea'] as const, startupTimeoutMs: 15_000 };

describe('embedded broker', () => {
  test('kcat reads along at its address; topics are there before the first row and have several partitions', async () => {
    const messaging = await openEmbedded({ ...EMBEDDED, registry: null }, deps);
    const bootstrap = messaging.bootstrap ?? '';
    expect(bootstrap).toMatch(/^127\.0\.0\.1:\d+$/);
    const listing = await Bun.$`kcat -L -J -b ${bootstrap}`.json();
    const topics = new Map<string, number>(
      listing.topics.map((one: { topic: string; partitions: unknown[] }) => [
        one.topic,
        one.partitions.length,
      ]),
    );
    for (const topic of ['ticker-data.korea', 'ws.command', 'ws.event']) expect(topics.get(topic)).toBe(4);
    const markets = someMarkets(8);
    await Promise.all(markets.map((of) => messaging.writer.write(batch(of, [trade(of, 1)]))));
    const messages = await readTopic<{ code: string }>({ bootstrap, topic: 'trade-data.korea', until: 8 });
    expect(messages.map(({ value }) => value?.code).sort()).toEqual(markets.map(({ code }) => code).sort());
    expect(messaging.state()).toMatchObject({ driver: 'embedded', delivered: { messages: 8 } });
    expect(await messaging.flush(1_000)).toEqual({ undelivered: 0, messages: 0 });
    await messaging.close();
  });

  test('with a registry it writes Avro', async () => {
    const url = await registry();
    const messaging = await openEmbedded({ ...EMBEDDED, registry: { url, register: true } }, deps);
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    await messaging.writer.write(batch(of, [ticker(of, 5)]));
    const [message] = await readTopic<{ data: { close: number }[] }>({
      bootstrap: messaging.bootstrap ?? '',
      topic: 'ticker-data.korea',
      registry: url,
      until: 1,
    });
    expect(message?.value?.data[0]?.close).toBe(5);
    expect(message?.schemaId).toBeGreaterThan(0);
    await messaging.close();
  });
});

describe('standard output', () => {
  test('rows are flat NDJSON in order; a batch is acknowledged when the pipe took it', async () => {
    const taken: string[] = [];
    let release: (() => void) | null = null;
    const out = new Writable({
      highWaterMark: 10,
      write(chunk, _encoding, done) {
        taken.push(chunk.toString());
        release = done;
      },
    });
    const messaging = openStdout(systemClock, createLog('silent', false), out);
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    const acked: number[] = [];
    const first = messaging.writer
      .write(batch(of, [trade(of, 1), trade(of, 2)]))
      .then((ack) => acked.push(ack.bytes));
    const second = messaging.writer.write(batch(of, [ticker(of, 3)])).then((ack) => acked.push(ack.bytes));
    await Bun.sleep(20);
    expect([acked.length, messaging.state().waiting.messages]).toEqual([0, 2]);
    const go = () => release?.();
    go();
    await first;
    expect(acked.length).toBe(1);
    await Bun.sleep(5);
    go();
    await second;
    const { kind, market, fills, ...fields } = trade(of, 1);
    const { symbol, base, quote, code } = of;
    const lines = taken.join('').trimEnd().split('\n');
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      ...{ request_type: 'trade', exchange: 'upbit', region: 'korea', symbol, base, quote, code },
      ...fields,
    });
    expect(lines.map((line) => JSON.parse(line).timestamp % 10)).toEqual([1, 2, 3]);
    expect(acked).toEqual([Buffer.byteLength(taken[0] ?? ''), Buffer.byteLength(taken[1] ?? '')]);
  });

  test('a reader that went away fails the rows, once, and they are counted', async () => {
    const out = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    const messaging = openStdout(systemClock, createLog('silent', false), out);
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    for (const id of [1, 2])
      await expect(messaging.writer.write(batch(of, [trade(of, id)]))).rejects.toMatchObject({
        code: 'undelivered',
      });
    expect(messaging.state().refused).toEqual({ messages: 2, rows: 2 });
    expect(await messaging.flush(100)).toEqual({ undelivered: 2, messages: 2 });
    expect(await messaging.lost).toMatchObject({ code: 'undelivered', subject: 'standard output' });
  });

  test('a reader that hangs leaves rows undelivered at the stop', async () => {
    const messaging = openStdout(systemClock, createLog('silent', false), new Writable({ write: () => {} }));
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    const lost = messaging.writer.write(batch(of, [trade(of, 1), trade(of, 2)]));
    const [settled, left] = await Promise.all([Promise.allSettled([lost]), messaging.flush(50)]);
    expect(left).toEqual({ undelivered: 2, messages: 1 });
    expect(settled[0]?.status).toBe('rejected');
  });
});

import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { Message as OutMessage } from '../../src/core/ports.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { startKafka } from '../services/kafka.ts';
import { kafka, registry } from '../services/services.ts';
import { batch, settings, someMarkets, ticker, trade, withKafka } from './messaging-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

interface Rows {
  code: string;
  batch_size: number;
  data: Record<string, unknown>[];
}

describe('rows in Kafka', () => {
  test('in Avro, for an independent reader: every field, keys, headers, order per code', async () => {
    const [bootstrap, url] = await Promise.all([kafka(), registry()]);
    const markets = someMarkets(20);
    await withKafka(settings(bootstrap, { registry: { url, register: true } }), async (messaging) => {
      const sent = markets.flatMap((of) => [
        ...[0, 1, 2].map((n) => batch(of, [trade(of, n * 2), trade(of, n * 2 + 1)], { fence: 7 })),
        batch(of, [ticker(of, 1)], { correlationId: 'c-1' }),
      ]);
      const acks = await Promise.all(sent.map((one) => messaging.writer.write(one)));
      const trades = await mine('trade-data.korea', bootstrap, url, markets, 60);
      const tickers = await mine('ticker-data.korea', bootstrap, url, markets, 20);

      expect(acks.map((ack) => ack.bytes).sort()).toEqual(
        [...trades, ...tickers].map((message) => message.raw?.length ?? 0).sort(),
      );
      for (const of of markets) {
        const own = trades.filter((message) => message.key === `upbit|${of.code}`);
        expect(new Set(own.map((message) => message.partition)).size).toBe(1);
        const rows = own.flatMap((message) => message.value?.data ?? []);
        expect(JSON.parse(JSON.stringify(rows))).toEqual(
          [0, 1, 2, 3, 4, 5].map((n) => {
            const { kind, market, fills, ...fields } = trade(of, n);
            return fields;
          }),
        );
        expect(own[0]?.headers).toEqual({
          'content-type': 'application/avro',
          'schema-version': expect.stringMatching(/^[1-9]\d*$/),
          fence: '7',
        });
        const [one] = tickers.filter((message) => message.key === `upbit|${of.code}`);
        expect(one?.headers['correlation-id']).toBe('c-1');
        expect(one?.value).toMatchObject({ region: 'korea', request_type: 'ticker', batch_size: 1 });
      }
      expect(messaging.state()).toMatchObject({
        driver: 'kafka',
        breaker: { state: 'closed', opened: 0 },
        waiting: { messages: 0, bytes: 0 },
        inFlight: { messages: 0, bytes: 0 },
        delivered: { messages: sent.length },
      });
    });
  });

  test('in JSON with the same fields', async () => {
    const bootstrap = await kafka();
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    await withKafka(settings(bootstrap, { regions: ['eu'] }), async (messaging) => {
      await messaging.writer.write(batch(of, [trade(of, 1)], { region: 'eu' }));
      const [message] = await readTopic<Rows>({ bootstrap, topic: 'trade-data.eu', until: 1 });
      const { kind, market, fills, ...fields } = trade(of, 1);
      expect(message?.headers).toEqual({ 'content-type': 'application/json', 'schema-version': '0' });
      expect(message?.schemaId).toBeNull();
      expect(message?.value).toEqual({
        ticket_id: expect.any(String),
        exchange: 'upbit',
        region: 'eu',
        request_type: 'trade',
        symbol: of.symbol,
        base: of.base,
        quote: 'KRW',
        code: of.code,
        timestamp_ms: expect.any(Number),
        batch_size: 1,
        data: [fields],
      } as unknown as Rows);
    });
  });

  test('partitions are those of Java producers', async () => {
    const bootstrap = await kafka();
    const markets = someMarkets(12);
    await withKafka(settings(bootstrap, { regions: ['na'] }), async (messaging) => {
      await Promise.all(
        markets.map((of) => messaging.writer.write(batch(of, [trade(of, 1)], { region: 'na' }))),
      );
      const messages = await readTopic<Rows>({ bootstrap, topic: 'trade-data.na', until: 12 });
      for (const { key, partition } of messages)
        expect(partition).toBe((murmur2(key ?? '') & 0x7fffffff) % 4);
      expect(new Set(messages.map((message) => message.partition)).size).toBeGreaterThan(1);
    });
  });
});

describe('messages about the data', () => {
  test('Avro families are Avro, JSON families stay JSON, each under its key', async () => {
    const [bootstrap, url] = await Promise.all([kafka(), registry()]);
    await withKafka(settings(bootstrap, { registry: { url, register: true } }), async ({ publisher }) => {
      const id = crypto.randomUUID();
      const minute = { minute_start_ts_kst: 1_790_000_040, total_processed: 9, total_failed: 1 };
      const range = { range_start_ts_kst: 1_790_000_040, range_end_ts_kst: 1_790_000_099 };
      const sent: OutMessage[] = [
        {
          family: 'ws.metrics.processing',
          region: 'korea',
          key: id,
          correlationId: null,
          value: {
            ticket_id: id,
            region: 'korea',
            exchange: 'upbit',
            request_type: 'trade',
            batch: {
              ticket_id: id,
              ...range,
              bucket_size_sec: 60,
              items: [{ ...minute, total_acknowledged: 9, details: { 'KRW-BTC': 9 } }],
              version: 1,
            },
          },
        },
        {
          family: 'ws.connect_success',
          region: 'korea',
          key: id,
          correlationId: 'c-2',
          value: {
            ticket_id: id,
            timestamp_utc: '2026-02-20T12:25:45.137936+00:00',
            action: 'connect_success',
            ack: 'clear',
            target: { exchange: 'upbit', region: 'korea', request_type: 'ticker' },
            symbol: 'KRW-BTC',
            code: 'KRW-BTC',
            meta: {
              ticket_id: id,
              schema_version: '1.0',
              correlation_id: null,
              observed_key: 'upbit/korea/ticker',
            },
          },
        },
        { family: 'ws.event', region: 'korea', key: id, correlationId: 'c-2', value: { kind: 'state', id } },
      ];
      await Promise.all(sent.map((message) => publisher.publish(message)));
      for (const { family, value, correlationId } of sent) {
        const json = family === 'ws.event';
        const topic = json ? family : `${family}.korea`;
        const own = (all: { key: string | null }[]) => all.some((message) => message.key === id);
        const messages = await readTopic({ bootstrap, topic, registry: url, until: own });
        const message = messages.find(({ key }) => key === id);
        expect(JSON.parse(JSON.stringify(message?.value))).toEqual(value);
        expect(message?.headers['content-type']).toBe(json ? 'application/json' : 'application/avro');
        expect(message?.headers['correlation-id']).toBe(correlationId ?? (undefined as unknown as string));
        expect(message?.schemaId === null).toBe(json);
      }
    });
  });

  test('a value that does not fit its schema is a fault and stops nothing', async () => {
    const [bootstrap, url] = await Promise.all([kafka(), registry()]);
    await withKafka(settings(bootstrap, { registry: { url, register: true } }), async ({ publisher }) => {
      const wrong = { region: 'korea', key: 'k', correlationId: null, value: { nonsense: 1 } } as const;
      await expect(publisher.publish({ family: 'ws.connect_success', ...wrong })).rejects.toMatchObject({
        code: 'unknown_error',
        subject: 'ws.connect_success',
      });
      await publisher.publish({ family: 'ws.event', ...wrong });
    });
  });
});

describe('what cannot be written', () => {
  test('a batch that the broker finds too large becomes smaller ones; a row too large goes to ws.dlq', async () => {
    const server = await startKafka({ properties: { 'message.max.bytes': '3000' } });
    const { bootstrap } = server;
    const [of, other] = someMarkets(2);
    if (!of || !other) throw new Error('no market');
    await withKafka(settings(bootstrap, { options: { 'compression.codec': 'none' } }), async (messaging) => {
      const rows = Array.from({ length: 60 }, (_, n) => trade(of, n));
      const small = Array.from({ length: 100 }, (_, n) =>
        messaging.writer.write(batch(other, [trade(other, n)])),
      );
      const ack = await messaging.writer.write(batch(of, rows));
      await Promise.all(small);
      const huge = batch(of, [{ ...trade(of, 99), trade_id: '9'.repeat(5000) }]);
      await expect(messaging.writer.write(huge)).rejects.toMatchObject({ code: 'message_rejected' });
      await messaging.writer.write(batch(of, [trade(of, 100)]));

      const messages = await readTopic<Rows>({ bootstrap, topic: 'trade-data.korea' });
      const ids = (code: string) =>
        messages.filter(({ value }) => value?.code === code).flatMap(({ value }) => value?.data ?? []);
      expect(ids(of.code).map((row) => row.trade_id)).toEqual(
        [...rows, trade(of, 100)].map((row) => row.trade_id),
      );
      expect(ids(other.code).length).toBe(100);
      expect(ack.bytes).toBeGreaterThan(3000);

      const [letter] = await readTopic({ bootstrap, topic: 'ws.dlq', until: 1 });
      expect(letter?.key).toBe('upbit|korea|trade');
      expect(letter?.value).toMatchObject({
        action: 'dlq',
        reason: expect.stringContaining('msg size too large'),
        meta: { raw_context: { rows: 1, code: of.code, value_base64: null, truncated: true } },
      });
      expect(messaging.state().refused).toEqual({ messages: 1, rows: 1 });
    });
    await server.discard();
  });

  test('one row that does not fit the schema never takes its neighbours with it', async () => {
    const [bootstrap, url] = await Promise.all([kafka(), registry()]);
    const [of] = someMarkets(1);
    if (!of) throw new Error('no market');
    await withKafka(settings(bootstrap, { registry: { url, register: true } }), async (messaging) => {
      const bad = { ...trade(of, 3), price: 'x' as unknown as number };
      const rows = [trade(of, 1), trade(of, 2), bad, trade(of, 4)];
      await expect(messaging.writer.write(batch(of, rows))).rejects.toMatchObject({
        code: 'message_rejected',
      });
      await messaging.writer.write(batch(of, [trade(of, 5)]));
      const own = await mine('trade-data.korea', bootstrap, url, [of], 3);
      const ids = own.flatMap(({ value }) => value?.data ?? []).map((row) => row.price);
      expect(ids).toEqual([1.5, 2.5, 4.5, 5.5]);
      expect(messaging.state().refused.rows).toBe(1);
    });
  });
});

/** Reads a topic until it holds `count` messages of these markets; returns those. */
async function mine(
  topic: string,
  bootstrap: string,
  url: string,
  markets: readonly { code: string }[],
  count: number,
) {
  const codes = new Set(markets.map(({ code }) => code));
  const own = (message: { value: Rows | null }) => codes.has(message.value?.code ?? '');
  const until = (all: { value: Rows | null }[]) => all.filter(own).length >= count;
  return (await readTopic<Rows>({ bootstrap, topic, registry: url, until })).filter(own);
}

/** Kafka's own hash of keys, as Java's DefaultPartitioner has it. */
function murmur2(key: string): number {
  const data = Buffer.from(key);
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ data.length;
  let i = 0;
  for (; i + 4 <= data.length; i += 4) {
    let k = Math.imul(data.readInt32LE(i), m);
    k = Math.imul(k ^ (k >>> 24), m);
    h = Math.imul(h, m) ^ k;
  }
  if (i < data.length) {
    for (let n = data.length - 1; n >= i; n--) h ^= (data[n] ?? 0) << (8 * (n - i));
    h = Math.imul(h, m);
  }
  h = Math.imul(h ^ (h >>> 13), m);
  return h ^ (h >>> 15);
}

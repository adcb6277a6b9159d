import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  type ConsumedRecord,
  openConsumer,
  type RecordHandler,
} from '../../src/infra/kafka/consume/consumer.ts';
import { createTopic } from '../services/kafka-wire.ts';
import { produce } from '../services/produce.ts';
import { kafka } from '../services/services.ts';
import { deps } from './messaging-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

async function topicWith(records: number, partitions = 1): Promise<{ bootstrap: string; topic: string }> {
  const bootstrap = await kafka();
  const topic = `consumer-${crypto.randomUUID()}`;
  await createTopic(bootstrap, topic, partitions);
  for (let i = 0; i < records; i++) await produce({ bootstrap, topic, key: `k${i}`, value: `${i}` });
  return { bootstrap, topic };
}

function consume(
  { bootstrap, topic }: { bootstrap: string; topic: string },
  groupId: string,
  handler: RecordHandler,
  concurrency = 1,
) {
  const settings = { bootstrapServers: bootstrap, clientId: 'test', options: {}, topics: [topic] };
  return openConsumer({ ...settings, groupId, concurrency, startupTimeoutMs: 15_000 }, handler, deps);
}

async function until(condition: () => boolean, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !condition(); await Bun.sleep(20))
    if (Date.now() > end) throw new Error('the condition did not come true');
}

const text = (record: ConsumedRecord) =>
  record.value === null ? null : Buffer.from(record.value).toString();

describe('consumer', () => {
  test('a new group reads from the beginning: key, value, headers, time, tombstones', async () => {
    const place = await topicWith(1);
    await produce({
      ...place,
      key: 'ключ',
      value: Buffer.from([0xff, 0, 1]),
      headers: { a: '1', b: 'zwei' },
    });
    await produce({ ...place, key: 'gone', value: null });
    const seen: ConsumedRecord[] = [];
    const consumer = await consume(place, crypto.randomUUID(), async (record) => void seen.push(record));
    await until(() => seen.length === 3);
    await consumer.close();
    expect(seen.map(({ offset }) => offset)).toEqual([0, 1, 2]);
    expect(seen[1]).toMatchObject({ topic: place.topic, partition: 0, headers: { a: '1', b: 'zwei' } });
    expect(Buffer.from(seen[1]?.key ?? []).toString()).toBe('ключ');
    expect([...(seen[1]?.value ?? [])]).toEqual([0xff, 0, 1]);
    expect(Math.abs(Date.now() - (seen[1]?.timestampMs ?? 0))).toBeLessThan(60_000);
    expect(seen[2]?.value).toBeNull();
    expect(Buffer.from(seen[2]?.key ?? []).toString()).toBe('gone');
  });

  test('only what is done is committed, in order: the rest comes again to the next one', async () => {
    const place = await topicWith(6);
    const group = crypto.randomUUID();
    const first: string[] = [];
    const consumer = await consume(
      place,
      group,
      async (record) => {
        const value = text(record) ?? '';
        first.push(value);
        // 3 never ends; 4 and 5 are done before it.
        if (value === '3') await new Promise(() => {});
      },
      4,
    );
    await until(() => first.length === 6);
    await consumer.close();
    const second: (string | null)[] = [];
    const next = await consume(place, group, async (record) => void second.push(text(record)));
    await until(() => second.length === 3);
    await Bun.sleep(500);
    await next.close();
    expect(second).toEqual(['3', '4', '5']);
  });

  test('a record whose handler fails is handed over again, before its successors', async () => {
    const place = await topicWith(3);
    const seen: (string | null)[] = [];
    const consumer = await consume(place, crypto.randomUUID(), async (record) => {
      seen.push(text(record));
      if (seen.length === 2) throw new Error('not now');
    });
    await until(() => seen.length === 4);
    await consumer.close();
    expect(seen).toEqual(['0', '1', '1', '2']);
  });

  test('a handler that is busy for long rests the partitions and loses nothing', async () => {
    const place = await topicWith(5);
    const seen: (string | null)[] = [];
    let rested = false;
    const consumer = await consume(place, crypto.randomUUID(), async (record) => {
      seen.push(text(record));
      if (seen.length === 2) await until(() => consumer.state().resting);
      rested ||= consumer.state().resting;
    });
    await until(() => seen.length === 5);
    expect(rested).toBe(true);
    expect(consumer.state()).toMatchObject({ resting: false, assigned: 1 });
    await consumer.close();
    expect(seen).toEqual(['0', '1', '2', '3', '4']);
  });

  test('two members share the partitions; a leaving one hands over what it did not do', async () => {
    const place = await topicWith(0, 4);
    const group = crypto.randomUUID();
    const seen = new Map<string, number>();
    const handler: RecordHandler = async (record) => {
      const value = text(record) ?? '';
      seen.set(value, (seen.get(value) ?? 0) + 1);
    };
    const a = await consume(place, group, handler);
    await until(() => a.state().assigned === 4);
    const b = await consume(place, group, handler);
    await until(() => a.state().assigned === 2 && b.state().assigned === 2);
    for (let i = 0; i < 20; i++) await produce({ ...place, key: `k${i}`, value: `${i}` });
    await until(() => seen.size === 20);
    expect(a.state().handled).toBeGreaterThan(0);
    expect(b.state().handled).toBeGreaterThan(0);
    const began = Date.now();
    await a.close();
    expect(Date.now() - began).toBeLessThan(4_000);
    await until(() => b.state().assigned === 4);
    for (let i = 20; i < 40; i++) await produce({ ...place, key: `k${i}`, value: `${i}` });
    await until(() => seen.size === 40);
    await b.close();
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
  });

  test('no broker: one fault that names the address', async () => {
    const settings = { bootstrapServers: '127.0.0.1:9', clientId: 'test', options: {}, topics: ['t'] };
    const opening = openConsumer(
      { ...settings, groupId: 'g', concurrency: 1, startupTimeoutMs: 500 },
      async () => {},
      deps,
    );
    await expect(opening).rejects.toMatchObject({ code: 'broker_unavailable', subject: '127.0.0.1:9' });
  });
});

import { expect, test } from 'bun:test';
import { asRead } from '../integration/backfill-parts.ts';
import type { TradeBatch } from '../integration/spine-parts.ts';
import type { Message } from '../services/avro-consumer.ts';

let offset = 0;

function message(
  fence: number,
  ids: readonly number[],
  stream_type: string,
  late = false,
): Message<TradeBatch> {
  const data = ids.map((id) => {
    return { trade_id: String(id), timestamp: id, price: 1, volume: 1, side: 'BUY', stream_type };
  });
  return {
    key: 'coinbase|USD-BTC',
    value: { exchange: 'coinbase', symbol: 'BTC-USD', code: 'USD-BTC', data },
    raw: null,
    schemaId: null,
    headers: { fence: String(fence), ...(late ? { late: 'backfill' } : {}) },
    partition: 0,
    offset: offset++,
    timestamp: 0,
  };
}

const named = (messages: readonly Message<TradeBatch>[]) => {
  const { rows, again } = asRead(messages);
  return { rows: rows.map(({ trade_id, stream_type }) => `${trade_id} ${stream_type}`), again };
};

test('what answers a subscription after a restart may come again; nothing else may', () => {
  const first = [message(5, [1, 2], 'REALTIME'), message(5, [3], 'BACKFILL', true)];
  const next = named([...first, message(9, [2, 3, 4], 'SNAPSHOT'), message(9, [5], 'REALTIME')]);
  expect(next.rows).toEqual(['1 REALTIME', '2 REALTIME', '3 BACKFILL', '4 SNAPSHOT', '5 REALTIME']);
  expect(next.again).toBe(2);

  // In one life, live where it was live before, and over REST: each of them stays to be found.
  for (const wrong of [
    message(5, [2], 'SNAPSHOT'),
    message(9, [6, 2], 'REALTIME'),
    message(9, [2], 'BACKFILL', true),
  ])
    expect(named([...first, wrong]).again).toBe(0);
  // Not every exchange says what it repeats.
  expect(named([...first, message(9, [2, 6], 'REALTIME')]).again).toBe(1);
  // What the next life fetched is no more to come as an answer of that life.
  const fetched = [...first, message(9, [4], 'BACKFILL', true), message(9, [4], 'SNAPSHOT')];
  expect(named(fetched).again).toBe(0);
});

test('a message of a lower fence is dropped but where it is late', () => {
  const messages = [
    message(9, [5], 'REALTIME'),
    message(5, [3], 'REALTIME'),
    message(5, [4], 'BACKFILL', true),
  ];
  expect(named(messages)).toEqual({ rows: ['5 REALTIME', '4 BACKFILL'], again: 0 });
});

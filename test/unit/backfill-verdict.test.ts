import { expect, test } from 'bun:test';
import { isCounted, isOnRecord, leftInGap } from '../integration/backfill-left.ts';
import { asRead } from '../integration/backfill-parts.ts';
import type { TradeBatch } from '../integration/spine-parts.ts';
import { askedWhileBanned, liveWaits, quantile } from '../long/backfill-checks.ts';
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

test('what is left of a gap is on record by its ids where they are known, else by its times', () => {
  const gap = {
    ...{ gap_id: 'g', from: 2_000_000, to: 9_000_000, cause: 'cut', codes: ['A', 'B'] },
    ...{ first_missing_id: null, last_missing_id: null, fill: null },
  };
  const code = (name: string, state: string) => ({ code: name, rows: 0, state });
  const fill = { state: 'partial', proof: 'none', rows: 3, reason: null };
  const told = { ...gap, fill: { ...fill, codes: [code('A', 'partial'), code('B', 'impossible')] } };
  expect(leftInGap(gap, false)).toEqual([]);
  expect(leftInGap(told, false).map(({ code: name }) => name)).toEqual(['B']);
  const byTime = leftInGap({ ...gap, to: 5_000_000 }, true);
  const byId = leftInGap({ ...gap, first_missing_id: '7', last_missing_id: '9' }, true);
  expect([byTime.length, byId.length]).toEqual([2, 2]);
  const at = (id: string, timeUs: number) => ({ id, timeUs });
  expect(isOnRecord(at('1', 1_999_001), byTime)).toBe(true);
  expect(isOnRecord(at('1', 1_999_000), byTime)).toBe(false);
  expect(isOnRecord(at('1', 5_000_000), byTime)).toBe(true);
  expect(isOnRecord(at('1', 5_000_001), byTime)).toBe(false);
  // Where ids are told, being within its times is not enough.
  expect([6, 7, 9, 10].map((id) => isOnRecord(at(String(id), 3_000_000), byId))).toEqual([
    ...[false, true, true, false],
  ]);
  expect([isCounted(at('8', 0), byId), isCounted(at('8', 3_000_000), byTime)]).toEqual([true, false]);
});

test('waits are those of rows that sockets brought within the times, and a ban holds for all requests', () => {
  const row = (received_at: number, stream_type = 'REALTIME') => ({ received_at, stream_type });
  const live = {
    headers: {},
    value: { data: [row(1_000_000), row(1_500_000), row(2_100_000)] },
    timestamp: 2000,
  };
  const answer = { headers: {}, value: { data: [row(1_000_000, 'SNAPSHOT')] }, timestamp: 9000 };
  const late = { headers: { late: 'backfill' }, value: { data: [row(1_000_000)] }, timestamp: 9000 };
  expect(liveWaits([live, answer, late], [{ from: 900, to: 2000 }])).toEqual([500, 1000]);
  expect([0.5, 0.99, 1].map((part) => quantile([1, 2, 3, 4], part))).toEqual([3, 4, 4]);
  expect(quantile([], 0.5)).toBeNaN();

  const rest = (at: number, status: number, exchange = 'binance') => {
    return { exchange, at, socket: null, what: 'rest', path: '/trades', status } as const;
  };
  const kept = [rest(0, 200), rest(10, 418), rest(400, 200), rest(5000, 200, 'okx'), rest(10_010, 200)];
  expect(askedWhileBanned(kept, 'binance', 10_000)).toEqual({ bans: 1, asked: [] });
  expect(askedWhileBanned([...kept, rest(11_000, 418), rest(20_989, 200)], 'binance', 10_000)).toEqual({
    bans: 2,
    asked: ['/trades 11 ms too soon'],
  });
});

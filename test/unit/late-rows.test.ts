import { expect, test } from 'bun:test';
import { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import type { market } from '../../src/core/market/market.ts';
import { LateRows } from '../../src/infra/kafka/recover/late-rows.ts';
import type { Kept, Stored } from '../../src/infra/outbox/store.ts';
import { BTC, ETH, JSON_CODECS, stored, TOPIC, Topic } from './former-life-parts.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { Folder, MemoryStore } from './memory-outbox.ts';

const BACKFILL = [{ late: 'backfill' }, { fence: '9' }];

interface Row {
  readonly trade_id: string;
  readonly stream_type: string;
}

function rowsOf({ value }: Pick<Stored, 'value'>): Row[] {
  return (JSON.parse(Buffer.from(value).toString()) as { data: Row[] }).data;
}

/** What was fetched over REST of a code, under ids of its own where they are given. */
function fetched(
  of: ReturnType<typeof market>,
  ids: readonly number[],
  named = (id: number) => `${id}`,
): Stored {
  const message = stored(of, ids, 9);
  const value = JSON.parse(Buffer.from(message.value).toString()) as { data: Row[] };
  const data = value.data.map((row, at) => ({
    ...row,
    trade_id: named(ids[at] ?? 0),
    stream_type: 'BACKFILL',
  }));
  return { ...message, value: Buffer.from(JSON.stringify({ ...value, data })) };
}

/** An outbox with these messages, all of codes that another has by now. */
function rig(messages: readonly Stored[], { otherIds = false } = {}) {
  const clock = new ManualClock();
  const folder = new Folder();
  const store = new MemoryStore(folder);
  for (const message of messages) store.append(message);
  store.commit();
  const topic = new Topic();
  const sent: Kept[] = [];
  const state = { fetching: new Set<string>(), away: false, broken: false, room: true };
  const late = new LateRows({
    async fetching() {
      if (state.away) throw new Fault('redis_unavailable', 'redis', 'It is away.', '');
      return state.fetching;
    },
    otherIds: () => otherIds,
    read: (from, mostBytes) => store.read(from, mostBytes),
    release: (place) => store.release(place),
    send(kept) {
      if (state.room) sent.push(kept);
      return state.room;
    },
    async openReader() {
      if (state.broken) throw new Fault('broker_unavailable', 'kafka:9092', 'Connection refused.', '');
      return topic;
    },
    encodingOf: () => JSON_CODECS.get('trade-data'),
    marksOf: () => ({ offsets: new Map(), sinceMs: 0 }),
    clock,
    log: createLog('silent', false),
  });
  for (const [place, message] of folder.records) expect(late.take({ place, message })).toBe(true);
  const ids = () => sent.map(({ message }) => rowsOf(message).map(({ trade_id }) => trade_id));
  return { clock, folder, store, topic, late, sent, ids, state };
}

test('rows that somebody fetched meanwhile are left out, the others are brought, under the UUIDs that they had', async () => {
  const messages = [stored(BTC, [1, 2], 4), stored(BTC, [3, 4], 4), stored(ETH, [1, 2], 4)];
  const { clock, topic, ids, sent, folder, late } = rig(messages);
  topic.has_(fetched(BTC, [1, 2, 3]), BACKFILL);
  topic.has_(stored(BTC, [50], 9));
  topic.has_(stored(ETH, [50], 9));
  await clock.advance(6_000);
  expect(ids()).toEqual([['4'], ['1', '2']]);
  expect(sent.map(({ message }) => [message.ticketId, message.rows])).toEqual([
    [messages[1]?.ticketId ?? '', 1],
    [messages[2]?.ticketId ?? '', 2],
  ]);
  // Of the first nothing is left.
  expect([[...folder.records.keys()], late.codes, late.leftOut]).toEqual([[2, 3], 0, 3]);
  expect(clock.pending).toBe(0);
});

test('while trades of a code are being fetched its rows wait, and no others do', async () => {
  const { clock, topic, ids, state, late } = rig([stored(BTC, [1, 2], 4), stored(ETH, [1, 2], 4)]);
  state.fetching.add('KRW-BTC');
  topic.has_(stored(BTC, [50], 9));
  topic.has_(stored(ETH, [50], 9));
  await clock.advance(60_000);
  expect([ids(), late.has(TOPIC, 'upbit|KRW-BTC'), late.has(TOPIC, 'upbit|KRW-ETH')]).toEqual([
    [['1', '2']],
    true,
    false,
  ]);
  topic.has_(fetched(BTC, [1, 2]), BACKFILL);
  state.fetching.clear();
  await clock.advance(6_000);
  expect([ids(), late.codes]).toEqual([[['1', '2']], 0]);
});

test('nothing is waited for without end: what is never fetched, a code that nobody takes, a store that is away', async () => {
  const { clock, topic, ids, state } = rig([stored(BTC, [1], 4), stored(ETH, [2], 4)]);
  topic.has_(stored(BTC, [50], 9));
  state.fetching.add('KRW-BTC');
  await clock.advance(55_000);
  expect(ids()).toEqual([]);
  await clock.advance(15_000);
  expect(ids()).toEqual([['2']]);
  state.away = true;
  await clock.advance(800_000);
  expect(ids()).toEqual([['2']]);
  await clock.advance(60_000);
  expect(ids()).toEqual([['2'], ['1']]);
});

test('without leases nobody else is waited for, but what this collector fetches itself is', async () => {
  const { clock, topic, ids, state } = rig([stored(BTC, [1, 2]), stored(ETH, [3])]);
  state.fetching.add('KRW-BTC');
  await clock.advance(3_000);
  expect(ids()).toEqual([['3']]);
  topic.has_(fetched(BTC, [1]), [{ late: 'backfill' }]);
  state.fetching.clear();
  await clock.advance(3_000);
  expect(ids()).toEqual([['3'], ['2']]);
});

test('brokers that are away and a full memory are waited for', async () => {
  const { clock, topic, ids, state } = rig([stored(BTC, [1], 4)]);
  topic.has_(stored(BTC, [50], 9));
  state.broken = true;
  await clock.advance(1_800_000);
  expect(ids()).toEqual([]);
  state.broken = false;
  state.room = false;
  await clock.advance(30_000);
  expect(ids()).toEqual([]);
  state.room = true;
  await clock.advance(1_000);
  expect(ids()).toEqual([['1']]);
});

test('where REST has ids of its own a row is known by its value, each as often as it was fetched', async () => {
  // Two trades of one moment that say the same, one of which was fetched.
  const same = stored(BTC, [2, 2], 4);
  const { clock, topic, ids } = rig([stored(BTC, [1], 4), same, stored(BTC, [3], 4)], { otherIds: true });
  topic.has_(
    fetched(BTC, [1, 2], (id) => `179000000${id}0000`),
    BACKFILL,
  );
  topic.has_(stored(BTC, [50], 9));
  await clock.advance(6_000);
  expect(ids()).toEqual([['2'], ['3']]);
});

test('what another received itself is left out as well, and what it wrote long after is not looked at', async () => {
  const { clock, topic, ids } = rig([stored(BTC, [1, 2, 3], 4)]);
  // It answered the subscription with the latest trades.
  topic.has_(stored(BTC, [2], 9));
  topic.has_({ ...stored(BTC, [3], 9), at: 1_790_000_000_000_000 + 3_600_000_000 });
  await clock.advance(6_000);
  expect(ids()).toEqual([['1', '3']]);
});

test('a code of which rows turn up later is looked for in what was read before as well', async () => {
  const { clock, topic, ids, late, folder, state } = rig([stored(BTC, [1], 4)]);
  state.fetching.add('KRW-BTC');
  topic.has_(stored(BTC, [50], 9));
  topic.has_(fetched(ETH, [2]), BACKFILL);
  topic.has_(stored(ETH, [50], 9));
  await clock.advance(6_000);
  const message = stored(ETH, [2, 3], 4);
  folder.records.set(7, message);
  late.take({ place: 7, message });
  await clock.advance(6_000);
  expect(ids()).toEqual([['3']]);
});

test('what comes of a key while it is being brought is brought as well, and a stop holds up nothing', async () => {
  const { clock, topic, ids, late, folder, state } = rig([stored(BTC, [1], 4)]);
  topic.has_(stored(BTC, [50], 9));
  state.room = false;
  await clock.advance(6_000);
  const message = stored(BTC, [2], 4);
  folder.records.set(7, message);
  expect(late.take({ place: 7, message })).toBe(true);
  state.room = true;
  await clock.advance(6_000);
  expect(ids()).toEqual([['1'], ['2']]);
  const last = stored(BTC, [3], 4);
  folder.records.set(8, last);
  late.take({ place: 8, message: last });
  late.stop();
  await clock.advance(10_000);
  await settle();
  expect([ids().length, clock.pending]).toEqual([2, 0]);
});

test('of messages of this life those wait that were taken, and not what lies between them under way', async () => {
  const { clock, topic, ids, late, folder } = rig([]);
  const messages = [stored(BTC, [1], 4), stored(BTC, [2], 6), stored(BTC, [3], 4), stored(BTC, [4], 4)];
  for (const [at, message] of messages.entries()) folder.records.set(at + 1, message);
  // Reports come in any order; the second and the fourth are under way.
  for (const place of [3, 1]) {
    const message = folder.records.get(place);
    expect(message && late.takeOwn({ place, message })).toBe(true);
  }
  topic.has_(stored(BTC, [50], 9));
  await clock.advance(6_000);
  expect([ids(), late.codes]).toEqual([[['1'], ['3']], 0]);
});

test('a row that lies in its topic though its report said otherwise is not brought again', async () => {
  const { clock, topic, ids, late, folder } = rig([]);
  const message = stored(BTC, [1, 2], 4);
  folder.records.set(1, message);
  topic.has_(stored(BTC, [1], 4));
  topic.has_(stored(BTC, [50], 9));
  // Readers drop it there.
  topic.has_(stored(BTC, [2], 4));
  late.takeOwn({ place: 1, message });
  await clock.advance(6_000);
  expect(ids()).toEqual([['2']]);
});

test('a reading that breaks off is begun anew, and counts nothing twice', async () => {
  const same = stored(BTC, [2, 2], 4);
  const { clock, topic, ids } = rig([same], { otherIds: true });
  topic.has_(
    fetched(BTC, [2], (id) => `179000000${id}0000`),
    BACKFILL,
  );
  topic.has_(stored(BTC, [50], 9));
  let breaks = 1;
  topic.onRead = () => {
    if (breaks-- > 0) throw new Fault('broker_unavailable', 'kafka:9092', 'Nothing more came.', '');
  };
  await clock.advance(10_000);
  expect(ids()).toEqual([['2']]);
});

test('a disk that breaks off in the middle costs nothing, and nothing goes twice', async () => {
  const big = (id: number) => {
    const message = stored(BTC, [id], 4);
    return { ...message, value: Buffer.concat([message.value, Buffer.alloc(800_000, ' ')]) };
  };
  const { clock, topic, ids, store } = rig([big(1), big(2), big(3)]);
  topic.has_(stored(BTC, [50], 9));
  let reads = 0;
  const read = store.read.bind(store);
  store.read = (from, mostBytes) => {
    if (++reads === 2) throw new Error('input/output error');
    return read(from, mostBytes);
  };
  await clock.advance(10_000);
  expect([ids(), reads]).toEqual([[['1'], ['2'], ['3']], 4]);
});

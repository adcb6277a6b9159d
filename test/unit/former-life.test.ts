import { expect, test } from 'bun:test';
import { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import type { IntervalReader } from '../../src/infra/kafka/consume/interval-reader.ts';
import { rowJournal } from '../../src/infra/kafka/produce/row-journal.ts';
import { FormerLife, type Holds } from '../../src/infra/kafka/recover/former-life.ts';
import type { Kept, Place, Stored } from '../../src/infra/outbox/store.ts';
import { BTC, ETH, JSON_CODECS, stored, TOPIC, Topic, trade } from './former-life-parts.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { Folder, MemoryStore } from './memory-outbox.ts';

const LEASE_MS = 15_000;

function life(
  messages: readonly Stored[],
  given: { topic?: Topic; holds?: Holds; open?: () => Promise<IntervalReader> } = {},
) {
  const folder = new Folder();
  const before = new MemoryStore(folder);
  for (const message of messages) before.append(message);
  before.commit();
  return { ...revived(folder, given), folder };
}

function revived(
  folder: Folder,
  {
    topic = new Topic(),
    holds = () => true,
    open = async () => topic,
  }: { topic?: Topic; holds?: Holds; open?: () => Promise<IntervalReader> } = {},
  unreadable = false,
) {
  const clock = new ManualClock();
  const store = new MemoryStore(folder);
  store.readable = !unreadable;
  const inherited: [string, Place, Place][] = [];
  let begun = 0;
  const former = new FormerLife({
    store,
    spool: {
      inherits: (...one) => void inherited.push(one),
      begin: () => void begun++,
      sendLate: () => true,
    },
    fetched: { fetching: async () => new Set<string>(), otherIds: () => false },
    openReader: open,
    encodingOf: () => JSON_CODECS.get('trade-data'),
    holds,
    leaseMs: LEASE_MS,
    clock,
    log: createLog('silent', false),
  });
  const done = former.inherit(store.recovered);
  const as = () =>
    [...folder.records]
      .map(([place, message]): Kept => ({ place, message }))
      .map((kept) => former.inherited(kept));
  return { clock, store, former, topic, inherited, begun: () => begun, done, as };
}

test('what lies in the topic is released, the rest goes in order, from the last acknowledged offsets on', async () => {
  const all = [1, 2, 3].map((id) => stored(BTC, [id]));
  const topic = new Topic();
  for (const message of all.slice(0, 2)) topic.has_(message);
  const folder = new Folder();
  const before = new MemoryStore(folder);
  for (const message of all) before.append(message);
  before.commit();
  before.acknowledged(TOPIC, 0, 17);
  const { clock, done, as, inherited, begun } = revived(folder, { topic });
  await settle();
  await clock.advance(5_000);
  await done;
  expect([...folder.records.keys()]).toEqual([3]);
  expect(as()).toEqual(['in order']);
  expect([inherited, begun()]).toEqual([[[TOPIC, 1, 3]], 1]);
  expect(topic.asked[0]?.from).toMatchObject({ offsets: new Map([[0, 17]]) });
  expect(topic.closed).toBe(1);
});

test('what a broker had in its sockets is seen by a later look', async () => {
  const all = [1, 2, 3].map((id) => stored(BTC, [id]));
  const topic = new Topic();
  let looks = 0;
  topic.onRead = () => {
    // One comes after the first look, and one after the second.
    const late = all[looks++];
    if (late && looks < 3) topic.has_(late);
  };
  const { clock, done, folder } = life(all, { topic });
  await settle();
  await clock.advance(20_000);
  await done;
  expect([...folder.records.keys()]).toEqual([3]);
  expect(looks).toBe(4);
});

test('a key that another has written since goes late, and so does one whose shard never becomes ours', async () => {
  const topic = new Topic();
  topic.has_(stored(ETH, [50], 9));
  const held = new Set<string>();
  const { clock, done, as } = life([stored(ETH, [1], 4), stored(BTC, [2], 4)], {
    topic,
    holds: (_topic, key) => held.has(key),
  });
  await settle();
  await clock.advance(3_000);
  await done;
  expect(as()).toEqual(['aside', 'wait']);
  held.add('upbit|KRW-BTC');
  expect(as()).toEqual(['aside', 'in order']);
  held.clear();
  await clock.advance(2 * LEASE_MS);
  expect(as()).toEqual(['aside', 'aside']);
});

test('what readers drop for its fence is not there: another had written the key before it came', async () => {
  const [before, behind] = [stored(BTC, [1], 4), stored(BTC, [2], 4)];
  const topic = new Topic();
  topic.has_(before);
  topic.has_(stored(BTC, [50], 9));
  topic.has_(behind);
  const { clock, done, folder } = life([before, behind], { topic });
  await settle();
  await clock.advance(5_000);
  await done;
  expect([...folder.records.keys()]).toEqual([2]);
});

test('brokers that are away are waited for, in their words; nothing goes before', async () => {
  let away = true;
  const topic = new Topic();
  const open = async () => {
    if (away) throw new Fault('broker_unavailable', 'kafka:9092', 'Connection refused.', '');
    return topic;
  };
  const { clock, done, as, former } = life([stored(BTC, [1])], { topic, open });
  await settle();
  await clock.advance(60_000);
  expect([as(), former.waits, former.trouble]).toEqual([['wait'], true, 'kafka:9092: Connection refused.']);
  away = false;
  await clock.advance(10_000);
  await done;
  expect([as(), former.waits, former.trouble]).toEqual([['in order'], false, null]);
});

test('a disk that cannot be read holds up nothing that is received: what it gives later goes late', async () => {
  const folder = new Folder();
  const before = new MemoryStore(folder);
  before.append(stored(BTC, [1]));
  before.commit();
  const { clock, store, done, as, begun, inherited } = revived(folder, {}, true);
  await settle();
  await clock.advance(20_000);
  expect([begun(), inherited.length]).toEqual([0, 0]);
  await clock.advance(20_000);
  expect([begun(), inherited.length]).toEqual([1, 0]);
  store.readable = true;
  await clock.advance(20_000);
  await done;
  expect([inherited, as()]).toEqual([[[TOPIC, 1, 1]], ['aside']]);
});

test('rows that were read and not batched become messages, each once, behind what was batched', async () => {
  const folder = new Folder();
  const clock = new ManualClock();
  const before = new MemoryStore(folder);
  const journal = rowJournal(
    { note: (message) => before.append(message), forget: (place) => before.release(place) },
    JSON_CODECS,
    clock,
  );
  const note = (rows: readonly (readonly [typeof BTC, number])[]) =>
    journal.note({
      ...{ exchange: 'upbit', region: 'korea', requestType: 'trade' },
      rows: rows.map(([of, id]) => trade(of, id)),
      names: rows.map(([{ symbol, base, quote }]) => JSON.stringify([symbol, base, quote, 4, 'why'])),
    });
  note([
    [BTC, 1],
    [ETH, 2],
    [BTC, 3],
  ]);
  note([
    [ETH, 4],
    [ETH, 4],
    [BTC, 5],
  ]);
  // The batch of one code was written, that of the other was not; of two rows that are the same it has one.
  before.append(stored(BTC, [1, 3, 5], 4));
  before.append(stored(ETH, [4], 4));
  before.commit();
  const { clock: now, done, as, store } = revived(folder);
  await settle();
  await now.advance(5_000);
  await done;
  const messages = [...folder.records.values()].map((message) =>
    JSON.parse(Buffer.from(message.value).toString()),
  );
  expect(
    messages.map(({ code, data }) => [code, data.map(({ trade_id }: { trade_id: string }) => trade_id)]),
  ).toEqual([
    ['KRW-BTC', ['1', '3', '5']],
    ['KRW-ETH', ['4']],
    ['KRW-ETH', ['2', '4']],
  ]);
  expect([...folder.records.values()].at(-1)).toMatchObject({
    ...{ topic: TOPIC, key: 'upbit|KRW-ETH', fence: 4, rows: 2 },
    headers: [
      { 'content-type': 'application/json' },
      { 'schema-version': '0' },
      { 'correlation-id': 'why' },
      { fence: '4' },
    ],
  });
  expect(as()).toEqual(['in order', 'in order', 'in order']);
  // Once more, as after a crash in the middle: nothing is made twice.
  const again = revived(folder);
  await settle();
  await again.clock.advance(5_000);
  await again.done;
  expect(folder.records.size).toBe(3);
  expect(store.recovered.messages).toBe(4);
});

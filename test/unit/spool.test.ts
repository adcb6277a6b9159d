import { describe, expect, test } from 'bun:test';
import type { Inherited } from '../../src/infra/kafka/produce/spool.ts';
import type { Stored } from '../../src/infra/outbox/store.ts';
import { seeded } from './connection-parts.ts';
import { settle } from './manual-clock.ts';
import { Folder } from './memory-outbox.ts';
import { desk, WEIGHT } from './spool-parts.ts';

const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, i) => `${first + i}`);

test('what is received waits until it is known what a former life left', async () => {
  const { spool } = desk();
  let begun = false;
  void spool.begun.then(() => {
    begun = true;
  });
  await settle();
  expect(begun).toBe(false);
  spool.begin();
  await settle();
  expect(begun).toBe(true);
});

describe('a message', () => {
  test('is on disk before the client has it, all of a turn in one write, and released when it is acknowledged', async () => {
    const { spool, store, folder, send, acknowledge, log, onDiskWhenHanded } = desk();
    spool.begin();
    await settle();
    for (const text of numbers(3)) send(text);
    expect(log).toEqual([]);
    await settle();
    expect({ log, onDiskWhenHanded, commits: store.commits }).toEqual({
      ...{ log: numbers(3), onDiskWhenHanded: [true, true, true], commits: 1 },
    });
    expect(folder.records.size).toBe(3);
    acknowledge();
    expect(folder.records.size).toBe(0);
  });

  test('goes on without the outbox where that takes none', async () => {
    const { spool, store, send, work, fates } = desk();
    spool.begin();
    store.room = 0;
    send('a');
    await work();
    await settle();
    await work();
    expect(fates.get('a')).toEqual(['delivered']);
  });
});

describe('beyond its memory', () => {
  test('messages lie on disk alone, and come back in order when there is room', async () => {
    const { spool, send, work, log, fates, folder, handed } = desk({ messages: 8 });
    spool.begin();
    await settle();
    for (const text of numbers(100)) {
      send(text);
      if (Number(text) % 7 === 0) await settle();
    }
    await settle();
    expect(handed.length).toBeLessThan(8);
    expect([...fates.values()].filter(([first]) => first === 'shelved').length).toBeGreaterThan(90);
    expect(spool.weight).toBeLessThan(10 * WEIGHT);
    await work();
    expect(log).toEqual(numbers(100));
    expect(folder.records.size).toBe(0);
    expect(spool.spilling).toEqual([]);
    // Then nothing goes over the disk any more.
    const { shelved } = spool;
    send('100');
    await work();
    expect([spool.shelved, log.at(-1)]).toEqual([shelved, '100']);
  });

  test('what comes while the rest is read back stays behind it', async () => {
    const { spool, send, acknowledge, work, log } = desk({ messages: 4 });
    spool.begin();
    await settle();
    let next = 0;
    for (const text of numbers(30)) send(text);
    next = 30;
    for (let round = 0; round < 40; round++) {
      await settle();
      acknowledge(2);
      send(`${next++}`);
    }
    await work();
    expect(log).toEqual(numbers(next));
  });

  test('what a slow disk has not taken yet does not keep on it what came before', async () => {
    const { spool, store, send, acknowledge, log } = desk({ messages: 8 });
    spool.begin();
    await settle();
    for (const text of numbers(40)) send(text);
    await settle();
    // From now on more is on its way to the disk, all the time, than memory has room for.
    store.slow = true;
    let next = 40;
    for (let round = 0; round < 60 && log.length < 40; round++) {
      for (const text of numbers(20, next)) send(text);
      next += 20;
      await settle();
      store.write();
      for (const text of numbers(20, next)) send(text);
      next += 20;
      await settle();
      acknowledge();
    }
    expect(log.slice(0, 40)).toEqual(numbers(40));
  });

  test('a topic that does not go holds up no other', async () => {
    const { spool, send, handed, queue, clock, log } = desk({ messages: 8 });
    spool.begin();
    await settle();
    for (const text of numbers(60)) send(text, { topic: 'stuck' });
    await settle();
    for (let round = 0; round < 40; round++) {
      send(`other ${round}`, { topic: 'other' });
      await settle();
      for (const one of handed.filter(({ message }) => message.topic === 'other')) {
        handed.splice(handed.indexOf(one), 1);
        queue.report(one.id, 0);
      }
      await clock.advance(250);
    }
    expect(log.filter((text) => text.startsWith('other'))).toEqual(numbers(40).map((n) => `other ${n}`));
  });

  test('what a full disk does not take stays in memory, in its place, and goes there when it can', async () => {
    const { spool, store, send, work, log, fates, clock } = desk({ messages: 4 });
    spool.begin();
    await settle();
    store.room = 10;
    for (const text of numbers(30)) send(text);
    await settle();
    expect([...fates.values()].flat().filter((fate) => fate === 'shelved').length).toBeLessThanOrEqual(10);
    store.room = 1_000;
    await clock.advance(500);
    expect([...fates.values()].flat().filter((fate) => fate === 'shelved').length).toBeGreaterThan(20);
    await work();
    expect(log).toEqual(numbers(30));
  });

  test('a write that fails costs nothing: memory lets go only of what is on disk', async () => {
    const { spool, store, send, work, log, fates, clock } = desk({ messages: 4 });
    spool.begin();
    await settle();
    store.broken = true;
    for (const text of numbers(20)) send(text);
    await settle();
    expect([...fates.values()].flat()).not.toContain('shelved');
    store.broken = false;
    await clock.advance(500);
    await work();
    expect(log).toEqual(numbers(20));
    expect([...fates.values()].every((told) => told.at(-1) === 'delivered')).toBe(true);
  });

  test('nor of what a slow disk has not written yet', async () => {
    const { spool, store, send, fates, clock } = desk({ messages: 2 });
    spool.begin();
    await settle();
    store.slow = true;
    for (const text of numbers(10)) send(text);
    await settle();
    expect([...fates.values()].flat()).not.toContain('shelved');
    store.write();
    await clock.advance(500);
    expect([...fates.values()].flat()).toContain('shelved');
  });

  test('at the stop what is on disk is told so, and the next life has it', async () => {
    const first = desk({ messages: 4 });
    first.spool.begin();
    await settle();
    first.take(false);
    for (const text of numbers(20)) first.send(text);
    await settle();
    first.spool.close();
    for (const message of first.queue.abandon()) message.undelivered();
    expect([...first.fates.values()].every((told) => Bun.deepEquals(told, ['shelved']))).toBe(true);
    const second = desk({ folder: first.folder, messages: 4 });
    second.send('20');
    second.spool.inherits('t', 1, second.store.recovered.last);
    second.spool.begin();
    await settle();
    second.send('21');
    await second.work();
    expect(second.log).toEqual(numbers(22));
  });
});

describe('of a former life', () => {
  const FORMER = 6;
  async function left(): Promise<Folder> {
    const { spool, send, folder, take } = desk();
    spool.begin();
    take(false);
    for (const text of numbers(FORMER)) send(text, { key: `k${text}`, fence: 5 });
    await settle();
    return folder;
  }

  test('what lies in its topic is not sent again, what nobody else has goes in order, the rest late', async () => {
    const folder = await left();
    const as: Inherited[] = ['drop', 'in order', 'late', 'in order', 'drop', 'late'];
    const asked: string[] = [];
    const { spool, store, handed, log, send, work } = desk({
      folder,
      standingOf: () => 'ended',
      inherited: ({ message }) => {
        const text = Buffer.from(message.value).toString().trim();
        asked.push(text);
        return as[Number(text)] ?? 'wait';
      },
    });
    send('new');
    spool.inherits('t', 1, store.recovered.last);
    spool.begin();
    await settle();
    await settle();
    const headers = handed.map(({ text, message }) => [text, message.headers.flatMap(Object.entries)]);
    expect(headers.slice(0, 4)).toEqual([
      ['1', []],
      ['2', [['late', 'outbox']]],
      ['3', []],
      ['5', [['late', 'outbox']]],
    ]);
    await work();
    expect(log).toEqual(['1', '2', '3', '5', 'new']);
    expect(asked).toEqual(numbers(FORMER));
    expect(folder.records.size).toBe(0);
  });

  test('it waits, and so does what came since, until it is known what is to be done', async () => {
    const folder = await left();
    let known = false;
    const { spool, store, log, send, work, clock } = desk({
      folder,
      inherited: () => (known ? 'in order' : 'wait'),
    });
    spool.inherits('t', 1, store.recovered.last);
    spool.begin();
    send('new');
    send('of another topic', { topic: 'u' });
    await clock.advance(5_000);
    expect(log).toEqual(['of another topic']);
    known = true;
    await clock.advance(500);
    await work();
    expect(log).toEqual(['of another topic', ...numbers(FORMER), 'new']);
  });
});

test('what came before the former life was known is behind it on disk too, and goes once', async () => {
  const folder = new Folder();
  const first = desk({ folder });
  first.spool.begin();
  await settle();
  first.take(false);
  first.send('former');
  await settle();
  const second = desk({ folder, inherited: () => 'in order' });
  second.send('early');
  await settle();
  // A message that was made of what the former life had noted.
  const place = second.store.append({
    ...[...folder.records.values()][0],
    value: Buffer.from('made'),
  } as Stored);
  second.store.commit();
  second.spool.inherits('t', 1, place ?? 0);
  second.spool.begin();
  const onDisk = [...folder.records]
    .sort(([a], [b]) => a - b)
    .map(([, { value }]) => Buffer.from(value).toString().trim());
  expect(onDisk).toEqual(['former', 'made', 'early']);
  await second.work();
  await settle();
  await second.work();
  expect(second.log).toEqual(['former', 'made', 'early']);
});

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  'whatever the disk does, each topic keeps its order and each message is told once (%d)',
  async (seed) => {
    const random = seeded(seed);
    const { spool, store, send, log, fates, acknowledge, work, clock, folder } = desk({ messages: 6 });
    spool.begin();
    const sent = new Map<string, string[]>();
    for (let n = 0; n < 300; n++) {
      const topic = ['a', 'b', 'c'][Math.floor(random() * 3)] ?? 'a';
      const text = `${topic}${n}`;
      sent.set(topic, [...(sent.get(topic) ?? []), text]);
      send(text, { topic });
      if (random() < 0.3) await settle();
      if (random() < 0.3) acknowledge(Math.ceil(random() * 10));
      if (random() < 0.05) store.room = random() < 0.5 ? 5 : Number.POSITIVE_INFINITY;
      if (random() < 0.05) store.broken = random() < 0.5;
      if (random() < 0.05) store.slow = random() < 0.5;
      if (store.slow && random() < 0.2) store.write();
      if (random() < 0.05) await clock.advance(300 + random());
    }
    store.room = Number.POSITIVE_INFINITY;
    store.broken = false;
    store.slow = false;
    store.write();
    await clock.advance(1_000);
    await work();
    for (const [topic, texts] of sent) expect(log.filter((text) => text.startsWith(topic))).toEqual(texts);
    for (const told of fates.values()) {
      expect(told.filter((fate) => fate === 'delivered')).toEqual(['delivered']);
      expect(told.filter((fate) => fate === 'shelved').length).toBeLessThan(2);
    }
    expect(folder.records.size).toBe(0);
  },
);

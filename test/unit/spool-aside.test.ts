import { describe, expect, test } from 'bun:test';
import type { Kept, Stored } from '../../src/infra/outbox/store.ts';
import { settle } from './manual-clock.ts';
import { Folder, MemoryStore } from './memory-outbox.ts';
import { desk } from './spool-parts.ts';

describe('whose lease has ended', () => {
  const send = async (heldUntil: (at: number) => number | null) => {
    const one = desk({ standingOf: () => 'ended', heldUntil: () => heldUntil(one.clock.micros()) });
    one.spool.begin();
    one.send('a', { fence: 3 });
    await settle();
    await one.work();
    await settle();
    await one.work();
    return one;
  };

  test('a message goes late where its lease was held when it was received', async () => {
    const { log, fates, folder } = await send((now) => now);
    expect([log, fates.get('a'), folder.records.size]).toEqual([['a'], ['delivered'], 0]);
  });

  test('and is nobody’s where another may have its rows too', async () => {
    const { log, fates, folder } = await send((now) => now - 1_000);
    expect([log, fates.get('a'), folder.records.size]).toEqual([[], ['superseded'], 0]);
  });
});

test('what is set aside stays on disk and holds up nothing; it goes as late when somebody says so, and there is room', async () => {
  const folder = new Folder();
  const before = new MemoryStore(folder);
  const stored = (text: string): Stored => ({
    ...{ topic: 't', key: text, headers: [], value: Buffer.from(text.padEnd(100)), ticketId: '' },
    ...{ fence: 4, rows: 1, at: 1 },
  });
  for (const text of ['mine', 'theirs', 'also mine']) before.append(stored(text));
  before.commit();
  const { spool, store, handed, log, send, work, acknowledge, clock } = desk({
    folder,
    messages: 2,
    inherited: ({ message }) => (message.key === 'theirs' ? 'aside' : 'in order'),
  });
  spool.inherits('t', 1, 3);
  spool.begin();
  send('new');
  await settle();
  await work();
  expect(log).toEqual(['mine', 'also mine', 'new']);
  expect([...folder.records.keys()]).toEqual([2]);
  expect(spool.spilling).toEqual([]);
  const theirs: Kept = { place: 2, message: stored('theirs') };
  for (const text of ['a', 'b']) send(text);
  expect(spool.sendLate(theirs)).toBe(false);
  await work();
  expect(spool.sendLate(theirs)).toBe(true);
  await settle();
  expect(handed.map(({ text, message }) => [text, message.headers])).toEqual([
    ['theirs', [{ late: 'outbox' }]],
  ]);
  acknowledge();
  await clock.advance(250);
  expect([folder.records.size, store.recovered.messages]).toEqual([0, 3]);
  spool.close();
  expect(spool.sendLate(theirs)).toBe(false);
});

describe('rows whose code another collector has by now', () => {
  const lost = async (given: Parameters<typeof desk>[0] = {}) => {
    const taken: Kept[] = [];
    const one = desk({
      standingOf: () => 'ended',
      heldUntil: () => Number.POSITIVE_INFINITY,
      setAside: (kept) => taken.push(kept) > 0,
      ...given,
    });
    one.spool.begin();
    one.send('a', { fence: 3 });
    await settle();
    return { ...one, taken };
  };

  test('wait on disk, and nobody waits for them', async () => {
    const { taken, fates, folder, spool, log, work } = await lost();
    await work();
    expect(taken.map(({ place, message }) => [place, message.key, message.fence])).toEqual([[1, 'k', 3]]);
    expect([fates.get('a'), log, spool.weight, [...folder.records.keys()]]).toEqual([
      ['set aside'],
      [],
      0,
      [1],
    ]);
  });

  test('go late when they are brought, once, and are released then', async () => {
    const { taken, spool, handed, work, folder, log } = await lost();
    const [kept] = taken;
    expect(kept && spool.sendLate(kept)).toBe(true);
    await settle();
    expect(handed.map(({ message }) => [message.headers, message.fence])).toEqual([
      [[{ late: 'outbox' }], null],
    ]);
    await work();
    expect([log, folder.records.size]).toEqual([['a'], 0]);
  });

  test('go late at once where nobody takes them, or the disk has not written them yet', async () => {
    const refused = await lost({ setAside: () => false });
    await refused.work();
    expect([refused.log, refused.fates.get('a')]).toEqual([['a'], ['delivered']]);
    const slow = desk({
      standingOf: () => 'ended',
      heldUntil: () => Number.POSITIVE_INFINITY,
      setAside: () => true,
    });
    slow.store.slow = true;
    slow.spool.begin();
    slow.send('a', { fence: 3 });
    await settle();
    await slow.work();
    expect([slow.log, slow.fates.get('a')]).toEqual([['a'], ['delivered']]);
  });
});

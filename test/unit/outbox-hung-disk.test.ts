import { expect, test } from 'bun:test';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import type { Handed } from '../../src/infra/kafka/produce/handed.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { Spool } from '../../src/infra/kafka/produce/spool.ts';
import type { Disk } from '../../src/infra/outbox/disk.ts';
import { openStore } from '../../src/infra/outbox/open-store.ts';
import type { Store } from '../../src/infra/outbox/store.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { MemoryDisk } from './outbox-disk.ts';
import { eventsOf } from './outbox-parts.ts';

const TIMED_OUT = -192;
/** Messages of one row that memory has room for before they lie on disk alone. */
const ROOM = 8;
const WEIGHT = 2_500;

/** A disk of which everything that a thread does hangs from a moment on. */
function hanging(inner: Disk) {
  const waiting: (() => void)[] = [];
  const state = {
    hangs: false,
    answers() {
      state.hangs = false;
      for (const one of waiting.splice(0)) one();
    },
  };
  const wait = () => (state.hangs ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined);
  const disk: Disk = {
    ...inner,
    create: async (path) => {
      await wait();
      const file = await inner.create(path);
      return {
        ...file,
        sync: async () => {
          await wait();
          await file.sync();
        },
        writeInThread: async (bytes) => {
          await wait();
          return file.writeInThread(bytes);
        },
      };
    },
  };
  return Object.assign(state, { disk });
}

type Ends = 'delivered' | 'shelved' | 'undelivered';

/** An outbox on such a disk before brokers that are there, or away. */
async function desk() {
  const clock = new ManualClock();
  const slow = hanging(new MemoryDisk().forProcess());
  const told = eventsOf();
  const ends = new Map<string, Ends[]>();
  const handed: Handed[] = [];
  const state = { away: false };
  const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
  const queue: SendQueue = new SendQueue(
    {
      takeReports() {},
      produceAll(some) {
        spool.commit();
        for (const one of some) {
          one.code = state.away ? TIMED_OUT : 0;
          if (!state.away) handed.push({ ...one });
        }
      },
    },
    breaker,
    clock,
    () => {},
  );
  const letter = (text: string, topic = 't'): Outgoing => {
    const tell = (end: Ends) => () => void ends.set(text, [...(ends.get(text) ?? []), end]);
    return {
      ...{ topic, key: 'k', value: Buffer.from(text.padEnd(100)), headers: [], rows: 1, fence: null },
      ...{ delivered: tell('delivered'), refused() {}, split: () => null },
      ...{ shelved: tell('shelved'), undelivered: tell('undelivered') },
    };
  };
  const store: Store = openStore({
    ...{ folder: '/outbox', maxBytes: 2 ** 30, fsyncMs: 1_000, collector: 'a', schemas: {} },
    clock,
    disk: slow.disk,
    events: { ...told, notKept: (first, last) => spool.notKept(first, last) },
  });
  const spool: Spool = new Spool({
    ...{ queue, store, clock, memoryBytes: ROOM * WEIGHT },
    revive: ({ message }) => letter(Buffer.from(message.value).toString().trim()),
    isFormer: () => false,
    inherited: () => 'in order',
    heldUntil: () => null,
    setAside: () => false,
  });
  await settle();
  await told.whenOpen;
  spool.begin();
  const send = (from: number, to: number) => {
    for (let n = from; n <= to; n++) spool.send(letter(`${n}`));
  };
  const acknowledge = () => {
    for (const { id } of handed.splice(0)) queue.report(id, 0);
  };
  /** Numbers of the messages that ended so. */
  const ended = (end: Ends) =>
    [...ends].flatMap(([text, all]) => (all.includes(end) ? [Number(text)] : [])).sort((a, b) => a - b);
  return { clock, slow, store, spool, state, send, acknowledge, ended, told };
}

/** Kafka has one message; then its brokers are away, and the disk hangs with the sync of the second one. */
async function deskWithoutAny() {
  const one = await desk();
  one.send(1, 1);
  await settle();
  one.acknowledge();
  one.slow.hangs = true;
  one.state.away = true;
  one.send(2, 2);
  await one.clock.advance(2_000);
  return one;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a disk that hangs is said, and rows go on by memory as long as Kafka takes them', async () => {
  const { clock, slow, store, send, acknowledge, ended, told } = await desk();
  send(1, 2);
  await settle();
  acknowledge();
  slow.hangs = true;
  // A sync begins and does not end: from then on writes are made in a thread, and one of those does not end either.
  send(3, 3);
  await clock.advance(2_000);
  send(4, 5);
  await settle();
  acknowledge();
  await clock.advance(5_000);
  expect(store.figures.state).toBe('slow');
  expect(told.states.at(-1)?.reason).toMatch(/^the disk does not answer since 2026-.*: a write is not done$/);
  for (let n = 6; n <= 40; n += 5) {
    send(n, n + 4);
    await settle();
    acknowledge();
  }
  await clock.advance(1_000);
  acknowledge();
  expect(ended('delivered')).toEqual(numbers(1, 40));
  slow.answers();
  await clock.advance(3_000);
  expect([store.figures.state, store.figures.messages]).toEqual(['ok', 0]);
});

test('with brokers away as well memory keeps what the disk does not take, so that the byte budget holds sockets; nothing is lost', async () => {
  const { clock, slow, store, spool, state, send, acknowledge, ended } = await deskWithoutAny();
  send(3, 4);
  await clock.advance(5_000);
  expect(store.figures.state).toBe('slow');
  send(5, 60);
  await clock.advance(60_000);
  // Who sent them is told nothing: to the byte budget they are under way, and beyond it sockets are not read.
  expect([ended('shelved'), ended('delivered')]).toEqual([[], [1]]);
  expect(spool.weight).toBeGreaterThan(ROOM * WEIGHT);
  slow.answers();
  await clock.advance(5_000);
  // The disk takes what memory had to keep.
  expect(ended('shelved').length).toBeGreaterThan(40);
  expect(spool.weight).toBeLessThan((ROOM + 1) * WEIGHT);
  state.away = false;
  for (let round = 0; round < 200 && ended('delivered').length < 60; round++) {
    acknowledge();
    await clock.advance(500);
  }
  expect(ended('delivered')).toEqual(numbers(1, 60));
  expect(ended('undelivered')).toEqual([]);
});

test('a stop ends in its time, and says what is in memory alone', async () => {
  const { clock, store, spool, send, ended } = await deskWithoutAny();
  send(3, 30);
  await clock.advance(5_000);
  send(31, 40);
  await settle();
  spool.close();
  let closed = false;
  void store.close(1_000).then(() => {
    closed = true;
  });
  await clock.advance(1_000);
  expect(closed).toBe(true);
  // Nobody can say that these are on disk.
  expect(ended('undelivered')).toEqual(expect.arrayContaining(numbers(31, 40)));
});

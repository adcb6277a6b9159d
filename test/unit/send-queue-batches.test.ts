import { describe, expect, test } from 'bun:test';
import type { FenceStanding } from '../../src/application/leases/fences.ts';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import { type Handed, NOT_TRIED } from '../../src/infra/kafka/produce/handed.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { seeded } from './connection-parts.ts';
import { ManualClock, settle } from './manual-clock.ts';

const QUEUE_FULL = -184;
const TIMED_OUT = -192;
const NOT_ALLOWED = 29;
const TOO_LARGE = 10;

class Letter implements Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly text: string;
  readonly headers = [];
  readonly rows = 1;
  readonly fence: number | null;
  readonly value: Buffer;
  readonly #ends: (text: string, fate: string) => void;

  constructor(
    key: string,
    text: string,
    ends: (text: string, fate: string) => void,
    topic = 't',
    fence: number | null = null,
  ) {
    this.topic = topic;
    this.key = key;
    this.text = text;
    this.value = Buffer.from(text);
    this.#ends = ends;
    this.fence = fence;
  }
  delivered(): void {
    this.#ends(this.text, 'delivered');
  }
  refused(): void {
    this.#ends(this.text, 'refused');
  }
  superseded(): void {
    this.#ends(this.text, 'superseded');
  }
  undelivered(): void {
    this.#ends(this.text, 'undelivered');
  }
  split(): null {
    return null;
  }
}

/** A queue over a client that takes many at once. @param answer the client's code for a message */
function desk(
  answer: (text: string) => number = () => 0,
  standingOf: (fence: number) => FenceStanding = () => 'held',
) {
  const clock = new ManualClock();
  const calls: string[][] = [];
  const handed: { text: string; key: string; topic: string; id: number }[] = [];
  const fates = new Map<string, string>();
  let reports = (): void => {};
  const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
  const queue: SendQueue = new SendQueue(
    {
      takeReports: () => reports(),
      produceAll(messages: readonly Handed[]) {
        const stopped = new Set<string>();
        calls.push(messages.map(({ message }) => message.value.toString()));
        for (const one of messages) {
          const text = one.message.value.toString();
          one.code = stopped.has(one.message.topic) ? NOT_TRIED : answer(text);
          if (one.code !== 0) stopped.add(one.message.topic);
          else handed.push({ text, key: one.message.key ?? '', topic: one.message.topic, id: one.id });
        }
      },
    },
    breaker,
    clock,
    () => {},
    standingOf,
  );
  const ends = (text: string, fate: string) => void fates.set(text, (fates.get(text) ?? '') + fate);
  const send = (text: string, key = text, topic = 't', fence: number | null = null) =>
    queue.send(new Letter(key, text, ends, topic, fence));
  /** @param tell what has come when the queue asks for it */
  const onAsked = (tell: () => void): void => {
    reports = tell;
  };
  return { clock, queue, breaker, calls, handed, fates, send, onAsked };
}

describe('a client that takes many messages at once', () => {
  test('gets what one turn of the event loop brought in one call, all topics together', async () => {
    const { calls, send, queue } = desk();
    send('a');
    send('b', 'b', 'u');
    await Promise.resolve();
    send('c');
    expect(calls).toEqual([]);
    expect(queue.underWayMessages).toBe(3);
    await settle();
    expect(calls).toEqual([['a', 'b', 'c']]);
  });

  test('gets them before the turn is over where it lasts long, or brings many', async () => {
    const { clock, calls, send } = desk();
    send('a');
    clock.jump(10);
    send('b');
    expect(calls).toEqual([['a', 'b']]);
    for (let n = 0; n < 600; n++) send(`${n}`);
    expect(calls[1]).toHaveLength(512);
    await settle();
    expect(calls.slice(1).flat()).toEqual(Array.from({ length: 600 }, (_, n) => `${n}`));
  });

  test('that is full: nothing of the topic overtakes, other topics go, and it is asked again a little later', async () => {
    let full = true;
    const { clock, queue, calls, handed, send } = desk((text) =>
      full && text.startsWith('b') ? QUEUE_FULL : 0,
    );
    for (const text of ['a', 'b', 'c']) send(text);
    send('x', 'x', 'u');
    await settle();
    expect(handed.map(({ text }) => text)).toEqual(['a', 'x']);
    expect([queue.underWayMessages, queue.waitingMessages]).toEqual([2, 2]);
    const asked = calls.length;
    await clock.advance(1_000);
    expect(calls.length - asked).toBeLessThan(12);
    full = false;
    await clock.advance(200);
    expect(handed.map(({ text }) => text)).toEqual(['a', 'x', 'b', 'c']);
  });

  test('the lease is looked at when the call is made, not when the message was given to the queue', async () => {
    const standings: Record<number, FenceStanding> = { 1: 'held', 2: 'held' };
    const { clock, handed, fates, send } = desk(
      () => 0,
      (fence) => standings[fence] ?? 'ended',
    );
    send('a', 'a', 't', 1);
    send('b', 'b', 't', 2);
    send('c', 'c', 't', 1);
    standings[1] = 'ended';
    standings[2] = 'unsure';
    await settle();
    expect(handed).toEqual([]);
    expect([...fates]).toEqual([['a', 'superseded']]);
    // It waits behind one whose lease is not known, so nobody has looked at its own yet.
    standings[1] = 'held';
    standings[2] = 'held';
    await clock.advance(200);
    expect(handed.map(({ text }) => text)).toEqual(['b', 'c']);
  });

  test('what is gathered when the producer is to be replaced goes to the next one, once', async () => {
    const { queue, handed, send } = desk();
    send('a');
    send('b');
    queue.hold();
    await settle();
    expect([handed.length, queue.underWayMessages, queue.waitingMessages]).toEqual([0, 0, 2]);
    send('c');
    queue.release();
    await settle();
    expect(handed.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
  });

  test('what is gathered when everything under way is taken back, or given up, is not handed over beside that', async () => {
    const { queue, handed, fates, send } = desk();
    send('a');
    queue.takeBack();
    queue.release();
    await settle();
    expect(handed.map(({ text }) => text)).toEqual(['a']);
    send('b');
    for (const message of queue.abandon()) message.undelivered();
    await settle();
    expect(handed.map(({ text }) => text)).toEqual(['a']);
    expect([...fates]).toEqual([
      ['a', 'undelivered'],
      ['b', 'undelivered'],
    ]);
  });

  test('tells what has come before it takes more: nothing overtakes what came back meanwhile', async () => {
    const { clock, queue, handed, send, onAsked } = desk();
    send('a', 'k');
    await settle();
    const [a] = handed.splice(0);
    send('b', 'k');
    onAsked(() => queue.report(a?.id ?? -1, TIMED_OUT));
    await settle();
    expect(handed.map(({ text }) => text)).toEqual(['a']);
    onAsked(() => {});
    for (const { id } of handed.splice(0)) queue.report(id, 0);
    await clock.advance(100);
    expect(handed.map(({ text }) => text)).toEqual(['b']);
  });

  test('a drain waits for what is gathered', async () => {
    const { queue, handed, send } = desk();
    send('a');
    let drained = false;
    const end = queue.drained().then(() => {
      drained = true;
    });
    await settle();
    expect(drained).toBe(false);
    for (const { id } of handed.splice(0)) queue.report(id, 0);
    await end;
  });
});

test.each(Array.from({ length: 40 }, (_, seed) => seed + 1))(
  'whatever is refused, comes back or is held, each message is told once and each key keeps its order (%p)',
  async (seed) => {
    const random = seeded(seed);
    const chance = (share: number) => random() < share;
    let trouble = true;
    const delivered = new Map<string, number[]>();
    const unsure = new Set<number>();
    const { clock, queue, breaker, handed, fates, send } = desk(
      () => (trouble && chance(0.05) ? (chance(0.7) ? QUEUE_FULL : NOT_ALLOWED) : 0),
      (fence) => (unsure.has(fence) ? 'unsure' : 'held'),
    );
    /** The broker takes requests in the order of the calls; what fails comes back whole from there on, per topic. */
    const answer = (share: number): void => {
      const failing = new Map<string, number>();
      for (const { id, text, key, topic } of handed.splice(0, Math.ceil(handed.length * share))) {
        if (trouble && !failing.has(topic) && chance(0.03))
          failing.set(topic, chance(0.5) ? TIMED_OUT : NOT_ALLOWED);
        const code = failing.get(topic) ?? 0;
        if (code === 0) {
          const told = delivered.get(key) ?? [];
          told.push(Number(text.split('#')[1]));
          delivered.set(key, told);
        }
        queue.report(id, code);
      }
      // What of a failing topic is still with the broker fails too.
      for (const one of handed.splice(0)) {
        const code = failing.get(one.topic);
        if (code === undefined) handed.push(one);
        else queue.report(one.id, code);
      }
    };
    const counts = new Map<string, number>();
    for (let turn = 0; turn < 150; turn++) {
      for (let n = Math.floor(random() * 12); n > 0; n--) {
        const topic = `t${Math.floor(random() * 3)}`;
        const key = `${topic}|${Math.floor(random() * 4)}`;
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        send(`${key}#${count}`, key, topic, chance(0.5) ? Math.floor(random() * 3) : null);
      }
      if (chance(0.1)) unsure.add(Math.floor(random() * 3));
      if (chance(0.3)) unsure.clear();
      if (chance(0.02)) for (let i = 0; i < BREAKER_DEFAULTS.failureThreshold; i++) breaker.failure('down');
      if (chance(0.7)) await settle();
      if (chance(0.7)) answer(random());
      await clock.advance(Math.floor(random() * 300));
    }
    trouble = false;
    unsure.clear();
    for (let turn = 0; turn < 400 && queue.waitingMessages + queue.underWayMessages > 0; turn++) {
      answer(1);
      await clock.advance(250);
    }
    expect([queue.waitingMessages, queue.underWayMessages]).toEqual([0, 0]);
    for (const [key, count] of counts)
      expect([key, delivered.get(key)]).toEqual([key, Array.from({ length: count }, (_, n) => n + 1)]);
    expect([...fates.values()].every((fate) => fate === 'delivered')).toBe(true);
  },
);

test('what the client itself finds too large is divided or refused, and what is behind it follows', async () => {
  const { clock, handed, fates, send } = desk((text) => (text === 'big' ? TOO_LARGE : 0));
  for (const text of ['a', 'big', 'b']) send(text);
  await clock.advance(100);
  expect(handed.map(({ text }) => text)).toEqual(['a', 'b']);
  expect([...fates]).toEqual([['big', 'refused']]);
});

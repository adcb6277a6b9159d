import { expect, test } from 'bun:test';
import type { FenceStanding } from '../../src/application/leases/fences.ts';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { ManualClock, settle } from './manual-clock.ts';

function desk(standings: Record<number, FenceStanding>) {
  const clock = new ManualClock();
  const handed: { text: string; id: number }[] = [];
  const fates: string[] = [];
  const asked: number[] = [];
  const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
  const queue: SendQueue = new SendQueue(
    (message, id) => {
      handed.push({ text: message.value.toString(), id });
      return 0;
    },
    breaker,
    clock,
    () => {},
    (fence) => {
      asked.push(fence);
      return standings[fence] ?? 'ended';
    },
  );
  const send = (text: string, fence: number | null, topic = 'rows'): void => {
    const ended = (fate: string) => () => void fates.push(`${text} ${fate}`);
    const message: Outgoing = {
      topic,
      key: text,
      value: Buffer.from(text),
      headers: [],
      rows: 1,
      fence,
      delivered: ended('delivered'),
      superseded: ended('superseded'),
      refused: ended('refused'),
      undelivered: ended('undelivered'),
      split: () => null,
    };
    queue.send(message);
  };
  const texts = () => handed.map(({ text }) => text).join(' ');
  return { clock, queue, handed, fates, asked, send, texts };
}

test('the lease is looked at before each message is handed over, and only where there is one', async () => {
  const standings: Record<number, FenceStanding> = { 1: 'held', 2: 'ended' };
  const { queue, send, texts, fates, asked, handed } = desk(standings);
  send('a', 1);
  send('b', 2);
  send('c', null);
  expect(texts()).toBe('a c');
  expect(fates).toEqual(['b superseded']);
  expect(asked).toEqual([1, 2]);
  for (const { id } of handed.splice(0)) queue.report(id, 0);
  await settle();
  expect(fates).toEqual(['b superseded', 'a delivered', 'c delivered']);
});

test('while it is not known who has the lease, messages wait in their order; other topics go on', async () => {
  const standings: Record<number, FenceStanding> = { 1: 'unsure' };
  const { clock, send, texts, queue } = desk(standings);
  send('a', 1);
  send('b', null);
  send('x', null, 'events');
  await clock.advance(1000);
  expect(texts()).toBe('x');
  expect(queue.waitingMessages).toBe(2);
  standings[1] = 'held';
  await clock.advance(200);
  expect(texts()).toBe('x a b');
});

test('what waited and is another’s by then is gone; what comes back is looked at again', async () => {
  const standings: Record<number, FenceStanding> = { 1: 'unsure', 2: 'held' };
  const { clock, queue, send, texts, fates, handed } = desk(standings);
  send('z', 2);
  await settle();
  queue.hold();
  queue.takeBack();
  handed.length = 0;
  send('a', 1);
  standings[1] = 'ended';
  standings[2] = 'ended';
  queue.release();
  const drained = queue.drained();
  await clock.advance(500);
  await drained;
  expect(texts()).toBe('');
  expect(fates).toEqual(['z superseded', 'a superseded']);
});

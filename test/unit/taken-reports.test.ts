import { describe, expect, test } from 'bun:test';
import { BatchCall } from '../../src/infra/kafka/client/batch-call.ts';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { seeded } from './connection-parts.ts';
import { ManualClock, settle } from './manual-clock.ts';

const NONE = -1;

/** A native client that takes everything, and whose reports come when the test says. */
class Outlet {
  /** What the next calls find: each gets one of these. */
  readonly arrivals: [id: number, code: number][][] = [];
  readonly handed: number[] = [];
  openBatches = () => 1;
  internTopic = () => 1;
  internKey = () => 1;
  internHeaders = () => 1;
  forgetKeys = () => {};
  forgetHeaders = () => {};
  errorWords = () => '';
  closeBatches = () => {};
  freeBatches = () => {};
  produceBatch(_outlet: number, descriptors: Int32Array, count: number): number {
    for (let i = 0; i < count; i++) this.handed.push(descriptors[i * 10 + 6] ?? NONE);
    return count;
  }
  takePlacedReports(_outlet: number, into: Int32Array): number {
    const some = this.arrivals.shift() ?? [];
    into.set(some.flatMap(([id, code]) => [id, code, 0, 0, 0]));
    return some.length;
  }
}

function opened() {
  const outlet = new Outlet();
  const calls = BatchCall.open(outlet);
  if (!calls) throw new Error('it is one of the addon’s');
  return { outlet, calls };
}

const acknowledged = (...ids: number[]) => ids.map((id): [number, number] => [id, 0]);

describe('every report is told once, in order', () => {
  test('also where telling one asks for more, and more have come by then', () => {
    const { outlet, calls } = opened();
    outlet.arrivals.push(acknowledged(1, 2, 3, 4), acknowledged(5, 6, 7), acknowledged(8));
    const told: number[] = [];
    const tell = (id: number): void => {
      told.push(id);
      if (id === 2 || id === 5) calls.takeReports(tell);
    };
    calls.takeReports(tell);
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(calls.takeReports(tell)).toBe(0);
  });

  test('also where one of them cannot be handled', () => {
    const { outlet, calls } = opened();
    outlet.arrivals.push(acknowledged(1, 2, 3), acknowledged(4));
    const told: number[] = [];
    const tell = (id: number): void => {
      told.push(id);
      if (id === 1) throw new Error('no');
    };
    expect(() => calls.takeReports(tell)).toThrow('no');
    expect(calls.takeReports(tell)).toBe(3);
    expect(told).toEqual([1, 2, 3, 4]);
  });

  test.each([1, 2, 3, 4, 5])('whoever asks whenever (seed %d)', (seed) => {
    const random = seeded(seed);
    const { outlet, calls } = opened();
    let id = 0;
    for (let i = 0; i < 200; i++)
      outlet.arrivals.push(acknowledged(...Array.from({ length: Math.floor(random() * 6) }, () => id++)));
    const told: number[] = [];
    const tell = (one: number): void => {
      told.push(one);
      if (random() < 0.2) calls.takeReports(tell);
    };
    while (outlet.arrivals.length > 0) calls.takeReports(tell);
    expect(told).toEqual(Array.from({ length: id }, (_, i) => i));
  });
});

describe('after an outage, when the breaker closes in the midst of the reports', () => {
  function line() {
    const { outlet, calls } = opened();
    const clock = new ManualClock();
    const delivered: string[] = [];
    const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
    const takeReports = () => calls.takeReports((id, code) => queue.report(id, code));
    const queue: SendQueue = new SendQueue(
      { takeReports, produceAll: (messages) => calls.produce(messages) },
      breaker,
      clock,
      () => {},
    );
    const letter = (text: string): Outgoing => ({
      ...{ topic: 't', key: 'k', value: Buffer.from(text), headers: [], rows: 1 },
      delivered: () => void delivered.push(text),
      ...{ refused() {}, undelivered() {}, split: () => null },
    });
    const send = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) queue.send(letter(`${i}`));
      await settle();
    };
    const lose = (): void => {
      for (let i = 0; i < BREAKER_DEFAULTS.failureThreshold; i++) breaker.failure('all brokers are down');
    };
    return { outlet, queue, breaker, delivered, takeReports, send, lose };
  }

  test('none of them is forgotten', async () => {
    const { outlet, queue, delivered, takeReports, send, lose } = line();
    await send(100);
    lose();
    await send(50);
    expect(outlet.handed.length).toBe(100);
    // While the first half is told, the second comes.
    outlet.arrivals.push(
      acknowledged(...outlet.handed.slice(0, 50)),
      acknowledged(...outlet.handed.slice(50)),
    );
    takeReports();
    await settle();
    outlet.arrivals.push(acknowledged(...outlet.handed.slice(100)));
    takeReports();
    expect(delivered.length).toBe(150);
    expect([queue.underWayMessages, queue.waitingMessages]).toEqual([0, 0]);
  });

  test('a probe is not overtaken by what waited behind it', async () => {
    const { outlet, breaker, send, lose } = line();
    await send(2);
    lose();
    await send(5);
    // The reports come when the probe is about to be handed over.
    outlet.arrivals.push(acknowledged(...outlet.handed));
    breaker.answered();
    await settle();
    expect(breaker.state).toBe('closed');
    expect(outlet.handed).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});

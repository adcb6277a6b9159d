import { describe, expect, test } from 'bun:test';
import { WatchedPublisher } from '../../src/application/reporting/watched-publisher.ts';
import type { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import { NEVER, older, Transit } from '../../src/core/pipeline/transit.ts';
import type { Message } from '../../src/core/ports.ts';
import { seeded } from './connection-parts.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { rig, tradeFrame } from './pipeline-parts.ts';

const CODE = 'KRW-BTC';

describe('the age of the oldest row', () => {
  test('counts from its arrival, whatever it waits for: the next turn, its window, its acknowledgement', async () => {
    const { clock, pipeline, socket, hold } = rig('trade');
    const release = hold();
    const sink = pipeline.attach(socket());
    expect([pipeline.oldest(), pipeline.waitedMs()]).toEqual([null, 0]);
    const at = clock.micros();
    sink.push(tradeFrame(CODE, 1), at);
    clock.jump(7);
    expect([pipeline.oldest(), pipeline.waitedMs()]).toEqual([at, 7]);
    await settle();
    expect([pipeline.oldest(), pipeline.waitedMs()]).toEqual([at, 7]);
    await clock.advance(200);
    sink.push(tradeFrame('KRW-ETH', 2), clock.micros());
    await clock.advance(9793);
    expect([pipeline.oldest(), pipeline.waitedMs()]).toEqual([at, 10_000]);
    release();
    await clock.advance(0);
    expect([pipeline.oldest(), pipeline.waitedMs()]).toEqual([null, 0]);
  });

  test('is that of a row that is held back during a takeover, and goes on when it does', async () => {
    const { clock, pipeline, socket, hold } = rig('trade');
    const release = hold();
    const first = socket();
    pipeline.attach(first);
    const at = clock.micros();
    pipeline.attach(socket(first.id)).push(tradeFrame(CODE, 1), at);
    await clock.advance(1000);
    expect([pipeline.oldest(), pipeline.waitedMs()]).toEqual([at, 1000]);
    await clock.advance(5000);
    expect(pipeline.oldest()).toBe(at);
    expect(pipeline.waitedMs()).toBeGreaterThan(3500);
    release();
    await settle();
    expect(pipeline.oldest()).toBeNull();
  });

  test('is no row of frames that hold none, of rejected ones and of repeats', async () => {
    const { clock, pipeline, socket } = rig('trade');
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame(CODE, 1), clock.micros());
    await clock.advance(200);
    for (const frame of ['{"status":"UP"}', 'no JSON', tradeFrame(CODE, 1), new Uint8Array([0xff])]) {
      sink.push(frame, clock.micros());
      await settle();
    }
    clock.jump(20);
    expect([pipeline.oldest(), pipeline.waitedMs()]).toEqual([null, 0]);
  });

  test('does not follow the wall clock when that is set', async () => {
    const { clock, pipeline, socket, hold } = rig('trade');
    hold();
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame(CODE, 1), clock.micros());
    await clock.advance(300);
    clock.step(7_200_000_000);
    expect(pipeline.waitedMs()).toBe(300);
    clock.step(-14_400_000_000);
    await clock.advance(300);
    expect(pipeline.waitedMs()).toBe(600);
  });

  test('is null between any two of a thousand rows only where all of them are acknowledged', async () => {
    const random = seeded(3);
    const { clock, pipeline, socket, stats } = rig('trade');
    const sinks = [pipeline.attach(socket()), pipeline.attach(socket())];
    for (let id = 1; id <= 1000; id++) {
      sinks[id % 2]?.push(tradeFrame(`KRW-C${Math.floor(random() * 9)}`, id), clock.micros());
      if (random() < 0.2) await clock.advance(random() * 120);
      expect(pipeline.oldest() === null).toBe(open(stats) === 0 && stats.frames === stats.parsed);
    }
  });
});

function open({ rows, repeats, acked }: StreamStats): number {
  return rows - repeats - acked;
}

test('the oldest of what is on its way is the oldest, in whatever order things come and go', () => {
  const random = seeded(9);
  const transit = new Transit();
  const known: { at: number; ms: number; number: number }[] = [];
  for (let step = 0; step < 3000; step++) {
    if (random() < 0.5 || known.length === 0) {
      const one = { at: Math.floor(random() * 1000), ms: Math.floor(random() * 1000) };
      known.push({ ...one, number: transit.enter(one) });
    } else
      for (const { number } of known.splice(Math.floor(random() * known.length), 1)) transit.leave(number);
    if (random() < 0.5) expect(transit.oldest()).toMatchObject(known.reduce(older, NEVER));
  }
});

test('messages about the data have an age too, and one that fails waits no more', async () => {
  const clock = new ManualClock();
  const open: PromiseWithResolvers<void>[] = [];
  const publish = () => {
    const one = Promise.withResolvers<void>();
    open.push(one);
    return one.promise;
  };
  const publisher = new WatchedPublisher({ publish }, clock);
  const all = [{}, {}].map((message) => publisher.publish(message as Message).catch(() => 'failed'));
  await clock.advance(4000);
  expect(publisher.waitedMs()).toBe(4000);
  open[0]?.resolve();
  open[1]?.reject(new Error('no'));
  expect(await Promise.all(all)).toEqual([undefined, 'failed']);
  expect(publisher.waitedMs()).toBe(0);
});

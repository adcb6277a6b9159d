import { describe, expect, test } from 'bun:test';
import { rejectSampler } from '../../src/application/reporting/rejects.ts';
import type { DeadLetter, Reporter } from '../../src/application/reporting/reporter.ts';
import { Fold } from '../../src/common/fold.ts';
import { createLog } from '../../src/common/log.ts';
import { market } from '../../src/core/market/market.ts';
import type { Rejected } from '../../src/core/pipeline/chunks.ts';
import type { Batch, Message } from '../../src/core/ports.ts';
import { Folded } from '../../src/infra/kafka/client/folded.ts';
import { Rejects } from '../../src/infra/kafka/produce/rejects.ts';
import { ManualClock } from './manual-clock.ts';
import { UPBIT_TRADES } from './metrics-rig.ts';

describe('repeats of one kind', () => {
  test('are told once the window is over, though nothing more comes', async () => {
    const clock = new ManualClock();
    const told: [string, number][] = [];
    const fold = new Fold<string>(clock, 1000, (item, repeated) => told.push([item, repeated]));
    for (const item of ['a1', 'a2', 'a3']) fold.add('a', item);
    fold.add('b', 'b1');
    expect(told).toEqual([
      ['a1', 0],
      ['b1', 0],
    ]);
    await clock.advance(1000);
    expect(told.slice(2)).toEqual([['a3', 2]]);
    await clock.advance(1000);
    expect(told).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  test('that go on are told once a window, and none is left out', async () => {
    const clock = new ManualClock();
    let sum = 0;
    let tellings = 0;
    const fold = new Fold<null>(clock, 1000, (_, repeated) => {
      tellings++;
      sum += Math.max(1, repeated);
    });
    for (let ms = 0; ms < 10_000; ms += 10) {
      fold.add('k', null);
      await clock.advance(10);
    }
    fold.flush();
    expect(sum).toBe(1000);
    expect(tellings).toBeLessThanOrEqual(12);
  });

  test("of a Kafka client's texts: at once, then their number", async () => {
    const clock = new ManualClock();
    const told: [string, number][] = [];
    const folded = new Folded(clock, (text, times) => told.push([text, times]));
    for (let i = 0; i < 5; i++) folded.say('down');
    await clock.advance(30_000);
    expect(told).toEqual([
      ['down', 1],
      ['down', 4],
    ]);
    folded.say('down');
    folded.flush();
    expect(told.at(-1)).toEqual(['down', 1]);
    expect(clock.pending).toBe(0);
  });
});

describe('dead letters under a flood', () => {
  const rejected = (reason: string) =>
    ({ socket: { id: 1 }, reason, row: null, frame: 'x', receivedAt: 0, number: 0 }) as unknown as Rejected;

  test('of frames: ten a second, the rest counted in one more when the second is over', async () => {
    const clock = new ManualClock();
    const letters: DeadLetter[] = [];
    const reporter = { bury: (letter: DeadLetter) => letters.push(letter) } as unknown as Reporter;
    const { report, look, flush } = rejectSampler(UPBIT_TRADES, reporter, clock);
    for (let i = 1; i <= 500; i++) report(rejected(`frame ${i}`));
    expect(letters).toHaveLength(10);
    await clock.advance(1000);
    look(clock.now());
    expect(letters).toHaveLength(11);
    expect(letters[10]).toMatchObject({ reason: 'frame 500', rawContext: { suppressed: 489 } });
    report(rejected('one later'));
    expect(letters[11]).toMatchObject({ reason: 'one later', rawContext: { suppressed: 0 } });
    for (let i = 0; i < 12; i++) report(rejected('more'));
    flush();
    const left = letters.reduce((sum, { rawContext }) => sum + Number(rawContext.suppressed), 0);
    expect(letters.length + left).toBe(513);
    expect(clock.pending).toBe(0);
  });

  test('of messages that Kafka will never take: the same', async () => {
    const clock = new ManualClock();
    const letters: Message[] = [];
    const publisher = { publish: async (message: Message) => void letters.push(message) };
    const rejects = new Rejects(publisher, clock, createLog('silent', false));
    const batch = {
      exchange: 'upbit',
      region: 'korea',
      requestType: 'trade',
      market: market('KRW-BTC', 'BTC', 'KRW'),
      correlationId: null,
    } as unknown as Batch;
    for (let i = 0; i < 100; i++) rejects.reject(batch, 3, 'trade-data.korea', null, 'too large');
    await clock.advance(1000);
    const suppressed = letters.map(
      ({ value }) => (value.meta as { raw_context: { suppressed: number } }).raw_context.suppressed,
    );
    expect(suppressed).toEqual([...Array(10).fill(0), 89]);
    expect([rejects.messages, rejects.rows]).toEqual([100, 300]);
    expect(clock.pending).toBe(0);
  });
});

import { expect, test } from 'bun:test';
import { Writable } from 'node:stream';
import { createLog } from '../../src/common/log.ts';
import { market } from '../../src/core/market/market.ts';
import type { Batch } from '../../src/core/ports.ts';
import { openStdout } from '../../src/infra/stdout/open-stdout.ts';
import { ManualClock, settle } from './manual-clock.ts';

const BATCH: Batch = {
  exchange: 'upbit',
  region: 'korea',
  requestType: 'trade',
  market: market('KRW-BTC', 'BTC', 'KRW'),
  rows: [],
  correlationId: null,
  fence: null,
};

/** A pipe whose reader takes when the test says so. */
function rig() {
  const clock = new ManualClock();
  const taken: ((error?: Error) => void)[] = [];
  const pipe = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => void taken.push(done),
  });
  const messaging = openStdout(clock, createLog('silent', false), pipe);
  const fates: string[] = [];
  const write = (name: string) =>
    messaging.writer.write(BATCH).then(
      () => fates.push(`${name} acknowledged`),
      () => fates.push(`${name} failed`),
    );
  return { clock, taken, messaging, fates, write };
}

test('a batch is acknowledged when the pipe has taken it, and not before', async () => {
  const { clock, taken, messaging, fates, write } = rig();
  void write('a');
  void write('b');
  await clock.advance(60_000);
  expect(fates).toEqual([]);
  expect(messaging.state().waiting.messages).toBe(2);
  taken[0]?.();
  await settle();
  expect(fates).toEqual(['a acknowledged']);
  taken[1]?.();
  await settle();
  expect(fates).toEqual(['a acknowledged', 'b acknowledged']);
});

test('a flush waits for the pipe, and counts what it has not taken by the deadline', async () => {
  const { clock, taken, messaging, fates, write } = rig();
  void write('a');
  void write('b');
  const flushed = messaging.flush(5_000);
  await clock.advance(1_000);
  taken[0]?.();
  await clock.advance(4_100);
  expect((await flushed).messages).toBe(1);
  expect(fates).toEqual(['a acknowledged', 'b failed']);
});

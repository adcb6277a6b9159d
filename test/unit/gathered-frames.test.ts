import { expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { gatherMs } from '../../src/core/pipeline/batch.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { ids, rig, tradeFrame } from './pipeline-parts.ts';

const GATHER_MS = 10;

/** A busy socket of one code, and how many frames each chunk had that was read. */
function busy(journal = false, clock = new ManualClock()) {
  const chunks: number[] = [];
  let frames = 0;
  const session: Exchange['session'] = (type, markets) => {
    const one = upbit.session(type, markets);
    return {
      ...one,
      scanned: undefined,
      read(text, at, emit) {
        frames++;
        one.read(text, at, emit);
      },
      look() {
        chunks.push(frames);
        frames = 0;
      },
    };
  };
  const outbox = journal ? { journal: { note: () => null, forget() {} } } : {};
  const parts = rig('trade', { session }, 1e6, undefined, clock, outbox, GATHER_MS);
  const sink = parts.pipeline.attach(parts.socket());
  let id = 0;
  const push = () => sink.push(tradeFrame('KRW-BTC', ++id), clock.micros());
  return { ...parts, chunks, push, end: () => sink.end() };
}

test('frames of a busy socket gather into one chunk, and the first after a pause is read at once', async () => {
  const { clock, push, chunks } = busy();
  push();
  await settle();
  for (let n = 0; n < 9; n++) {
    await clock.advance(1);
    push();
  }
  await settle();
  expect(chunks).toEqual([1]);
  await clock.advance(1);
  push();
  await settle();
  expect(chunks).toEqual([1, 10]);
  await clock.advance(GATHER_MS);
  push();
  await settle();
  expect(chunks).toEqual([1, 10, 1]);
});

test('a tick takes the rows of all frames that came before it, gathered ones too', async () => {
  const { clock, push, batches, pipeline } = busy();
  // The tick at 0 is over when the first frame comes: these wait for those at 50 and 100 ms.
  await clock.advance(1);
  push();
  await settle();
  await clock.advance(2);
  push();
  await clock.advance(46.5);
  expect(ids(batches)).toEqual([]);
  await clock.advance(48);
  push();
  await settle();
  await clock.advance(1);
  push();
  push();
  await clock.advance(2);
  expect(ids(batches)).toEqual(['1', '2', '3', '4', '5']);
  expect(pipeline.waitedMs()).toBe(0);
});

test('rows that are written down are read as they come', async () => {
  const { clock, push, chunks } = busy(true);
  for (let n = 0; n < 4; n++) {
    push();
    await settle();
    await clock.advance(1);
  }
  expect(chunks).toEqual([1, 1, 1, 1]);
});

test('a wall clock that is set back keeps no frame', async () => {
  const { clock, push, chunks } = busy();
  push();
  await settle();
  clock.step(-3_600_000_000);
  push();
  await settle();
  expect(chunks).toEqual([1, 1]);
});

test('the end of a socket brings what had gathered', async () => {
  const { push, batches, end, pipeline } = busy();
  push();
  await settle();
  push();
  end();
  await pipeline.finish();
  expect(ids(batches)).toEqual(['1', '2']);
});

test('what should have gone with a tick that a stall has swallowed goes at the next, whose turn it is not', async () => {
  const clock = new ManualClock();
  const { pipeline, socket, batches } = rig('trade', {}, 1e6, undefined, clock, {}, 100, true);
  const sink = pipeline.attach(socket());
  // Trades have the ticks at 50, 150, 250 ms.
  const start = clock.now();
  await clock.advance(155 - (start % 100));
  sink.push(tradeFrame('KRW-BTC', 1), clock.micros());
  await settle();
  sink.push(tradeFrame('KRW-BTC', 2), clock.micros());
  await clock.advance(80);
  expect(ids(batches)).toEqual([]);
  clock.jump(70);
  await clock.advance(0);
  await settle();
  expect(ids(batches)).toEqual(['1', '2']);
});

test('frames gather until the next tick of their stream, and not at all at the shortest windows', () => {
  const limits = { maxRows: 1, maxBytes: 1 };
  const each = (inTurns: boolean) =>
    [100, 20, 5, 3, 1].map((windowMs) => gatherMs({ ...limits, windowMs, inTurns }));
  expect(each(false)).toEqual([50, 10, 2, 0, 0]);
  expect(each(true)).toEqual([100, 20, 2, 0, 0]);
});

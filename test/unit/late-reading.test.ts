import { expect, test } from 'bun:test';
import { LateReading } from '../../src/application/streams/late-reading.ts';

const SECOND = 1_000_000;

/** Looks every 50 ms, then again after the process stood still until `standsUntil`. */
function stalled(standsFrom: number, standsUntil: number): LateReading {
  const late = new LateReading();
  for (let ms = 0; ms <= standsFrom; ms += 50) late.look(ms, ms * 1000, false);
  late.look(standsUntil, standsUntil * 1000, true);
  return late;
}

test('what is read without a stall was sent a moment before', () => {
  const late = stalled(10_000, 10_050);
  expect(late.sentSince(10 * SECOND)).toBe(10 * SECOND);
  expect(late.sentSince(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

test('what is read after one may have been sent at its beginning, for as long as sockets catch up', () => {
  const late = stalled(10_000, 17_000);
  expect(late.sentSince(17 * SECOND)).toBe(10 * SECOND);
  // What had come before it came when it came.
  expect(late.sentSince(9 * SECOND)).toBe(9 * SECOND);
  for (let ms = 17_050; ms <= 30_000; ms += 50) late.look(ms, ms * 1000, ms <= 28_000);
  expect(late.sentSince(28 * SECOND)).toBe(10 * SECOND);
  expect(late.sentSince(28.1 * SECOND)).toBe(28.1 * SECOND);
});

test('of two stalls, one while sockets still catch up with the other, the first counts', () => {
  const late = stalled(10_000, 17_000);
  late.look(17_050, 17_050_000, true);
  late.look(20_000, 20_000_000, true);
  expect(late.sentSince(20 * SECOND)).toBe(10 * SECOND);
});

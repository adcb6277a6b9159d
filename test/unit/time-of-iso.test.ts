import { expect, test } from 'bun:test';
import { timeOfIso } from '../../src/core/market/read-values.ts';

const second = 1788335180_000000;

test.each([
  ['2026-09-02T07:46:20Z', second],
  ['2026-09-02T07:46:20.5Z', second + 500_000],
  ['2026-09-02T07:46:20.123Z', second + 123_000],
  ['2026-09-02T07:46:20.04302Z', second + 43_020],
  ['2026-09-02T07:46:20.123456Z', second + 123_456],
  ['2026-09-02T07:46:20.123456999Z', second + 123_456],
  ['2026-09-02T16:46:20.12+09:00', second + 120_000],
  ['2026-09-02T07:46:20.5+00:00', second + 500_000],
  ['1970-01-01T00:00:00.000000Z', 0],
  ['0001-01-01T00:00:00.000000Z', -62_135_596_800_000_000],
])('%s is read to the microsecond, first and from memory', (text, micros) => {
  expect(timeOfIso(text)).toBe(micros);
  expect(timeOfIso(text)).toBe(micros);
});

test.each([
  '2026-09-02T07:46:20.Z',
  '2026-09-02T07:46:20.1x3Z',
  '2026-09-02T07:46:20.123',
  '2026-09-02T07:46:20.1234567890Z',
  '2026-09-02T07:46:20. 5Z',
  '2026-09-02T07:46:20.5z',
  '2026-02-31T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T25:00:00Z',
  '1788335180123',
  '',
  1788335180123,
  null,
  {},
])('%p is no time, whatever second was read before', (value) => {
  expect(timeOfIso('2026-09-02T07:46:20.123Z')).toBe(second + 123_000);
  expect(timeOfIso(value)).toBeNaN();
});

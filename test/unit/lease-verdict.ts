import { expect } from 'bun:test';
import type { Gap } from '../../src/core/events.ts';

/** Every gap is over, or was told again with its end. */
export function expectEnded(gaps: readonly Gap[]): void {
  const closed = gaps.filter(({ to }) => to !== null);
  const dangling = gaps.filter(
    ({ from, to, codes }) =>
      to === null &&
      codes.some((code) => !closed.some((other) => other.codes.includes(code) && other.from <= from)),
  );
  expect(dangling).toEqual([]);
}

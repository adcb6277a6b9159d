import type { Protocol } from './protocol.ts';

type Ids = Pick<Protocol, 'firstId' | 'nextId'>;

/** Ids that rise by one per trade and code, each code from a start of its own. */
export function consecutiveIds(start: bigint): Ids {
  return {
    firstId: (nth) => (start + BigInt(nth) * 7919n).toString(),
    nextId: (previous) => (BigInt(previous) + 1n).toString(),
  };
}

/** The trade's milliseconds, then a counter of `digits` digits within the millisecond: rising, with holes. */
export function timeBasedIds(digits: number): Ids {
  const first = (timeMs: number) => `${timeMs}${'0'.repeat(digits)}`;
  return {
    firstId: (_nth, timeMs) => first(timeMs),
    nextId(previous, timeMs) {
      const next = first(timeMs);
      return BigInt(next) > BigInt(previous) ? next : (BigInt(previous) + 1n).toString();
    },
  };
}

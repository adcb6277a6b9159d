import type { Protocol } from './protocol.ts';

type Ids = Pick<Protocol, 'firstId' | 'nextId'>;

/** Ids that rise by one per trade and code, each code from a start of its own. */
export function consecutiveIds(start: bigint): Ids {
  return {
    firstId: (nth) => (start + BigInt(nth) * 7919n).toString(),
    nextId: (previous) => (BigInt(previous) + 1n).toString(),
  };
}

/**
 * The trade's milliseconds, then `digits` digits: rising, with holes. The digits start anywhere in the millisecond, so
 * that ids are as often odd as even: beyond 2^53 odd ones are what careless reading rounds.
 */
export function timeBasedIds(digits: number): Ids {
  const starts = 10 ** (digits - 1);
  const first = (timeMs: number) => `${timeMs}${String((timeMs * 7919) % starts).padStart(digits, '0')}`;
  return {
    firstId: (_nth, timeMs) => first(timeMs),
    nextId(previous, timeMs) {
      const next = first(timeMs);
      return BigInt(next) > BigInt(previous) ? next : (BigInt(previous) + 1n).toString();
    },
  };
}

import type { Micros } from '../market/market.ts';

/** A clock that is off by more makes latencies, and times of exchanges that send none, wrong. */
export const CLOCK_OFF: Micros = 1_000_000;
const SECOND: Micros = 1_000_000;

/** How far another clock is ahead of ours. */
export interface Apart {
  readonly offset: Micros;
  /** By how much the offset may be wrong, either way. */
  readonly unsure: Micros;
}

/**
 * What an answer that bears a time says of the clock behind it, which was looked at between our question and the answer.
 * A time of whole seconds was cut.
 */
export function apart(theirs: Micros, asked: Micros, answered: Micros): Apart {
  const cut = theirs % SECOND === 0 ? SECOND / 2 : 0;
  return { offset: Math.round(theirs + cut - (asked + answered) / 2), unsure: (answered - asked) / 2 + cut };
}

/** The one that is least unsure; null where there is none. */
export function surest(all: readonly Apart[]): Apart | null {
  return all.toSorted((a, b) => a.unsure - b.unsure)[0] ?? null;
}

/** Whether the clocks are too far apart for certain. */
export function isOff({ offset, unsure }: Apart): boolean {
  return Math.abs(offset) - unsure > CLOCK_OFF;
}

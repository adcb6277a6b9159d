/**
 * The longest that anybody keeps us away with one answer: a `Retry-After` of a year is a mistake or a proxy's, and what
 * holds for longer is said again by the next attempt.
 */
export const LONGEST_BAN_MS = 60 * 60_000;

/** A ban's time as it is believed: no number, or one below 0, is none. */
export function boundedBan(forMs: number): number {
  return forMs > 0 ? Math.min(forMs, LONGEST_BAN_MS) : 0;
}

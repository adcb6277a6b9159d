/** Why a topic takes nothing, and when it is asked again. */
export interface Refusal {
  /** librdkafka's code. */
  readonly code: number;
  /** librdkafka's, or the broker's, words; empty where there are none. */
  readonly words: string;
  /** Monotonic milliseconds of the first refusal. */
  readonly since: number;
  /** Monotonic milliseconds of the latest one. */
  readonly at: number;
  /** Refusals in a row. */
  readonly times: number;
  /** Monotonic milliseconds before which nothing is tried. */
  readonly nextAt: number;
}

const FIRST_MS = 500;
/** The longest pause: how long a cure may go unnoticed. */
const LONGEST_MS = 1_000;

/**
 * @param before what the topic was held for until now; null where it took everything
 * @param passing the trouble may be over already: the first attempt is made at once
 */
export function refusedAgain(
  before: Refusal | null,
  code: number,
  words: string,
  now: number,
  passing: boolean,
): Refusal {
  const times = (before?.times ?? 0) + 1;
  const pause = passing && times === 1 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(times - 1, 10));
  return {
    code,
    words: words || (before?.code === code ? before.words : ''),
    since: before?.since ?? now,
    at: now,
    times,
    nextAt: now + pause,
  };
}

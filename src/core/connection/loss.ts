import type { Market } from '../market/market.ts';
import type { Link } from './link.ts';

/**
 * Codes of which rows may be missing now that a socket has ended. What was on its way over it is lost, also where
 * another socket has had the code for a moment: it knows nothing of what came before.
 * @param ours whether we said goodbye, after the others had taken over; of a socket that may have ended before, while
 *   the process stood still, that says nothing
 */
export function lostWith(
  link: Link,
  ours: boolean,
  others: readonly Link[],
  wanted: Iterable<Market>,
): Market[] {
  const until = ours && !link.doubtful ? Number.POSITIVE_INFINITY : link.coveredUntil();
  return Array.from(wanted).filter(({ symbol }) =>
    others.every((other) => {
      const since = other.carriesSince(symbol);
      return since === null || since > until;
    }),
  );
}

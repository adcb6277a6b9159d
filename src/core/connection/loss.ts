import type { Market } from '../market/market.ts';
import type { Link } from './link.ts';

/**
 * Codes of which rows may be missing now that a socket has ended. What was on its way over it is lost, also where
 * another socket has had the code for a moment: it knows nothing of what came before.
 * @param complete whether it brought all until we left it, after the others had taken over
 */
export function lostWith(
  link: Link,
  complete: boolean,
  others: readonly Link[],
  wanted: Iterable<Market>,
): Market[] {
  const until = complete ? Number.POSITIVE_INFINITY : link.coveredUntil();
  return Array.from(wanted).filter(({ symbol }) =>
    others.every((other) => {
      const since = other.carriesSince(symbol);
      return since === null || since > until;
    }),
  );
}

import type { Rest } from '../../core/backfill/known-hole.ts';
import type { Gap, StreamEvent, Target } from '../../core/events.ts';
import type { Ledger } from './ledger.ts';
import type { OpenFill } from './open-fill.ts';

/** What is not filled of a code stays on record as gaps of its own; ids that were told so before are not told again. */
export function restEvents(
  { record: { gap }, market }: OpenFill,
  rests: readonly Rest[],
  ledger: Ledger,
  target: Target,
): StreamEvent[] {
  return rests.flatMap(({ hole: { from, to }, ids }) => {
    const plain = { from, to: Math.max(from, to), codes: [market.code] };
    const gaps: Gap[] = ids
      ? ledger.untold(ids).map(({ first, last }) => ({
          ...plain,
          cause: 'missing_ids',
          first_missing_id: String(first),
          last_missing_id: String(last),
        }))
      : [{ ...plain, cause: gap.cause, first_missing_id: null, last_missing_id: null }];
    return gaps.map((one) => ({
      kind: 'gap',
      target,
      correlationId: null,
      gap: one,
      detail: { rest_of: gap.gap_id },
    }));
  });
}

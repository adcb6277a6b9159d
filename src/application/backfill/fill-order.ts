import { inOrder } from '../../core/backfill/known-hole.ts';
import type { Neighbour } from '../../core/past-trades.ts';
import type { OpenFill } from './open-fill.ts';

interface Settled {
  readonly fill: OpenFill;
  readonly before: Neighbour;
  readonly after: Neighbour;
}

/** The oldest gap first; before it the widest hole of its code that holds it, as the pages of that one are those of both. */
export function inTurn(due: readonly OpenFill[]): OpenFill[] {
  const oldest = due.toSorted((one, other) => one.record.gap.from - other.record.gap.from);
  const holders = new Map<OpenFill, OpenFill>();
  for (const fills of Map.groupBy(due, ({ record }) => record.symbol).values())
    if (fills.length > 1) findHolders(fills, holders);
  return [...new Set(oldest.flatMap((fill) => [holders.get(fill) ?? fill, fill]))];
}

/** @param fills of one code */
function findHolders(fills: readonly OpenFill[], holders: Map<OpenFill, OpenFill>): void {
  const settled = fills.flatMap((fill): Settled[] => {
    const { before, after } = fill.record;
    return before && after && !fill.unsettled ? [{ fill, before, after }] : [];
  });
  settled.sort((one, other) => inOrder(one.before, other.before) || inOrder(other.after, one.after));
  let widest: Settled | null = null;
  for (const one of settled) {
    if (widest !== null && inOrder(one.after, widest.after) <= 0) holders.set(one.fill, widest.fill);
    else widest = one;
  }
}

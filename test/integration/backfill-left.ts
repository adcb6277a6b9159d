import type { PastTrade } from '../simulator/rest/service.ts';
import type { GapEvent, GapTold } from './backfill-parts.ts';

/** What is on record as missing of the trades of one code: by id where both ends are known, else by time, both inclusive. */
export interface Left {
  readonly code: string;
  readonly first: bigint | null;
  readonly last: bigint | null;
  /** Epoch µs. */
  readonly from: number;
  readonly to: number;
}

/** What stays on record of an exchange once its gaps were filled: the rest of what came in part, and all that nothing came of. */
export function leftIn(events: readonly GapEvent[], exchange: string): Left[] {
  return events.flatMap(({ target, gap, detail }) => {
    if (!gap || gap.to === null || target?.exchange !== exchange || target.request_type !== 'trade')
      return [];
    return leftInGap(gap, detail?.rest_of !== undefined);
  });
}

/** @param isRest it is what is left of another gap */
export function leftInGap(gap: GapTold, isRest: boolean): Left[] {
  const { from, to, first_missing_id: first, last_missing_id: last, codes, fill } = gap;
  const impossible = fill?.codes.flatMap(({ code, state }) => (state === 'impossible' ? [code] : [])) ?? [];
  return (isRest ? codes : impossible).map((code) => ({
    code,
    first: first === null ? null : BigInt(first),
    last: last === null ? null : BigInt(last),
    from,
    to: to ?? from,
  }));
}

/** Whether it is on record that a trade is missing. Its time may be known to the millisecond alone. */
export function isOnRecord({ id, timeUs }: Pick<PastTrade, 'id' | 'timeUs'>, left: readonly Left[]): boolean {
  return left.some(({ first, last, from, to }) =>
    first !== null && last !== null
      ? first <= BigInt(id) && BigInt(id) <= last
      : timeUs + 999 >= from && timeUs <= to,
  );
}

/** Whether a trade lies within ids that are on record as missing. */
export function isCounted({ id }: Pick<PastTrade, 'id'>, left: readonly Left[]): boolean {
  return left.some(
    ({ first, last }) => first !== null && last !== null && first <= BigInt(id) && BigInt(id) <= last,
  );
}

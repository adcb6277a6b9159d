import type { ReadGap } from './rows.ts';

/** A gap event as others read it. */
export interface GapEvent {
  readonly kind: string;
  readonly target: { readonly exchange: string; readonly request_type: string } | null;
  readonly gap: {
    /** The same when a gap is told again; where there is none, its beginning tells it from others. */
    readonly gap_id?: string;
    readonly from: number;
    readonly to: number | null;
    readonly cause: string;
    readonly codes: readonly string[];
  } | null;
}

/**
 * The gaps of each code as they were told last.
 * @param symbols native symbol by `exchange code`; a code that never brought a row has none and keeps its name
 */
export function lastTold(events: readonly GapEvent[], symbols: ReadonlyMap<string, string>): ReadGap[] {
  const gaps = new Map<string, ReadGap>();
  for (const { kind, target, gap } of events) {
    if (kind !== 'gap' || !gap || !target) continue;
    for (const code of gap.codes) {
      const symbol = symbols.get(`${target.exchange} ${code}`) ?? code;
      const stream = `${target.exchange} ${target.request_type} ${symbol}`;
      const { from, to, cause } = gap;
      const id = gap.gap_id ?? `${from}`;
      gaps.set(`${id} ${stream}`, { id, stream, from, to, cause });
    }
  }
  return [...gaps.values()];
}

/** Gaps that never ended. */
export function neverEnded(gaps: readonly ReadGap[]): ReadGap[] {
  return gaps.filter(({ to }) => to === null);
}

/**
 * Gaps that have nothing to do with what was done, however wide they may be told.
 * @param done from its beginning to its end, epoch ms
 * @param afterMs how long after its end it may still be the cause
 */
export function withoutCause(
  gaps: readonly ReadGap[],
  done: readonly { readonly from: number; readonly to: number }[],
  afterMs: number,
): ReadGap[] {
  return gaps.filter(
    (gap) =>
      !done.some(
        ({ from, to }) =>
          gap.from / 1000 <= to + afterMs && (gap.to ?? Number.POSITIVE_INFINITY) / 1000 >= from,
      ),
  );
}

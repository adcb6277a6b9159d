import type { Rest } from '../../core/backfill/known-hole.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { Neighbour } from '../../core/past-trades.ts';
import type { Seam } from '../../core/pipeline/seam.ts';
import type { FillGap, FillRecord, FillResult, LastTrade } from './fill-task.ts';

/** Gaps in which the code changes hands. */
const CHANGES: ReadonlySet<string> = new Set(['restart', 'takeover']);
const EMPTY = { rows: 0, first_id: null, last_id: null };
/** Clocks of exchanges, and ways from them, differ by less than this, or the clock of one of them does not count. */
const SKEW: Micros = 2_000_000;
/** What was written within this time before a process was killed may not be noted. */
const UNNOTED: Micros = 2_500_000;
/** A process that stood still lets an exchange leave out trades, and goes on with later ones over the same socket. */
const LEFT_OUT: FillResult = {
  state: 'impossible',
  proof: 'none',
  reason:
    'trades were left out between ones that were received; holes in consecutive ids are gaps of their own',
};

/** A task at its beginning. */
export function newRecord(
  gap: FillGap,
  symbol: string,
  before: Neighbour | null,
  after: Neighbour | null,
  from: Micros,
  to: Micros,
  since: Micros,
): FillRecord {
  const name = `${gap.gap_id}|${gap.from}|${before?.trade_id ?? from}|${symbol}`;
  return { name, gap, symbol, since, before, after, from, to, known: [], filled: EMPTY, result: null };
}

/**
 * The task of one code of a gap.
 * @param left the trade before it; of the state store where the stream knows none
 * @param fence of the code, where what a former holder wrote can be looked for in the topic; else null
 * @returns with the parts of the hole that are passed by
 */
export function gapRecord(
  gap: FillGap,
  market: Market,
  seam: Seam,
  left: LastTrade | null,
  otherIds: boolean,
  fence: number | null,
  since: Micros,
): { readonly record: FillRecord; readonly lost: readonly Rest[] } {
  const { from, to } = gap;
  const { symbol } = market;
  const changed = seam.before === null && (left !== null || CHANGES.has(gap.cause));
  if (changed && fence !== null) {
    // Also what was noted at a handover may be old: whoever had the code since was killed before it noted anything.
    const unsure = { since: left?.delivered ?? left?.timestamp ?? from, fence };
    return { record: { ...newRecord(gap, symbol, left, null, from, to, since), unsure }, lost: [] };
  }
  const noted = seam.before === null && left !== null && left.final !== true ? left : null;
  if (otherIds && noted) {
    // By the ids of REST nobody could tell what a process wrote that was killed before it had noted it.
    const begin = Math.max(from, noted.timestamp + UNNOTED);
    const hole = { market, before: noted, after: null, from, to: begin };
    const record = newRecord(gap, symbol, null, null, begin, Math.max(begin, to), since);
    return { record, lost: [{ hole, ids: null }] };
  }
  const record = newRecord(gap, symbol, left, null, from, to, since);
  return { record: seam.beganBy(from + SKEW) ? record : { ...record, result: LEFT_OUT }, lost: [] };
}

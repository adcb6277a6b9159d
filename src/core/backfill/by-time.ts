import type { Trade } from '../market/rows.ts';
import type { Neighbour } from '../past-trades.ts';
import { compareIds, type Found, inOrder, type KnownHole, type Rest, sameness } from './known-hole.ts';

/**
 * What is found of a hole where ids do not count: complete where pages without a seam hold the trade before it and the
 * one after it. Trades are cut by their ids, never by time: many have the same.
 * @param found all trades that were read
 * @param chain ids of those of them that came in pages without a seam
 */
export function byTime(hole: KnownHole, found: Iterable<Trade>, chain: ReadonlySet<string>): Found {
  const { before, after, from, to } = hole;
  const rows = [...found].toSorted(inOrder);
  const chained = rows.filter(({ trade_id }) => chain.has(trade_id));
  const known = new Set(hole.known.map(({ trade_id }) => trade_id));
  const older = (one: Trade): boolean => one.timestamp < (before?.timestamp ?? from);
  const newer = (one: Trade): boolean => one.timestamp > (after?.timestamp ?? to);
  const inside = rows.filter((row) => {
    if (older(row) || newer(row) || known.has(row.trade_id) || hole.seen?.(row.trade_id)) return false;
    if (row.trade_id === before?.trade_id || row.trade_id === after?.trade_id) return false;
    // What else was received in the moment of the trade before is not known any more: by its id it may be.
    const edge = before !== null && row.timestamp === before.timestamp && hole.seen === undefined;
    return !edge || compareIds(row.trade_id, before.trade_id) > 0;
  });
  const holdsBefore = before === null ? chained.some(older) : chain.has(before.trade_id);
  const holdsAfter = after !== null && chain.has(after.trade_id);
  return foundOf(hole, chained, inside, holdsBefore, holdsAfter);
}

/** The same where REST ids are not those of the socket: trades are the same where time, price, volume and side are. */
export function byValue(hole: KnownHole, found: Iterable<Trade>, chain: ReadonlySet<string>): Found {
  const { before, after, from } = hole;
  const rows = [...found].toSorted(inOrder);
  const names = rows.map(sameness);
  // Of equal ones beside the hole the last before it, and the first after it: none is written twice.
  const left = before === null ? -1 : names.lastIndexOf(sameness(before));
  const right = after === null ? -1 : names.indexOf(sameness(after), left + 1);
  const known = new Map<string, number>();
  // One that was written and seen in the topic is told twice.
  for (const one of new Map(hole.known.map((trade) => [trade.trade_id, trade])).values())
    known.set(sameness(one), (known.get(sameness(one)) ?? 0) + 1);
  const ms = (one: { readonly timestamp: number }): number => Math.floor(one.timestamp / 1000);
  const inside = rows.filter((row, at) => {
    if (before !== null && (left >= 0 ? at <= left : ms(row) <= ms(before))) return false;
    if (before === null && row.timestamp < from) return false;
    if (after !== null && (right >= 0 ? at >= right : ms(row) >= ms(after))) return false;
    const count = known.get(names[at] as string) ?? 0;
    if (count > 0) known.set(names[at] as string, count - 1);
    return count === 0;
  });
  const chained = rows.filter(({ trade_id }) => chain.has(trade_id));
  const chains = (at: number): boolean => at >= 0 && chain.has(rows[at]?.trade_id ?? '');
  const holdsBefore = before === null ? chained.some(({ timestamp }) => timestamp < from) : chains(left);
  return foundOf(hole, chained, inside, holdsBefore, chains(right));
}

/** @param rows of the chain */
function foundOf(
  hole: KnownHole,
  rows: readonly Trade[],
  inside: readonly Trade[],
  holdsBefore: boolean,
  holdsAfter: boolean,
): Found {
  const { before, after, from } = hole;
  const oldest = rows[0];
  const newest = rows.at(-1);
  const complete = holdsBefore && holdsAfter;
  const reachesBefore =
    holdsBefore || (oldest !== undefined && oldest.timestamp < (before?.timestamp ?? from));
  const reachesAfter =
    holdsAfter || (after !== null && newest !== undefined && newest.timestamp > after.timestamp);
  const rest = complete ? [] : restOf(hole, oldest, newest, reachesBefore, reachesAfter);
  return { rows: inside, complete, reachesBefore, reachesAfter, rest };
}

/** The one side that the pages do not reach; all of it where that is neither or nobody knows which. */
function restOf(
  hole: KnownHole,
  oldest: Trade | undefined,
  newest: Trade | undefined,
  reachesBefore: boolean,
  reachesAfter: boolean,
): Rest[] {
  const { market, before, after, from, to } = hole;
  const whole = { market, before, after, from, to };
  if (reachesAfter && !reachesBefore && oldest) {
    const end = Math.max(from, oldest.timestamp);
    return [{ hole: { ...whole, after: plain(oldest), to: end }, ids: null }];
  }
  if (reachesBefore && !reachesAfter && newest && newest.timestamp > from) {
    const begin = Math.min(to, newest.timestamp);
    return [{ hole: { ...whole, before: plain(newest), from: begin }, ids: null }];
  }
  return [{ hole: whole, ids: null }];
}

function plain({ trade_id, timestamp, fills, price, volume, side }: Trade): Neighbour {
  return { trade_id, timestamp, fills, price, volume, side };
}

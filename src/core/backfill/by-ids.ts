import type { Micros } from '../market/market.ts';
import type { Trade } from '../market/rows.ts';
import type { Neighbour } from '../past-trades.ts';
import { IdRanges } from './id-ranges.ts';
import { type Found, idNeighbour, type KnownHole, type Rest } from './known-hole.ts';

/** Ranges that are left of a hole; more are told, and asked for again, as one. */
const MOST_RESTS = 16;

/** Of a hole without a lower end: the ids from the first trade at or after its beginning on. */
interface Bottom {
  readonly first: number;
  /** Whether a trade before the beginning was found, next to that one. */
  readonly sure: boolean;
}

/**
 * What is found of a hole where the exchange counts its trades: complete where every id between the two ends is there.
 * @param found by id, which is a safe integer
 */
export function byIds(hole: KnownHole, found: ReadonlyMap<number, Trade>): Found {
  const { before, after } = hole;
  // Without a trade behind the hole nobody knows where it ends.
  const last = after === null ? highest(found.keys()) : Number(after.trade_id) - fillsOf(after, found);
  const there = new IdRanges();
  for (const one of hole.known)
    there.add(Number(one.trade_id) - fillsOf(one, found) + 1, Number(one.trade_id));
  const known = (id: number): boolean => there.has(id);
  const rows = [...found].filter(([id]) => !known(id)).toSorted(([a], [b]) => a - b);
  for (const id of found.keys()) there.add(id);
  const { first, sure } =
    before === null
      ? bottom(found, there, last, hole.from)
      : { first: Number(before.trade_id) + 1, sure: true };
  const missing = there.missing(first, last);
  const ids = [...found.keys()];
  return {
    rows: rows.flatMap(([id, row]) => (id >= first && id <= last ? [row] : [])),
    complete: after !== null && sure && missing.length === 0,
    reachesBefore: before === null ? sure : first > last || ids.some((id) => id <= first),
    reachesAfter: after !== null && (first > last || ids.some((id) => id >= last)),
    rest: rests(hole, missing, found, sure ? null : first),
  };
}

/** Sums of volumes differ by rounding alone. */
const ROUNDING = 1e-9;

/**
 * How many trades a row merges of which nobody has said it: those up to its id that are of its side and price and make up its
 * volume. One where they were not found: what it merges may then be taken for missing, and nothing that is missing for there.
 */
function fillsOf(
  { trade_id, fills, price, volume, side }: Neighbour,
  found: ReadonlyMap<number, Trade>,
): number {
  if (fills > 0) return fills;
  const id = Number(trade_id);
  let left = volume;
  for (let count = 1; ; count++) {
    const row = found.get(id - count + 1);
    if (row?.price !== price || row.side !== side) return 1;
    left -= row.volume;
    if (Math.abs(left) <= volume * ROUNDING) return count;
    if (left < 0) return 1;
  }
}

/** Down from the end as far as nothing is missing, and no further than trades of the hole go. */
function bottom(found: ReadonlyMap<number, Trade>, there: IdRanges, last: number, from: Micros): Bottom {
  let first = last + 1;
  while (there.has(first - 1)) {
    const row = found.get(first - 1);
    if (row && row.timestamp < from) return { first, sure: true };
    first--;
  }
  return { first, sure: false };
}

/** @param below nothing is known of the ids under this one; null: there are none */
function rests(
  hole: KnownHole,
  missing: readonly { first: number; last: number }[],
  found: ReadonlyMap<number, Trade>,
  below: number | null,
): Rest[] {
  const { market, before, after, from, to } = hole;
  const [lowest] = missing;
  const top = missing.at(-1);
  const parts =
    missing.length > MOST_RESTS && lowest && top ? [{ first: lowest.first, last: top.last }] : missing;
  const rests: Rest[] = parts.map(({ first, last }) => {
    const older = found.get(first - 1)?.timestamp ?? before?.timestamp ?? from;
    const newer = found.get(last + 1)?.timestamp ?? after?.timestamp ?? to;
    const ends = { before: idNeighbour(first - 1, older), after: idNeighbour(last + 1, newer) };
    return { hole: { market, ...ends, from: older, to: Math.max(older, newer) }, ids: { first, last } };
  });
  if (below === null) return rests;
  const oldest = found.get(below);
  const until = oldest?.timestamp ?? after?.timestamp ?? to;
  const end = oldest ? idNeighbour(below, until) : after;
  return [
    { hole: { market, before: null, after: end, from, to: Math.max(from, until) }, ids: null },
    ...rests,
  ];
}

function highest(ids: Iterable<number>): number {
  let highest = -1;
  for (const id of ids) highest = Math.max(highest, id);
  return highest;
}

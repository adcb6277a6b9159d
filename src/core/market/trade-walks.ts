import type { Neighbour, PastTrades, TradeHole } from '../past-trades.ts';
import type { Market, Micros } from './market.ts';
import type { Trade } from './rows.ts';

/** Ways through a hole, page by page. */
export type Walk = Pick<PastTrades, 'first' | 'next'>;

type Pages = (market: Market, id: number | null, limit: number) => string;

/**
 * Consecutive ids, upwards from one that is named (inclusive); where no trade before the hole is known, downwards from
 * the one behind it.
 * @param most rows of a page
 * @param url without an id it is the newest page
 */
export function upByIds(most: number, url: Pages): Walk {
  const below = (market: Market, end: number) => {
    const from = Math.max(0, end - most);
    return end > 0 ? url(market, from, end - from) : null;
  };
  return {
    first({ market, before, after }) {
      const [last, end] = [idOf(before), firstIdOf(after)];
      if (last !== null) return url(market, last + 1, within(most, end, last));
      return (end === null ? null : below(market, end + 1)) ?? url(market, null, most);
    },
    next(hole, { trades }, asked) {
      const [last, end] = [idOf(hole.before), firstIdOf(hole.after)];
      const ids = idsOf(trades);
      if (ids.length === 0) return null;
      if (last === null) return reachesBack(hole, trades) ? null : below(hole.market, Math.min(...ids));
      const highest = Math.max(...ids);
      if (end === null ? reachesForth(hole, trades) : highest + 1 >= end) return null;
      return onward(asked, url(hole.market, highest + 1, within(most, end, highest)));
    },
  };
}

/**
 * Consecutive ids, newest first, below one that is named (exclusive). The first page is to hold the trade behind the hole:
 * an answer without it is too old.
 * @param most rows of a page
 * @param url without an id it is the newest page
 */
export function downByIds(most: number, url: Pages): Walk {
  return {
    first({ market, before, after }) {
      const end = firstIdOf(after);
      return end === null ? url(market, null, most) : url(market, end + 1, within(most, end, idOf(before)));
    },
    next(hole, { trades }, asked) {
      const last = idOf(hole.before);
      const ids = idsOf(trades);
      if (ids.length === 0) return null;
      const lowest = Math.min(...ids);
      if (last === null ? reachesBack(hole, trades) : lowest <= last + 1) return null;
      return onward(asked, url(hole.market, lowest, within(most, lowest, last)));
    },
  };
}

/**
 * Times in nanoseconds, oldest first, from one that is named; the cursor of a page is that of its last row. The page behind
 * it begins a nanosecond before: whether the named time is included does not matter then, nor how many trades share it.
 */
export function upByNanos(url: (market: Market, since: string) => string): Walk {
  return {
    first({ market, before, from }) {
      const micros = Math.max(0, Math.floor((before?.timestamp ?? from) - 1_000_000));
      return url(market, `${micros}000`);
    },
    next(hole, { trades, cursor }, asked) {
      if (cursor === null || trades.length === 0 || reachesForth(hole, trades)) return null;
      return onward(asked, url(hole.market, String(BigInt(cursor) - 1n)));
    },
  };
}

/** One page with the newest trades is all that there is. */
export function newestOnly(url: (market: Market, now: Micros) => string): Walk {
  return { first: ({ market }, now) => url(market, now), next: () => null };
}

/** The same page again leads nowhere. */
export function onward(asked: string, url: string): string | null {
  return url === asked ? null : url;
}

/** Whether trades go back behind the last one before the hole; of equal times there may be more. */
export function reachesBack({ before, from }: TradeHole, trades: readonly Trade[]): boolean {
  const until = Math.floor((before?.timestamp ?? from) / 1000) * 1000;
  return trades.some(({ timestamp }) => timestamp < until);
}

/** Whether trades go on behind the first one after the hole. */
export function reachesForth({ after, to }: TradeHole, trades: readonly Trade[]): boolean {
  const until = after?.timestamp ?? to;
  return trades.some(({ timestamp }) => timestamp > until);
}

/** The trade with the lowest id, of ids of any length that are digits alone; null where there is none. */
export function lowest(trades: readonly Trade[]): Trade | null {
  let found: Trade | null = null;
  for (const trade of trades) if (found === null || isLess(trade.trade_id, found.trade_id)) found = trade;
  return found;
}

/** Whether one number is less than another, both as digits. */
export function isLess(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}

const DAY_US = 86_400_000_000;

/** How many dates ago a time was, in a zone that many hours ahead of UTC. */
export function daysBack(at: Micros, now: Micros, zoneHours = 0): number {
  const dayOf = (micros: Micros) => Math.floor((micros + zoneHours * 3_600_000_000) / DAY_US);
  return Math.max(0, dayOf(now) - dayOf(at));
}

/** An id that is counted with. */
function idOf(trade: Pick<Neighbour, 'trade_id'> | null): number | null {
  const id = trade === null ? Number.NaN : Number(trade.trade_id);
  return Number.isSafeInteger(id) ? id : null;
}

function idsOf(trades: readonly Trade[]): number[] {
  return trades.flatMap((trade) => idOf(trade) ?? []);
}

/** The first id that is known again. */
function firstIdOf(after: Neighbour | null): number | null {
  const id = idOf(after);
  return id === null || after === null ? null : id - after.fills + 1;
}

/** Rows that are asked for beyond those that are missing: pages may begin too early. */
const SPARE = 50;

/** Rows to ask for where those between the two ids are missing, neither of them included. */
function within(most: number, end: number | null, last: number | null): number {
  return end === null || last === null ? most : Math.min(most, Math.max(0, end - last - 1) + SPARE);
}

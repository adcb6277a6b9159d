import type { PastTrade } from './service.ts';

/** Whether an id comes before another; both are decimal digits. */
export function isBefore(id: string, other: string): boolean {
  return id.length < other.length || (id.length === other.length && id < other);
}

/** Rows older than an id, without it. @param overlap so many of the others, too, the oldest first */
export function olderThan(rows: readonly PastTrade[], id: string, overlap: number): readonly PastTrade[] {
  return rows.slice(0, firstFrom(rows, id) + overlap);
}

/** Rows newer than an id, without it. */
export function newerThan(rows: readonly PastTrade[], id: string): readonly PastTrade[] {
  const at = firstFrom(rows, id);
  return rows.slice(rows[at]?.id === id ? at + 1 : at);
}

/** The first row with that id or a later one. */
export function firstFrom(rows: readonly PastTrade[], id: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(rows[middle]?.id ?? '', id)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The newest rows, newest first. */
export function newest(rows: readonly PastTrade[], count: number): PastTrade[] {
  return rows.slice(Math.max(0, rows.length - count)).reverse();
}

/** A whole number of the query; null where it is absent, undefined where it is none. */
export function whole(query: URLSearchParams, ...names: readonly string[]): number | null | undefined {
  const text = names.map((name) => query.get(name)).find((value) => value !== null);
  if (text === undefined || text === null) return null;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Decimal digits of the query, too many for a number; null where it is absent, undefined where it is none. */
export function digits(query: URLSearchParams, name: string): string | null | undefined {
  const text = query.get(name);
  if (text === null) return null;
  return /^\d+$/.test(text) ? text.replace(/^0+(?=\d)/, '') : undefined;
}

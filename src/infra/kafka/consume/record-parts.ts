import { neighbourOf } from '../../../core/backfill/known-hole.ts';
import type { Trade } from '../../../core/market/rows.ts';
import type { Neighbour } from '../../../core/past-trades.ts';
import type { Encoding } from '../produce/encodings.ts';

/** None where it was written by another codec, or schema: then it tells nothing. */
export function rowsOf(encoding: Encoding | undefined, value: Uint8Array): readonly Trade[] {
  try {
    const { data } = (encoding?.codec.decode(value) ?? {}) as { readonly data?: readonly Trade[] };
    return Array.isArray(data) ? data : [];
  } catch {
    return [];
  }
}

/** Headers of a record by their names. */
export function textHeaders(headers: readonly object[] | undefined): Record<string, string> {
  const all: Record<string, string> = {};
  for (const header of headers ?? [])
    for (const [name, value] of Object.entries(header)) all[name] = String(value);
  return all;
}

/** A row of a topic, which does not say how many trades it merges. */
export function writtenNeighbour(row: Trade): Neighbour {
  return neighbourOf({ ...row, fills: 0 });
}

import { compareIds } from '../backfill/known-hole.ts';
import type { Trade } from '../market/rows.ts';

/**
 * The later of two trades of one code: what answers a subscription may be older than what was there, and a frame may hold
 * the trades of one moment newest first.
 */
export function later(known: Trade | null, row: Trade): Trade {
  if (known === null || row.timestamp > known.timestamp) return row;
  if (row.timestamp < known.timestamp) return known;
  return compareIds(row.trade_id, known.trade_id) > 0 ? row : known;
}

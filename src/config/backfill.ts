import { Backfill } from '../application/backfill/backfill.ts';
import type { FillDeps } from '../application/backfill/fill-parts.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Rest } from './rest.ts';
import type { Settings } from './settings.ts';

/** What fetches missed trades afterwards; of no exchange where the settings turn it off. */
export function openBackfill(
  { backfill: { enabled, max_age_ms, max_rows } }: Settings,
  exchanges: readonly Exchange[],
  { turns, ask }: Rest,
  deps: Omit<FillDeps, 'settings' | 'turns' | 'ask'>,
): Backfill {
  const settings = { maxAgeMs: max_age_ms, maxRows: max_rows };
  return new Backfill(enabled ? exchanges : [], { ...deps, settings, turns, ask });
}

import { Backfill } from '../application/backfill/backfill.ts';
import type { FillDeps } from '../application/backfill/fill-parts.ts';
import type { OpenTimes } from '../application/state-store.ts';
import { SharedOpens } from '../application/streams/shared-opens.ts';
import type { Exchange } from '../core/exchange.ts';
import { machineFacts, machineName } from '../infra/process/machine.ts';
import { socketOptions, sourceOf } from './exchange-parts.ts';
import type { Rest } from './rest.ts';
import type { Settings } from './settings.ts';

/**
 * What fetches missed trades afterwards; of no exchange where the settings turn it off.
 * @param opens where requests are remembered over restarts
 */
export function openBackfill(
  settings: Settings,
  exchanges: readonly Exchange[],
  { turns, ask }: Rest,
  opens: OpenTimes,
  deps: Omit<FillDeps, 'settings' | 'turns' | 'ask' | 'history'>,
): Backfill {
  const { enabled, max_age_ms, max_rows } = settings.backfill;
  const machine = machineName(machineFacts());
  return new Backfill(enabled ? exchanges : [], {
    ...deps,
    settings: { maxAgeMs: max_age_ms, maxRows: max_rows },
    turns,
    ask,
    history(exchange) {
      const { proxy } = socketOptions(exchange, settings);
      return new SharedOpens(opens, sourceOf(proxy, null, machine), deps.clock);
    },
  });
}

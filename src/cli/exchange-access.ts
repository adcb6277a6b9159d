import { EXCHANGES } from '../../exchanges/index.ts';
import { MarketLists } from '../application/markets/market-lists.ts';
import type { ExchangeDeps } from '../application/streams/stream-parts.ts';
import type { Clock } from '../common/clock.ts';
import type { Fault } from '../common/errors.ts';
import { enabledExchanges, exchangeParts, listFetcher } from '../config/exchange-parts.ts';
import { openRest, type Rest } from '../config/rest.ts';
import type { Settings } from '../config/settings.ts';
import type { Exchange } from '../core/exchange.ts';

/** What a command needs to read from exchanges by itself, without a collector: no cache, no breaker, nothing shared. */
export interface ExchangeAccess {
  readonly exchanges: readonly Exchange[];
  readonly rest: Rest;
  /** Reads the market list first. */
  parts(id: string): Promise<ExchangeDeps>;
  stop(): void;
}

/** @param onFailure told of each list and book that could not be fetched */
export function accessExchanges(
  settings: Settings,
  clock: Clock,
  onFailure: (exchange: Exchange, fault: Fault) => void,
): ExchangeAccess {
  const exchanges = enabledExchanges(EXCHANGES, settings);
  const rest = openRest(exchanges, settings, clock, onFailure);
  const lists = new MarketLists(exchanges, {
    clock,
    refreshMs: settings.markets.refresh_ms,
    fetchJson: listFetcher(settings, clock, undefined, rest),
    loadCached: async () => null,
    saveCached: async () => {},
    onChange() {},
    onRead() {},
    onFailure,
  });
  const breaker = { allow: async () => ({ allowed: true as const }), report() {} };
  return {
    exchanges,
    rest,
    parts: exchangeParts(exchanges, settings, lists, clock, breaker, null, rest),
    stop() {
      lists.stop();
      rest.stop();
    },
  };
}

import type { Clock } from '../../common/clock.ts';
import type { Market } from '../market/market.ts';
import type { ConnectionEvents } from './connection-parts.ts';
import type { Coverage } from './coverage.ts';
import { microsOf } from './snapshot.ts';
import type { Silence } from './watchdog.ts';

/** Opens the gaps of codes that have turned silent, each from its last rows on, and tells of them at once. */
export function recordSilence(
  silent: readonly Silence[],
  wanted: ReadonlyMap<string, Market>,
  coverage: Coverage,
  events: ConnectionEvents,
  clock: Clock,
): void {
  for (const group of together(silent)) {
    const markets = group.flatMap(({ symbol }) => wanted.get(symbol) ?? []);
    const lastMs = Math.min(...group.map((silence) => silence.lastMs));
    coverage.lose(markets, microsOf(lastMs, clock), 'stale', 0);
    for (const market of markets) events.silent(market, true);
  }
}

/** Codes that fell silent within the same second, so that they share a record. */
function together(silent: readonly Silence[]): Silence[][] {
  const groups = new Map<number, Silence[]>();
  for (const silence of silent) {
    const second = Math.floor(silence.lastMs / 1000);
    const group = groups.get(second);
    if (group) group.push(silence);
    else groups.set(second, [silence]);
  }
  return [...groups.values()];
}

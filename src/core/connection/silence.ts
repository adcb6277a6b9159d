import type { Clock } from '../../common/clock.ts';
import type { Market, Micros, RequestType } from '../market/market.ts';
import type { Markets } from '../market/markets.ts';
import type { ConnectionEvents } from './connection-parts.ts';
import type { Coverage } from './coverage.ts';
import { microsOf } from './snapshot.ts';
import type { Silence } from './watchdog.ts';

const SILENT = 'a code has brought no data for far longer than it used to';
const UNHEARD = 'a code is confirmed and has never brought data';
/** Of a code that may well exist: so many times the setting, and never less than a minute. */
const LONG_PATIENCE = 10;
const LEAST_PATIENCE_MS = 60_000;

/**
 * How long a confirmed code may be silent from the start, in milliseconds. Some exchanges confirm whatever they are
 * asked for. A code that the market list does not have is hardly one. The ticker of any other moves with every quote;
 * its trades may be away for days, which says nothing.
 */
export function patienceOf(symbol: string, type: RequestType, markets: Markets, settingMs: number): number {
  if (markets.known && !markets.listed(symbol)) return settingMs;
  return type === 'ticker'
    ? Math.max(LONG_PATIENCE * settingMs, LEAST_PATIENCE_MS)
    : Number.POSITIVE_INFINITY;
}

/**
 * Opens the gaps of codes that have turned silent, each from its last rows on, and tells of them at once.
 * @param heardUntil how far each code was covered when its last rows came: they may have waited to be read
 */
export function recordSilence(
  silent: readonly Silence[],
  wanted: ReadonlyMap<string, Market>,
  heardUntil: ReadonlyMap<string, Micros>,
  coverage: Coverage,
  events: ConnectionEvents,
  clock: Clock,
): void {
  for (const group of together(silent)) {
    const markets = group.flatMap(({ symbol }) => wanted.get(symbol) ?? []);
    const lastMs = Math.min(...group.map((silence) => silence.lastMs));
    const froms = group.flatMap(({ symbol }) => heardUntil.get(symbol) ?? []);
    coverage.lose(markets, Math.min(microsOf(lastMs, clock), ...froms), 'stale', 0);
    const reason = group.every(({ heard }) => heard) ? SILENT : UNHEARD;
    for (const market of markets) events.silent(market, reason);
  }
}

/** A stream that brings nothing at all any more: since its last row no code of it was received, quiet ones included. */
export function recordDark(
  lastMs: number,
  wanted: ReadonlyMap<string, Market>,
  heardUntil: ReadonlyMap<string, Micros>,
  coverage: Coverage,
  clock: Clock,
): void {
  if (Number.isNaN(lastMs) || heardUntil.size === 0) return;
  const until = Math.max(...heardUntil.values());
  coverage.lose(wanted.values(), Math.min(microsOf(lastMs, clock), until), 'stale');
}

/** Codes that fell silent within the same second, so that they share a record; those never heard have their own. */
function together(silent: readonly Silence[]): Silence[][] {
  return [...Map.groupBy(silent, ({ lastMs, heard }) => `${Math.floor(lastMs / 1000)} ${heard}`).values()];
}

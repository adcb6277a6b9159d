import type { Clock } from '../../common/clock.ts';
import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { Micros } from '../../core/market/market.ts';

/** What is seen here of a code that no market list has any more. */
export type Sight =
  /** Another collector carries it, and decides. */
  | { readonly where: 'elsewhere' }
  /** Its socket is not up: silence says nothing. */
  | { readonly where: 'away' }
  /**
   * @field lastDataAt null where it never brought any
   * @field pace mean time between its rows, µs; null where it is not known
   */
  | {
      readonly where: 'here';
      readonly lastDataAt: Micros | null;
      readonly pace: Micros | null;
      readonly refused: boolean;
    };

/** A code that is in no list leaves after a silence of so many times its pace, within these bounds, µs. */
const PAUSES = 20;
const LEAST: Micros = 5_000_000;
const MOST: Micros = 600_000_000;
/** Where its pace is not known. */
const UNKNOWN: Micros = 60_000_000;

/** Whether codes that a market list has dropped go on: those do that still bring data, whatever the list says. */
export class ListingWatch {
  readonly #clock: Clock;
  /** Since when nothing is known to have come. */
  readonly #silentSince = new Map<string, Micros>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  stays(key: StreamKey, symbol: string, sight: Sight): boolean {
    const name = `${streamKey(key)}|${symbol}`;
    const nowMicros = this.#clock.micros();
    const before = this.#silentSince.get(name) ?? nowMicros;
    if (sight.where === 'elsewhere' || (sight.where === 'here' && sight.refused)) {
      this.#silentSince.delete(name);
      return sight.where === 'elsewhere';
    }
    const since = sight.where === 'away' ? nowMicros : Math.max(before, sight.lastDataAt ?? 0);
    this.#silentSince.set(name, since);
    const pace = sight.where === 'here' ? sight.pace : null;
    const silence = pace === null ? UNKNOWN : Math.min(MOST, Math.max(LEAST, PAUSES * pace));
    if (nowMicros - since < silence) return true;
    this.#silentSince.delete(name);
    return false;
  }

  /** Whether codes of the exchange are being watched. */
  watches(exchange: string): boolean {
    return [...this.#silentSince.keys()].some((name) => name.startsWith(`${exchange}|`));
  }

  /** The list has them again, or they are no longer wanted. */
  forget(key: StreamKey, but: ReadonlySet<string>): void {
    const prefix = `${streamKey(key)}|`;
    for (const name of this.#silentSince.keys())
      if (name.startsWith(prefix) && !but.has(name.slice(prefix.length))) this.#silentSince.delete(name);
  }
}

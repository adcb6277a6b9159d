import type { Clock } from '../../common/clock.ts';
import type { Micros } from '../../core/market/market.ts';
import type { StreamFigures } from './figures.ts';

/** How far an exchange's clock is ahead of ours, in seconds; the truth lies within `uncertainty` of `offset`. */
export interface Offset {
  readonly offset: number;
  readonly uncertainty: number;
}

/** Bounds of one moment are believed this long: clocks drift apart and are set. */
const KEPT_US = 3_600_000_000;
const SECOND = 1_000_000;

interface Bounds {
  readonly at: Micros;
  /** How far their clock is ahead of ours at least and at most, µs. */
  readonly least: number;
  readonly most: number;
}

/**
 * The clock of each exchange against ours, out of what passes by anyhow. The `Date` header of a market list answers
 * with whole seconds: each gives an interval that the offset lies in, and the intervals of several answers narrow
 * it. A row's own time gives a bound from below: it had passed there when the row arrived here. Some servers renew the
 * header once a second, whenever, so that it is up to a second older than it should be; rows that contradict a header
 * give such a server away.
 */
export class ClockOffsets {
  readonly #clock: Clock;
  readonly #figures: StreamFigures;
  readonly #dates = new Map<string, Bounds[]>();

  constructor(clock: Clock, figures: StreamFigures) {
    this.#clock = clock;
    this.#figures = figures;
  }

  /**
   * An answer of this exchange said it is `date`, in whole seconds.
   * @param date epoch ms
   * @param asked when the request left, and when its answer was there; epoch µs
   */
  date(exchange: string, date: number, asked: Micros, answered: Micros): void {
    const least = date * 1000 - answered;
    const bounds = { at: answered, least, most: date * 1000 + SECOND - asked };
    this.#dates.set(exchange, [...this.#fresh(exchange), bounds]);
  }

  /** Null where nothing is known yet. */
  of(exchange: string): Offset | null {
    const rows = this.#leastByRows(exchange);
    const sharp = this.#fresh(exchange);
    const late = rows !== null && sharp.some(({ most }) => rows > most) ? SECOND : 0;
    const dates = sharp.map(({ most, ...bounds }) => ({ ...bounds, most: most + late }));
    const newest = dates.at(-1);
    if (!newest) return null;
    let { least, most } = newest;
    for (const bounds of dates) {
      // An older interval that does not meet the newest one is of a clock that was set since.
      if (bounds.least >= most || bounds.most <= least) continue;
      least = Math.max(least, bounds.least);
      most = Math.min(most, bounds.most);
    }
    if (rows !== null && rows > least && rows < most) least = rows;
    return { offset: (least + most) / 2 / SECOND, uncertainty: (most - least) / 2 / SECOND };
  }

  #fresh(exchange: string): Bounds[] {
    const now = this.#clock.micros();
    return (this.#dates.get(exchange) ?? []).filter(({ at }) => now - at < KEPT_US);
  }

  #leastByRows(exchange: string): number | null {
    let delay = Number.POSITIVE_INFINITY;
    for (const { target, stats } of this.#figures.all()) {
      if (target.exchange === exchange) delay = Math.min(delay, stats.recent().network.min ?? delay);
    }
    return Number.isFinite(delay) ? -delay : null;
  }
}

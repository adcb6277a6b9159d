import type { Micros } from '../market/market.ts';

/** What tells a row's place. */
export interface Placed {
  readonly timestamp: Micros;
  readonly received: Micros;
  /** Where the exchange's ids rise; NaN elsewhere. */
  readonly id: number;
}

/** Our clock is set back by so much while it is kept in step, and no row is out of order for it. */
const CLOCK_STEP: Micros = 10_000;

/**
 * Whether the rows of one code stand in the order in which they were received: what an exchange sent out of its own
 * order is in order here. A row stands behind its successor where it was received before it and, by its id where those
 * rise, else by its exchange time, happened before it.
 */
export class OrderWatch {
  #timestamp = Number.NEGATIVE_INFINITY;
  #received = Number.NEGATIVE_INFINITY;
  #id = Number.NEGATIVE_INFINITY;

  /** @returns whether the row stands in order */
  take({ timestamp, received, id }: Placed): boolean {
    const back = Number.isNaN(id)
      ? timestamp < this.#timestamp && received < this.#received - (timestamp === received ? CLOCK_STEP : 0)
      : id < this.#id && received <= this.#received;
    if (back) return false;
    this.#timestamp = Math.max(timestamp, this.#timestamp);
    this.#received = Math.max(received, this.#received);
    if (!Number.isNaN(id)) this.#id = Math.max(id, this.#id);
    return true;
  }

  /** Another collector has the code from here on: its clock, and where it begins, are its own. */
  reset(): void {
    this.#timestamp = Number.NEGATIVE_INFINITY;
    this.#received = Number.NEGATIVE_INFINITY;
    this.#id = Number.NEGATIVE_INFINITY;
  }
}

import type { Micros } from '../market/market.ts';
import { type Arrival, NEVER, older } from './transit.ts';

/** Batches are kept by the second in which their oldest row arrived: an outage of hours is some thousand numbers. */
const SECOND: Micros = 1_000_000;

/** How many batches of a stream lie on disk alone, and since when the oldest of them. */
export class Shelf {
  readonly #seconds = new Map<number, { batches: number; arrival: Arrival }>();
  #oldest: Arrival | null = NEVER;

  /** @param firstReceived when the first of its rows arrived */
  enter(firstReceived: Micros, arrival: Arrival): void {
    const second = secondOf(firstReceived);
    const known = this.#seconds.get(second);
    if (known) {
      known.batches++;
      known.arrival = older(known.arrival, arrival);
    } else this.#seconds.set(second, { batches: 1, arrival });
    if (this.#oldest) this.#oldest = older(this.#oldest, arrival);
  }

  /** These rows are acknowledged, or given up. */
  leave(firstReceived: Micros): void {
    const second = secondOf(firstReceived);
    const known = this.#seconds.get(second);
    if (!known || --known.batches > 0) return;
    this.#seconds.delete(second);
    this.#oldest = null;
  }

  /** `NEVER` where there is nothing. */
  oldest(): Arrival {
    if (this.#oldest) return this.#oldest;
    let oldest = NEVER;
    for (const { arrival } of this.#seconds.values()) oldest = older(oldest, arrival);
    this.#oldest = oldest;
    return oldest;
  }
}

function secondOf(firstReceived: Micros): number {
  return Math.floor(firstReceived / SECOND);
}

import { Numbered } from '../../common/numbered.ts';
import type { Micros } from '../market/market.ts';

/** When the oldest of some rows arrived, or of frames that may become rows. */
export interface Arrival {
  readonly at: Micros;
  /** `Clock.now()` then: the wall clock may be set while a row waits. */
  readonly ms: number;
}

/** Later than anything. */
export const NEVER: Arrival = { at: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY };

/** The older of two, by each clock. */
export function older(one: Arrival, other: Arrival): Arrival {
  if (one.at <= other.at && one.ms <= other.ms) return one;
  return { at: Math.min(one.at, other.at), ms: Math.min(one.ms, other.ms) };
}

/** An arrival of what is on its way; its own alone. */
export interface ChunkArrival extends Arrival {
  /** Its number there. */
  readonly number: number;
}

/**
 * What is on its way: chunks in the queues of the stages, batches that are not acknowledged. The oldest is remembered,
 * since there may be 100,000 of them and whoever looks on asks for it again and again.
 */
export class Transit {
  readonly #all = new Numbered<Arrival>();
  #oldest = NEVER;
  /** What was the oldest has left. */
  #stale = false;

  get size(): number {
    return this.#all.size;
  }

  /** @returns the number that it leaves with */
  enter(arrival: Arrival): number {
    this.#oldest = older(this.#oldest, arrival);
    return this.#all.add(arrival);
  }

  leave(number: number): void {
    const arrival = this.#all.take(number);
    if (!arrival) return;
    if (arrival.at <= this.#oldest.at || arrival.ms <= this.#oldest.ms) this.#stale = true;
  }

  /** `NEVER` where there is nothing. */
  oldest(): Arrival {
    if (this.#stale) {
      this.#oldest = NEVER;
      for (const arrival of this.#all) this.#oldest = older(this.#oldest, arrival);
      this.#stale = false;
    }
    return this.#oldest;
  }
}

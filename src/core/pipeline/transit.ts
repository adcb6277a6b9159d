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

/**
 * What is on its way: chunks in the queues of the stages, batches that are not acknowledged. The oldest is remembered,
 * since there may be 100,000 of them and whoever looks on asks for it again and again.
 */
export class Transit {
  readonly #all = new Map<object, Arrival>();
  #oldest = NEVER;
  /** What was the oldest has left. */
  #stale = false;

  get size(): number {
    return this.#all.size;
  }

  enter(one: object, arrival: Arrival): void {
    this.#all.set(one, arrival);
    this.#oldest = older(this.#oldest, arrival);
  }

  leave(one: object): void {
    const arrival = this.#all.get(one);
    if (!arrival) return;
    this.#all.delete(one);
    if (arrival.at <= this.#oldest.at || arrival.ms <= this.#oldest.ms) this.#stale = true;
  }

  /** `NEVER` where there is nothing. */
  oldest(): Arrival {
    if (this.#stale) {
      this.#oldest = NEVER;
      for (const arrival of this.#all.values()) this.#oldest = older(this.#oldest, arrival);
      this.#stale = false;
    }
    return this.#oldest;
  }
}

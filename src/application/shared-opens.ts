import type { Clock } from '../common/clock.ts';
import type { OpenHistory, OpenPlace } from '../core/connection/open-gate.ts';
import type { Rate } from '../core/exchange.ts';
import type { OpenTimes } from './state-store.ts';

/** A place that nobody counts: the store is away, and the process keeps to its own memory. */
const UNCOUNTED: OpenPlace = { waitMs: 0, giveBack() {} };

/**
 * Opens that were made from one address, kept in the store, so that a start does not spend again what the run before
 * it has spent, and processes of one address share what it may.
 */
export class SharedOpens implements OpenHistory {
  readonly #store: OpenTimes;
  readonly #source: string;
  readonly #clock: Clock;

  /** @param source the address that the exchange sees, by any name that stays the same over restarts */
  constructor(store: OpenTimes, source: string, clock: Clock) {
    this.#store = store;
    this.#source = source;
    this.#clock = clock;
  }

  async take(host: string, windows: readonly Rate[]): Promise<OpenPlace> {
    const key = `${host}|${this.#source}`;
    const id = crypto.randomUUID();
    const nowMs = Math.floor(this.#clock.micros() / 1000);
    const waitMs = await this.#store.take(key, id, windows, nowMs).catch(() => null);
    if (waitMs === null) return UNCOUNTED;
    return { waitMs, giveBack: () => void this.#store.giveBack(key, id).catch(() => {}) };
  }
}

import type { Clock } from '../../common/clock.ts';
import { boundedBan } from '../../core/connection/ban-time.ts';
import type { OpenHistory, OpenPlace } from '../../core/connection/open-gate.ts';
import type { Ban, Rate } from '../../core/exchange.ts';
import type { OpenTimes } from '../state-store.ts';

/** A place that nobody counts: the store is away, and the process keeps to its own memory. */
const UNCOUNTED: OpenPlace = { waitMs: 0, giveBack() {} };

/**
 * Opens that were made from one address, and bans of it, kept in the store: so that a start does not spend again what
 * the run before it has spent, nor knocks where that one was shut out, and processes of one address share what it may.
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
    const key = this.#key(host);
    const id = crypto.randomUUID();
    const waitMs = await this.#store.take(key, id, windows, this.#nowMs()).catch(() => null);
    if (waitMs === null) return UNCOUNTED;
    return { waitMs, giveBack: () => void this.#store.giveBack(key, id).catch(() => {}) };
  }

  async banned(host: string): Promise<Ban | null> {
    const last = await this.#store.lastShutOut(this.#key(host)).catch(() => null);
    // Whoever stored it may have believed more, or have another clock.
    const forMs = last === null ? 0 : boundedBan(last.untilMs - this.#nowMs());
    return last !== null && forMs > 0 ? { forMs, reason: last.reason } : null;
  }

  ban(host: string, { forMs: asked, reason }: Ban): void {
    const forMs = boundedBan(asked);
    const untilMs = this.#nowMs() + forMs;
    this.#store.shutOut(this.#key(host), { untilMs, reason }, forMs).catch(() => {});
  }

  #key(host: string): string {
    return `${host}|${this.#source}`;
  }

  #nowMs(): number {
    return Math.floor(this.#clock.micros() / 1000);
  }
}

import { type Clock, sleep } from '../../common/clock.ts';
import { type OpenHistory, OUTLASTS_RESTART_MS } from '../../core/connection/open-gate.ts';
import type { Ban, Rate } from '../../core/exchange.ts';
import type { FilledExchange } from './fill-parts.ts';

/** The store is asked again at the latest: others may have given a place back. */
const LONGEST_MS = 10_000;
/** How soon it is noticed that nobody wants it any more. */
const SLICE_MS = 250;

/**
 * Requests for past trades as all processes of one address make them, one after the other and beside each other: what the
 * exchange allows it, and how long it is shut out, outlast a restart.
 */
export class SharedRequests {
  readonly #history: OpenHistory;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #windows: readonly Rate[];

  constructor({ id, limits, pastTrades }: FilledExchange, history: OpenHistory, clock: Clock) {
    this.#history = history;
    this.#clock = clock;
    this.#key = `rest:${id}`;
    this.#windows = (limits.rest ?? [])
      .filter(({ perMs }) => perMs >= OUTLASTS_RESTART_MS)
      .map(({ count, perMs }) => ({ count: Math.max(1, Math.floor(count / pastTrades.weight)), perMs }));
  }

  /** Resolves when one more may be made, which counts as made; false where nobody wants it any more. Never rejects. */
  async place(wanted: () => boolean): Promise<boolean> {
    while (wanted()) {
      const waitMs = await this.#waitMs();
      if (waitMs === 0) return true;
      const until = this.#clock.now() + Math.min(waitMs, LONGEST_MS);
      while (wanted() && this.#clock.now() < until) await sleep(this.#clock, SLICE_MS);
    }
    return false;
  }

  /** The exchange wants to see no request from this address for a while. */
  ban(ban: Ban): void {
    this.#history.ban(this.#key, ban);
  }

  async #waitMs(): Promise<number> {
    const ban = await this.#history.banned(this.#key);
    if (ban) return ban.forMs;
    if (this.#windows.length === 0) return 0;
    return (await this.#history.take(this.#key, this.#windows)).waitMs;
  }
}

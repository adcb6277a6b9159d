import type { Cancel, Clock } from '../../../common/clock.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerOptions {
  /** Failures within the window that open it. */
  readonly failureThreshold: number;
  readonly windowMs: number;
  /** How long it stays open before it lets probes through unasked. */
  readonly openMs: number;
  /** Probes under way at once while half open. */
  readonly halfOpenMax: number;
  /** Successes while half open that close it. */
  readonly successThreshold: number;
}

export const BREAKER_DEFAULTS: BreakerOptions = {
  failureThreshold: 5,
  windowMs: 300_000,
  openMs: 60_000,
  halfOpenMax: 3,
  successThreshold: 2,
};

/** Why the state is what it is, for people. */
export type BreakerListener = (state: BreakerState, reason: string) => void;

/**
 * Closed: all may pass. Open: nothing may. Half open: a few probes may, and decide. A sign of life while open (an
 * acknowledgement of something sent before, an answer to a question) half-opens it at once, so that recovery takes as
 * long as the broker's and not the rest of the minute. Only acknowledgements close it: a broker that answers
 * questions need not be able to write.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #clock: Clock;
  readonly #changed: BreakerListener;
  #state: BreakerState = 'closed';
  #since: number;
  #reason = '';
  #opened = 0;
  #failures: number[] = [];
  #successes = 0;
  #timer: Cancel | null = null;

  constructor(options: BreakerOptions, clock: Clock, changed: BreakerListener) {
    this.#options = options;
    this.#clock = clock;
    this.#changed = changed;
    this.#since = clock.micros();
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** When the present state began, epoch microseconds. */
  get since(): number {
    return this.#since;
  }

  /** Why the present state is what it is; empty at the start. */
  get reason(): string {
    return this.#reason;
  }

  /** How often it opened. */
  get opened(): number {
    return this.#opened;
  }

  /** @param underWay what was let through and not answered yet */
  admits(underWay: number): boolean {
    if (this.#state === 'closed') return true;
    return this.#state === 'half_open' && underWay < this.#options.halfOpenMax;
  }

  failure(reason: string): void {
    if (this.#state === 'half_open') return this.#open(reason);
    if (this.#state === 'open') return;
    const now = this.#clock.now();
    this.#failures = this.#failures.filter((at) => at > now - this.#options.windowMs);
    this.#failures.push(now);
    if (this.#failures.length >= this.#options.failureThreshold) this.#open(reason);
  }

  /** A broker answered a question. While closed, the failures before it were passing ones. */
  answered(): void {
    if (this.#state === 'open') this.#become('half_open', 'the broker answers');
    else if (this.#state === 'closed') this.#failures = [];
  }

  /** While open: lets probes through now. */
  tryNow(): void {
    if (this.#state === 'open') this.#become('half_open', 'nothing is under way, probes go out');
  }

  /** Something was acknowledged. */
  success(): void {
    if (this.#state === 'closed') {
      if (this.#failures.length > 0) this.#failures = [];
      return;
    }
    if (this.#state === 'open') this.#become('half_open', 'the broker answers');
    this.#successes++;
    if (this.#successes < this.#options.successThreshold) return;
    this.#failures = [];
    this.#become('closed', 'the broker acknowledges');
  }

  /** Ends its timer. */
  stop(): void {
    this.#timer?.();
    this.#timer = null;
  }

  #open(reason: string): void {
    this.#opened++;
    this.#become('open', reason);
    this.#timer = this.#clock.after(this.#options.openMs, () =>
      this.#become('half_open', 'time for a probe'),
    );
  }

  #become(state: BreakerState, reason: string): void {
    this.stop();
    this.#state = state;
    this.#since = this.#clock.micros();
    this.#successes = 0;
    this.#reason = reason;
    this.#changed(state, reason);
  }
}

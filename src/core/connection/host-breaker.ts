/** Figures of a breaker; the settings `breaker.*`. */
export interface BreakerFigures {
  /** Failures within the window, and since the last success, that open it. */
  readonly failureThreshold: number;
  readonly windowMs: number;
  /** How long it refuses before it lets a trial through. */
  readonly openMs: number;
  /** Trials let through while half open. */
  readonly halfOpenMaxCalls: number;
  /** Successful trials that close it. */
  readonly successThreshold: number;
}

/** A host's breaker: closed lets everything through, open nothing, half open a few trials that decide. */
export interface HostBreaker {
  readonly host: string;
  readonly state: 'closed' | 'open' | 'half_open';
  /** When this state began, epoch ms; 0 where it never changed. */
  readonly since: number;
  /** Times of the failures that count, epoch ms, oldest first. */
  readonly failures: readonly number[];
  /** Trials let through since it is half open. */
  readonly trials: number;
  /** Trials that succeeded. */
  readonly successes: number;
  /** An operator opened it; it stays open until one closes it. */
  readonly forced: boolean;
}

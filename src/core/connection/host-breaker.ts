/** Figures of a breaker; the settings `breaker.*`. */
export interface BreakerFigures {
  /** Failures within the window that open it. */
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

/** What happens to a breaker. */
export type BreakerEvent =
  | { readonly kind: 'allow' }
  | { readonly kind: 'report'; readonly good: boolean }
  | { readonly kind: 'force'; readonly state: 'open' | 'closed' }
  /** It was so before its store lost its memory. */
  | { readonly kind: 'recall'; readonly known: HostBreaker };

export interface BreakerStep {
  /** The very object that was given where nothing changes. */
  readonly breaker: HostBreaker;
  /** Whether an attempt may be made; false for an event that asks for none. */
  readonly allowed: boolean;
  /** When to ask again, in ms; 0 where it is allowed. */
  readonly retryInMs: number;
}

/** While all trials are under way, how soon to ask again. */
const TRIALS_UNDER_WAY_MS = 1000;

/** A breaker before anything happened to its host. */
export function closedBreaker(host: string): HostBreaker {
  return { host, state: 'closed', since: 0, failures: [], trials: 0, successes: 0, forced: false };
}

/**
 * Whether whoever keeps the breaker has forgotten that an operator opened it: what is newer was said since.
 * @param known as it was seen before
 */
export function forgotten(known: HostBreaker, breaker: HostBreaker): boolean {
  return known.forced && !breaker.forced && breaker.since < known.since;
}

/**
 * One transition of a breaker; pure, so that every store can make it in one atomic step.
 * @param figures not needed for an operator's word
 * @param nowMs epoch ms
 */
export function stepBreaker(
  breaker: HostBreaker,
  event: BreakerEvent,
  figures: BreakerFigures | null,
  nowMs: number,
): BreakerStep {
  if (event.kind === 'recall') return told(forgotten(event.known, breaker) ? event.known : breaker);
  if (event.kind === 'force') return told(force(breaker, event.state, nowMs));
  if (figures === null) return told(breaker);
  if (event.kind === 'allow') return ask(breaker, figures, nowMs);
  return told(event.good ? succeed(breaker, figures, nowMs) : fail(breaker, figures, nowMs));
}

function ask(breaker: HostBreaker, figures: BreakerFigures, nowMs: number): BreakerStep {
  const { state, forced, since, trials, successes } = breaker;
  if (state === 'closed') return { breaker, allowed: true, retryInMs: 0 };
  if (forced) return { breaker, allowed: false, retryInMs: figures.openMs };
  const remaining = since + figures.openMs - nowMs;
  if (state === 'open') {
    return remaining > 0 ? { breaker, allowed: false, retryInMs: remaining } : firstTrial(breaker, nowMs);
  }
  if (remaining <= 0) {
    // Those let through were good, or were never reported because their collector is gone.
    return successes > 0
      ? { breaker: { ...closedBreaker(breaker.host), since: nowMs }, allowed: true, retryInMs: 0 }
      : firstTrial(breaker, nowMs);
  }
  if (trials < figures.halfOpenMaxCalls) {
    return { breaker: { ...breaker, trials: trials + 1 }, allowed: true, retryInMs: 0 };
  }
  return { breaker, allowed: false, retryInMs: Math.min(remaining, TRIALS_UNDER_WAY_MS) };
}

function firstTrial(breaker: HostBreaker, nowMs: number): BreakerStep {
  const halfOpen: HostBreaker = { ...breaker, state: 'half_open', since: nowMs, trials: 1, successes: 0 };
  return { breaker: halfOpen, allowed: true, retryInMs: 0 };
}

function succeed(breaker: HostBreaker, figures: BreakerFigures, nowMs: number): HostBreaker {
  if (breaker.state !== 'half_open') return breaker;
  const successes = breaker.successes + 1;
  return successes >= figures.successThreshold
    ? { ...closedBreaker(breaker.host), since: nowMs }
    : { ...breaker, successes };
}

function fail(breaker: HostBreaker, figures: BreakerFigures, nowMs: number): HostBreaker {
  if (breaker.state === 'open') return breaker;
  const failures = [...breaker.failures.filter((at) => at > nowMs - figures.windowMs), nowMs];
  if (breaker.state === 'closed' && failures.length < figures.failureThreshold)
    return { ...breaker, failures };
  return { ...breaker, state: 'open', since: nowMs, failures, trials: 0, successes: 0 };
}

function force(breaker: HostBreaker, state: 'open' | 'closed', nowMs: number): HostBreaker {
  if (state === 'open') {
    if (breaker.forced) return breaker;
    return { ...breaker, state: 'open', since: nowMs, trials: 0, successes: 0, forced: true };
  }
  return breaker.state === 'closed' ? breaker : { ...closedBreaker(breaker.host), since: nowMs };
}

function told(breaker: HostBreaker): BreakerStep {
  return { breaker, allowed: false, retryInMs: 0 };
}

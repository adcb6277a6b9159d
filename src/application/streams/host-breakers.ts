import type { Clock } from '../../common/clock.ts';
import {
  type BreakerEvent,
  type BreakerFigures,
  closedBreaker,
  type HostBreaker,
  stepBreaker,
} from '../../core/connection/host-breaker.ts';
import type { OpenBreaker, OpenDecision } from '../../core/connection/open-gate.ts';
import type { BreakerAnswer, BreakerStore } from '../state-store.ts';

export interface HostBreakersDeps {
  readonly store: BreakerStore;
  readonly figures: BreakerFigures;
  readonly clock: Clock;
  /** Told of every change of state that was made here; others tell of theirs. */
  onChange(breaker: HostBreaker): void;
}

/**
 * The circuit breakers before the exchanges' hosts. Their state is shared through the store; while that is away,
 * this collector goes on with breakers of its own.
 */
export class HostBreakers implements OpenBreaker {
  readonly #deps: HostBreakersDeps;
  readonly #local = new Map<string, HostBreaker>();

  constructor(deps: HostBreakersDeps) {
    this.#deps = deps;
  }

  async allow(host: string): Promise<OpenDecision> {
    const { allowed, retryInMs, breaker } = await this.#step(host, { kind: 'allow' });
    if (allowed) return { allowed: true };
    const word = breaker.forced ? 'was opened by command' : `is ${breaker.state} after failures`;
    return { allowed: false, retryInMs, reason: `the circuit breaker of ${host} ${word}` };
  }

  report(host: string, good: boolean): void {
    void this.#step(host, { kind: 'report', good });
  }

  /** An operator's word. Fails where the store is away: it has to hold for all collectors. */
  async force(host: string, state: 'open' | 'closed'): Promise<BreakerAnswer> {
    const answer = await this.#deps.store.force(host, state, this.#nowMs());
    this.#took(answer);
    return answer;
  }

  /** The breakers that this collector has met, as they were last seen; for /status. */
  known(): HostBreaker[] {
    return [...this.#local.values()];
  }

  async #step(host: string, event: Exclude<BreakerEvent, { kind: 'force' }>): Promise<BreakerAnswer> {
    const { store, figures } = this.#deps;
    const nowMs = this.#nowMs();
    const answer = await (event.kind === 'allow'
      ? store.allow(host, figures, nowMs)
      : store.report(host, event.good, figures, nowMs)
    ).catch(() => this.#alone(host, event, nowMs));
    this.#took(answer);
    return answer;
  }

  #alone(host: string, event: BreakerEvent, nowMs: number): BreakerAnswer {
    const before = this.#local.get(host) ?? closedBreaker(host);
    const next = stepBreaker(before, event, this.#deps.figures, nowMs);
    return { ...next, changed: next.breaker.state !== before.state };
  }

  #took({ breaker, changed }: BreakerAnswer): void {
    this.#local.set(breaker.host, breaker);
    if (changed) this.#deps.onChange(breaker);
  }

  #nowMs(): number {
    return Math.floor(this.#deps.clock.micros() / 1000);
  }
}

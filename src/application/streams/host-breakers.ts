import type { Cancel, Clock } from '../../common/clock.ts';
import {
  type BreakerEvent,
  type BreakerFigures,
  closedBreaker,
  forgotten,
  type HostBreaker,
  stepBreaker,
} from '../../core/connection/host-breaker.ts';
import type { OpenBreaker, OpenDecision } from '../../core/connection/open-gate.ts';
import type { BreakerAnswer, BreakerStore } from '../state-store.ts';

/** What a collector tells of itself. */
type OwnEvent = Extract<BreakerEvent, { kind: 'allow' | 'report' }>;

export interface HostBreakersDeps {
  readonly store: BreakerStore;
  readonly figures: BreakerFigures;
  readonly clock: Clock;
  /** Told of every change of state that was made here; others tell of theirs. */
  onChange(breaker: HostBreaker): void;
}

/** How often the breakers that were met are read, so that each collector knows what an operator said to another. */
const LOOK_MS = 10_000;

/**
 * The circuit breakers before the exchanges' hosts. Their state is shared through the store; while that is away,
 * this collector goes on with breakers of its own. What an operator said outlives the store's memory: whoever knows of
 * it writes it back.
 */
export class HostBreakers implements OpenBreaker {
  readonly #deps: HostBreakersDeps;
  readonly #local = new Map<string, HostBreaker>();
  #cancelLook: Cancel = () => {};
  #stopped = false;

  constructor(deps: HostBreakersDeps) {
    this.#deps = deps;
  }

  /** Begins to look at what others made of the breakers. */
  start(): void {
    if (this.#stopped) return;
    this.#cancelLook = this.#deps.clock.after(LOOK_MS, () => void this.look().then(() => this.start()));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelLook();
  }

  /** Reads the breakers that were met, and writes back what the store has lost. Never fails. */
  async look(): Promise<void> {
    const hosts = [...this.#local.keys()];
    if (hosts.length === 0) return;
    const stored = await this.#deps.store.read(hosts).catch(() => []);
    for (const breaker of stored) {
      const known = this.#local.get(breaker.host);
      if (known && forgotten(known, breaker)) await this.#recall(known);
      else this.#local.set(breaker.host, breaker);
    }
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

  async #step(host: string, event: OwnEvent): Promise<BreakerAnswer> {
    const { store, figures } = this.#deps;
    const nowMs = this.#nowMs();
    const ask = () =>
      (event.kind === 'allow'
        ? store.allow(host, figures, nowMs)
        : store.report(host, event.good, figures, nowMs)
      ).catch(() => this.#alone(host, event, nowMs));
    let answer = await ask();
    const known = this.#local.get(host);
    if (known && forgotten(known, answer.breaker)) {
      await this.#recall(known);
      answer = await ask();
    }
    this.#took(answer);
    return answer;
  }

  /** A store that is away now is looked at again. */
  async #recall(known: HostBreaker): Promise<void> {
    const answer = await this.#deps.store.recall(known, this.#nowMs()).catch(() => null);
    if (answer) this.#took(answer);
  }

  #alone(host: string, event: BreakerEvent, nowMs: number): BreakerAnswer {
    const before = this.#local.get(host) ?? closedBreaker(host);
    const next = stepBreaker(before, event, this.#deps.figures, nowMs);
    return { ...next, changed: next.breaker.state !== before.state };
  }

  #took({ breaker, changed }: BreakerAnswer): void {
    const known = this.#local.get(breaker.host);
    if (!known || !forgotten(known, breaker)) this.#local.set(breaker.host, breaker);
    if (changed) this.#deps.onChange(breaker);
  }

  #nowMs(): number {
    return Math.floor(this.#deps.clock.micros() / 1000);
  }
}

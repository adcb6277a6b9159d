import type { Cancel, Clock } from '../../common/clock.ts';
import type { Exchange } from '../exchange.ts';
import { Backoff, EAGER } from './backoff.ts';
import type { Link } from './link.ts';
import type { LinkEnd } from './link-parts.ts';
import type { OpenDecision, OpenGate, OpenOutcome } from './open-gate.ts';
import { type Verdict, verdict } from './verdict.ts';

/** Connections that were sent away together do not come back together. */
const SPREAD_MS = 500;

export interface AttemptParts {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly gate: OpenGate;
}

/** A connection's attempts to open sockets: what the gate is asked and told, and how long to wait after a failure. */
export class Attempts {
  readonly #parts: AttemptParts;
  readonly #host: string;
  readonly #backoff: Backoff;
  /** Bans in a row. */
  #bans = 0;
  #asking = false;
  #cancelRetry: Cancel | null = null;
  #lastError: string | null = null;

  /** @param host what the gate knows the address by */
  constructor(parts: AttemptParts, host: string) {
    this.#parts = parts;
    this.#host = host;
    this.#backoff = new Backoff(parts.clock, EAGER);
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#backoff.failures;
  }

  get lastError(): string | null {
    return this.#lastError;
  }

  /** Whether the gate has been asked and has not answered yet. */
  get asking(): boolean {
    return this.#asking;
  }

  /** Whether the next attempt has its time. */
  get waiting(): boolean {
    return this.#cancelRetry !== null;
  }

  /** For how long the exchange still does not want to see this address, in ms; 0 where it does. */
  get bannedMs(): number {
    return this.#parts.gate.bannedMs?.(this.#host) ?? 0;
  }

  /** Asks whether a socket may be opened. Where it may, one `report` and one `closed` follow. */
  async ask(): Promise<OpenDecision> {
    this.#asking = true;
    const decision = await this.#parts.gate.allow(this.#host);
    this.#asking = false;
    if (decision.allowed) return decision;
    return { ...decision, retryInMs: decision.retryInMs + this.#parts.clock.random() * SPREAD_MS };
  }

  /** What was allowed is not needed any more. */
  decline(): void {
    this.#parts.gate.report(this.#host, 'unused');
    this.#parts.gate.closed(this.#host);
  }

  report(link: Link, outcome: OpenOutcome): void {
    if (link.outcome !== null && !(outcome === 'failed' && link.brief(this.#parts.clock.now()))) return;
    link.outcome = outcome;
    this.#parts.gate.report(this.#host, outcome);
  }

  closed(): void {
    this.#parts.gate.closed(this.#host);
  }

  /**
   * A socket was lost or never opened, against our will.
   * @param counts whether it is one more of the failures in a row
   */
  failed(end: LinkEnd, counts: boolean): Verdict {
    const { exchange, gate } = this.#parts;
    const next = verdict(end, exchange, counts ? this.#backoff.fail() : 0, this.#bans);
    if (next.ban) gate.ban(this.#host, next.ban);
    if (next.state === 'blocked') this.#bans++;
    this.#lastError = next.reason;
    return next;
  }

  /** After a period of good data failures count from zero again. */
  judge(link: Link): void {
    if (!link.good(this.#parts.clock.now())) return;
    this.#backoff.reset();
    this.#bans = 0;
  }

  /** Makes the next attempt in so many ms; an earlier one that waits is dropped. */
  wait(ms: number, attempt: () => void): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#parts.clock.after(ms, () => {
      this.#cancelRetry = null;
      attempt();
    });
  }

  cancel(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
  }
}

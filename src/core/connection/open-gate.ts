import { type Cancel, type Clock, sleep } from '../../common/clock.ts';
import type { Ban, Limits } from '../exchange.ts';
import { RateBudget } from './rate-budget.ts';

/** A handshake may take its time, so that opens arrive closer together than they were made. */
const OPEN_MARGIN = 0.5;
const NO_PLACE_MS = 5000;
/** How long a breaker may take to answer. */
const BREAKER_MS = 3000;

export type OpenDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryInMs: number; readonly reason: string };

const ALLOWED: OpenDecision = { allowed: true };

/** How an allowed attempt went: it brought a confirmation or data, it did not, or it was not made. */
export type OpenOutcome = 'good' | 'failed' | 'unused';

/** Says when a socket may be opened. One for all sockets to the same exchange from the same address. */
export interface OpenGate {
  /** Resolves when the attempt may be made at once, or must not be made for now. Never rejects. */
  allow(host: string): Promise<OpenDecision>;
  /** Called once for each allowed attempt; after `good` a second time, with `failed`, where the socket ended at once. */
  report(host: string, outcome: OpenOutcome): void;
  /** The socket of an allowed attempt is gone, or was never opened. Called exactly once for each allowed attempt. */
  closed(host: string): void;
  /** The exchange does not want to see this address for a while. */
  ban(host: string, ban: Ban): void;
}

/** A circuit breaker per host; its state may live outside the process. */
export interface OpenBreaker {
  allow(host: string): Promise<OpenDecision>;
  report(host: string, good: boolean): void;
}

/** An exchange's published limits on opening, bans, and a circuit breaker, in one gate. */
export class LimitedGate implements OpenGate {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #breaker: OpenBreaker | null;
  readonly #budget: RateBudget;
  readonly #bans = new Map<string, { readonly until: number; readonly reason: string }>();
  #open = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(clock: Clock, limits: Limits, breaker: OpenBreaker | null) {
    this.#clock = clock;
    this.#limits = limits;
    this.#breaker = breaker;
    this.#budget = new RateBudget(limits.opens, { margin: OPEN_MARGIN });
  }

  /** Sockets that hold a place, those being opened included. */
  get open(): number {
    return this.#open;
  }

  /** First come, first served: an attempt waits for those asked for before it. */
  allow(host: string): Promise<OpenDecision> {
    const decision = this.#turn.then(() => this.#decide(host));
    this.#turn = decision.then(
      () => {},
      () => {},
    );
    return decision;
  }

  report(host: string, outcome: OpenOutcome): void {
    if (outcome !== 'unused') this.#breaker?.report(host, outcome === 'good');
  }

  closed(_host: string): void {
    this.#open = Math.max(0, this.#open - 1);
  }

  ban(host: string, { forMs, reason }: Ban): void {
    const until = this.#clock.now() + forMs;
    if (until > (this.#bans.get(host)?.until ?? 0)) this.#bans.set(host, { until, reason });
  }

  async #decide(host: string): Promise<OpenDecision> {
    const banned = this.#banned(host);
    if (banned) return banned;
    const { sockets } = this.#limits;
    if (sockets !== null && this.#open >= sockets) {
      return { allowed: false, retryInMs: NO_PLACE_MS, reason: `${sockets} sockets are open, the limit` };
    }
    for (let wait = this.#delay(); wait > 0; wait = this.#delay()) await sleep(this.#clock, wait);
    const decision = this.#banned(host) ?? (await this.#askBreaker(host));
    if (decision.allowed) {
      this.#budget.take(this.#clock.now());
      this.#open++;
    }
    return decision;
  }

  #delay(): number {
    return this.#budget.delay(this.#clock.now());
  }

  #banned(host: string): OpenDecision | null {
    const ban = this.#bans.get(host);
    if (!ban) return null;
    const retryInMs = ban.until - this.#clock.now();
    if (retryInMs > 0) return { allowed: false, retryInMs, reason: ban.reason };
    this.#bans.delete(host);
    return null;
  }

  /** A breaker that cannot answer, or not in time (its store is away), does not stop data. */
  async #askBreaker(host: string): Promise<OpenDecision> {
    if (!this.#breaker) return ALLOWED;
    let cancel: Cancel = () => {};
    const late = new Promise<OpenDecision>((resolve) => {
      cancel = this.#clock.after(BREAKER_MS, () => resolve(ALLOWED));
    });
    const answer = this.#breaker.allow(host).catch(() => ALLOWED);
    const decision = await Promise.race([answer, late]);
    cancel();
    return decision;
  }
}

import { type Cancel, type Clock, sleep } from '../../common/clock.ts';
import type { Ban, Limits, Rate } from '../exchange.ts';
import { boundedBan } from './ban-time.ts';
import { heldMs, RateBudget } from './rate-budget.ts';

/** A handshake may take its time, so that opens arrive closer together than they were made. */
const OPEN_MARGIN = 0.5;
const NO_PLACE_MS = 5000;
/** How long a breaker, or the memory of earlier opens, may take to answer. */
const ANSWER_MS = 3000;
/** Shorter windows are over before a program that ended is back. */
export const OUTLASTS_RESTART_MS = 5000;

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
  /** For how long it still does not, in ms; 0 where it does. Left out: that is not known. */
  bannedMs?(host: string): number;
}

/** A circuit breaker per host; its state may live outside the process. */
export interface OpenBreaker {
  allow(host: string): Promise<OpenDecision>;
  report(host: string, good: boolean): void;
}

/** What the process does not know by itself: of its last run, and of others from the same address. None rejects. */
export interface OpenHistory {
  /** Takes a place in every window, or in none. */
  take(host: string, windows: readonly Rate[]): Promise<OpenPlace>;
  /** What is left of a ban; null where there is none. */
  banned(host: string): Promise<Ban | null>;
  ban(host: string, ban: Ban): void;
}

export interface OpenPlace {
  /** 0 where the place was taken, else how long there is none, in ms. */
  readonly waitMs: number;
  /** The attempt is not made. */
  giveBack(): void;
}

const NOT_ASKED: OpenPlace = { waitMs: 0, giveBack() {} };

/** An exchange's published limits on opening, bans, and a circuit breaker, in one gate. */
export class LimitedGate implements OpenGate {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #breaker: OpenBreaker | null;
  readonly #history: OpenHistory | null;
  readonly #longWindows: readonly Rate[];
  readonly #budget: RateBudget;
  readonly #bans = new Map<string, { readonly until: number; readonly reason: string }>();
  #open = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(clock: Clock, limits: Limits, breaker: OpenBreaker | null, history: OpenHistory | null = null) {
    this.#clock = clock;
    this.#limits = limits;
    this.#breaker = breaker;
    this.#history = history;
    this.#longWindows = limits.opens
      .filter(({ perMs }) => perMs > OUTLASTS_RESTART_MS)
      .map(({ count, perMs }) => ({ count, perMs: heldMs(perMs, OPEN_MARGIN) }));
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

  ban(host: string, ban: Ban): void {
    this.#shutOut(host, ban);
    this.#history?.ban(host, ban);
  }

  bannedMs(host: string): number {
    return Math.max(0, (this.#bans.get(host)?.until ?? 0) - this.#clock.now());
  }

  #shutOut(host: string, { forMs, reason }: Ban): void {
    const until = this.#clock.now() + boundedBan(forMs);
    if (until > (this.#bans.get(host)?.until ?? 0)) this.#bans.set(host, { until, reason });
  }

  async #decide(host: string): Promise<OpenDecision> {
    const remembered = await this.#askBans(host);
    if (remembered) this.#shutOut(host, remembered);
    const banned = this.#banned(host);
    if (banned) return banned;
    const { sockets } = this.#limits;
    if (sockets !== null && this.#open >= sockets) {
      return { allowed: false, retryInMs: NO_PLACE_MS, reason: `${sockets} sockets are open, the limit` };
    }
    const place = await this.#place(host);
    const decision = this.#banned(host) ?? (await this.#askBreaker(host));
    if (decision.allowed) {
      this.#budget.take(this.#clock.now());
      this.#open++;
    } else place.giveBack();
    return decision;
  }

  /** Waits until every window has a place, and takes it in those that are kept outside the process. */
  async #place(host: string): Promise<OpenPlace> {
    for (;;) {
      const wait = this.#delay();
      if (wait > 0) await sleep(this.#clock, wait);
      else {
        const place = await this.#askHistory(host);
        if (place.waitMs === 0) return place;
        await sleep(this.#clock, place.waitMs);
      }
    }
  }

  #askHistory(host: string): Promise<OpenPlace> | OpenPlace {
    if (!this.#history || this.#longWindows.length === 0) return NOT_ASKED;
    return this.#inTime(this.#history.take(host, this.#longWindows), NOT_ASKED);
  }

  #askBans(host: string): Promise<Ban | null> | null {
    return this.#history && this.#inTime(this.#history.banned(host), null);
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
  #askBreaker(host: string): Promise<OpenDecision> {
    if (!this.#breaker) return Promise.resolve(ALLOWED);
    return this.#inTime(
      this.#breaker.allow(host).catch(() => ALLOWED),
      ALLOWED,
    );
  }

  async #inTime<T>(answer: Promise<T>, otherwise: T): Promise<T> {
    let cancel: Cancel = () => {};
    const late = new Promise<T>((resolve) => {
      cancel = this.#clock.after(ANSWER_MS, () => resolve(otherwise));
    });
    const first = await Promise.race([answer, late]);
    cancel();
    return first;
  }
}

import type { Clock } from '../../common/clock.ts';
import type { BookStart } from '../exchange.ts';
import type { Market, Micros } from '../market/market.ts';
import { Resyncs } from './resyncs.ts';

export interface RenewalParts {
  readonly clock: Clock;
  readonly start: BookStart;
  /** A book that was asked for and has not come for so long is asked for again, in ms. */
  readonly patienceMs: number;
  /** The market of a code that is subscribed; null where it is not, or no more. */
  subscribed(symbol: string): Market | null;
  resubscribe(symbol: string): void;
  /** Asks over the socket. */
  ask(market: Market): void;
  /** Asks over REST. @param done told once, whether an answer came */
  fetch(market: Market, done: (came: boolean) => void): void;
}

/** While somebody else sees to it that a book comes. */
const LATER = Number.POSITIVE_INFINITY;

/** Which codes of a socket have a whole book, and how the others come to one: at once, then later and later. */
export class BookRenewal {
  readonly #parts: RenewalParts;
  readonly #wholeSince = new Map<string, Micros>();
  /** When each of the others was asked for. */
  readonly #askedMs = new Map<string, number>();
  readonly #resyncs = new Resyncs();

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Since when the code has a whole book; null where it has none. */
  since(symbol: string): Micros | null {
    return this.#wholeSince.get(symbol) ?? null;
  }

  /** Whether every code that was confirmed has a whole book. */
  get complete(): boolean {
    return this.#askedMs.size === 0;
  }

  /** The exchange serves this code: its book comes by itself, or is to be asked for. */
  expect({ symbol }: Market): void {
    const { clock, start } = this.#parts;
    if (this.#wholeSince.has(symbol)) return;
    const nowMs = clock.now();
    this.#askedMs.set(symbol, nowMs);
    if (start === 'sent') return;
    this.#resyncs.next(symbol, nowMs);
    this.#act(symbol);
  }

  /** The book is whole. */
  came(symbol: string): void {
    this.#wholeSince.set(symbol, this.#parts.clock.micros());
    this.#askedMs.delete(symbol);
  }

  /** The book is none any more, and something else is to bring it back. */
  lost(symbol: string): void {
    if (this.#wholeSince.delete(symbol)) this.#askedMs.set(symbol, LATER);
  }

  /** The code needs a new book. */
  renew(symbol: string): void {
    const { clock } = this.#parts;
    const nowMs = clock.now();
    this.#wholeSince.delete(symbol);
    this.#askedMs.set(symbol, LATER);
    if (this.#resyncs.pending(symbol, nowMs)) return;
    const waitMs = this.#resyncs.next(symbol, nowMs);
    if (waitMs === 0) this.#act(symbol);
    else clock.after(waitMs, () => this.#act(symbol));
  }

  forget(symbol: string): void {
    this.#wholeSince.delete(symbol);
    this.#askedMs.delete(symbol);
  }

  /** To be called about once a second. */
  tick(nowMs: number): void {
    for (const [symbol, askedMs] of this.#askedMs)
      if (nowMs - askedMs >= this.#parts.patienceMs) this.renew(symbol);
  }

  #act(symbol: string): void {
    const { clock, start, subscribed, resubscribe, ask, fetch } = this.#parts;
    const market = subscribed(symbol);
    if (!market || !this.#askedMs.has(symbol)) return;
    // A new subscription is watched over until it is confirmed, a request over REST until it has an answer.
    this.#askedMs.set(symbol, start === 'asked' ? clock.now() : LATER);
    if (start === 'asked') ask(market);
    else if (start === 'fetched') fetch(market, (came) => this.#fetched(symbol, came));
    else resubscribe(symbol);
  }

  #fetched(symbol: string, came: boolean): void {
    if (!this.#askedMs.has(symbol)) return;
    if (came) this.#askedMs.set(symbol, this.#parts.clock.now());
    else this.renew(symbol);
  }
}

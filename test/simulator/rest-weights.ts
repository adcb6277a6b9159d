import type { Ledger } from './ledger.ts';
import type { Protocol } from './protocol.ts';

const MINUTE_MS = 60_000;

/** What is answered where the budget is spent. */
export interface Refusal {
  readonly status: number;
  readonly body: { readonly code: number; readonly msg: string };
  readonly headers: Readonly<Record<string, string>>;
}

/** The weights of REST requests, as the exchange counts them: per minute of the clock. */
export class WeightBudget {
  #minute = 0;
  #used = 0;
  #refusals = 0;
  #bannedUntil = 0;

  constructor(
    readonly protocol: Protocol,
    readonly ledger: Ledger,
    readonly now: () => number,
  ) {}

  /** Counts a request. @returns the refusal, null where it may be answered */
  spend(path: string, query: URLSearchParams): Refusal | null {
    const { restWeights } = this.protocol;
    if (!restWeights) return null;
    const now = this.now();
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) this.#used = 0;
    this.#minute = minute;
    const { ban, perMinute, status } = restWeights;
    if (now < this.#bannedUntil)
      return this.#refuse(ban.status, this.#bannedUntil - now, 'asked while banned');
    this.#used += restWeights.weight(path, query);
    if (this.#used <= perMinute) {
      this.#refusals = 0;
      return null;
    }
    this.#refusals++;
    if (this.#refusals >= ban.after) this.#bannedUntil = now + ban.forMs;
    return this.#refuse(status, (minute + 1) * MINUTE_MS - now, `${this.#used} of ${perMinute} a minute`);
  }

  /** The header that tells how much of this minute is spent. */
  used(): Record<string, string> {
    return this.protocol.restWeights ? { 'x-mbx-used-weight-1m': String(this.#used) } : {};
  }

  #refuse(status: number, waitMs: number, detail: string): Refusal {
    this.ledger.note(this.protocol.id, null, { what: 'violation', limit: 'REST weight', detail });
    const headers = { 'Retry-After': String(Math.ceil(waitMs / 1000)) };
    return { status, body: { code: -1003, msg: `Too much request weight used; ${detail}.` }, headers };
  }
}

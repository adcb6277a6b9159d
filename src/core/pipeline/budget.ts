import type { RequestType } from '../market/market.ts';
import { WEIGHTS } from './weights.ts';

/** Reading starts again when a pressure has fallen to this share of the mark that caused it. */
export const RESUME_AT = 0.7;

/**
 * Bytes received but not yet acknowledged. It bounds the memory of the whole collector while a broker is slow or
 * away, and is the only thing that ever makes a socket stop reading. Shedding order: first any stream that holds
 * more than its share, then all streams of a type at the type's mark: order books, tickers, trades.
 */
export class ByteBudget {
  readonly total: number;
  readonly share: number;
  #used = 0;
  readonly #accounts = new Set<Account>();
  /** In rising order. */
  readonly #marks: readonly number[];
  /** The marks around what is used. */
  #below = Number.NEGATIVE_INFINITY;
  #above: number;

  /**
   * @param total bytes for all streams
   * @param shareOfTotal the part of it that one stream may hold
   */
  constructor(total: number, shareOfTotal = 0.25) {
    this.total = total;
    this.share = total * shareOfTotal;
    this.#marks = MARKS.map((mark) => mark * total).sort((a, b) => a - b);
    this.#above = this.#marks[0] ?? Number.POSITIVE_INFINITY;
  }

  get used(): number {
    return this.#used;
  }

  /** @param onPressure told `true` when the stream shall stop reading, `false` when it may go on */
  open(type: RequestType, onPressure: (stop: boolean) => void): Account {
    const account = new Account(this, WEIGHTS[type].stopAt, onPressure);
    this.#accounts.add(account);
    return account;
  }

  close(account: Account): void {
    this.#accounts.delete(account);
    this.change(-account.used);
  }

  change(bytes: number): void {
    this.#used += bytes;
    // Only the marks matter to the other streams, so they are asked only when the total passes one.
    if (this.#used >= this.#below && this.#used < this.#above) return;
    this.#below = this.#marks.findLast((mark) => mark <= this.#used) ?? Number.NEGATIVE_INFINITY;
    this.#above = this.#marks.find((mark) => mark > this.#used) ?? Number.POSITIVE_INFINITY;
    for (const account of this.#accounts) account.settle();
  }
}

const MARKS = Object.values(WEIGHTS).flatMap(({ stopAt }) => [stopAt, stopAt * RESUME_AT]);

/** One stream's part of the budget. */
export class Account {
  readonly #budget: ByteBudget;
  readonly #stopAt: number;
  readonly #onPressure: (stop: boolean) => void;
  #used = 0;
  #stopped = false;

  /** @param stopAt the share of the whole above which the stream stops reading */
  constructor(budget: ByteBudget, stopAt: number, onPressure: (stop: boolean) => void) {
    this.#budget = budget;
    this.#stopAt = stopAt;
    this.#onPressure = onPressure;
  }

  get used(): number {
    return this.#used;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** @param bytes may be negative where a weight is replaced by a smaller one */
  reserve(bytes: number): void {
    this.#used += bytes;
    this.#budget.change(bytes);
    this.settle();
  }

  release(bytes: number): void {
    this.reserve(-bytes);
  }

  /** Compares the levels with the marks and tells the stream where that changes anything. */
  settle(): void {
    const { total, share, used } = this.#budget;
    const stopAt = total * this.#stopAt;
    if (!this.#stopped && (this.#used > share || used > stopAt)) {
      this.#stopped = true;
      this.#onPressure(true);
    } else if (this.#stopped && this.#used <= share * RESUME_AT && used <= stopAt * RESUME_AT) {
      this.#stopped = false;
      this.#onPressure(false);
    }
  }
}

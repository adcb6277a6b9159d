import type { Row } from '../market/rows.ts';

/**
 * What a row weighs in the budget until Kafka acknowledged it, in bytes: the object with its strings, and its encoded
 * form; what is measured of rows that wait, with room for JSON.
 */
export const ROW_COST = { ticker: 700, trade: 500 } as const;
/** What a message weighs beside its rows: itself, its key and headers, its promise, its place in the queues. */
export const MESSAGE_COST = 1500;

/** What rows of one kind weigh. */
export function costOf(rows: readonly Row[]): number {
  const [first] = rows;
  return first ? rows.length * ROW_COST[first.kind] : 0;
}

/** Share of the whole above which ticker streams stop reading: the next ticker heals the gap, a lost trade is lost. */
export const TICKERS_STOP_AT = 0.85;
/** Reading starts again when a pressure has fallen to this share of the mark that caused it. */
export const RESUME_AT = 0.7;

/**
 * Bytes received but not yet acknowledged. It bounds the memory of the whole collector while a broker is slow or
 * away, and is the only thing that ever makes a socket stop reading. Shedding order: first any stream that holds
 * more than its share, then all ticker streams at 85 % of the whole, then everything at 100 %.
 */
export class ByteBudget {
  readonly total: number;
  readonly share: number;
  #used = 0;
  readonly #accounts = new Set<Account>();

  /**
   * @param total bytes for all streams
   * @param shareOfTotal the part of it that one stream may hold
   */
  constructor(total: number, shareOfTotal = 0.25) {
    this.total = total;
    this.share = total * shareOfTotal;
  }

  get used(): number {
    return this.#used;
  }

  /** @param onPressure told `true` when the stream shall stop reading, `false` when it may go on */
  open(sheds: 'first' | 'last', onPressure: (stop: boolean) => void): Account {
    const account = new Account(this, sheds, onPressure);
    this.#accounts.add(account);
    return account;
  }

  close(account: Account): void {
    this.#accounts.delete(account);
    this.change(-account.used);
  }

  change(bytes: number): void {
    const before = this.#used;
    this.#used += bytes;
    if (crossed(before, this.#used, this.total)) for (const account of this.#accounts) account.settle();
  }
}

/** Only the marks matter to the other streams, so they are asked only when the total passes one. */
function crossed(before: number, after: number, total: number): boolean {
  for (const mark of [TICKERS_STOP_AT * RESUME_AT, RESUME_AT, TICKERS_STOP_AT, 1]) {
    if (before < mark * total !== after < mark * total) return true;
  }
  return false;
}

/** One stream's part of the budget. */
export class Account {
  readonly #budget: ByteBudget;
  readonly #sheds: 'first' | 'last';
  readonly #onPressure: (stop: boolean) => void;
  #used = 0;
  #stopped = false;

  constructor(budget: ByteBudget, sheds: 'first' | 'last', onPressure: (stop: boolean) => void) {
    this.#budget = budget;
    this.#sheds = sheds;
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
    const stopAt = total * (this.#sheds === 'first' ? TICKERS_STOP_AT : 1);
    if (!this.#stopped && (this.#used > share || used > stopAt)) {
      this.#stopped = true;
      this.#onPressure(true);
    } else if (this.#stopped && this.#used <= share * RESUME_AT && used <= stopAt * RESUME_AT) {
      this.#stopped = false;
      this.#onPressure(false);
    }
  }
}

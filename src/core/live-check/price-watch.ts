import type { Micros } from '../market/market.ts';

/** How old a price of REST may be, and how much later it may come over the socket. */
const BEFORE: Micros = 15_000_000;
const AFTER: Micros = 3_000_000;
const MOST = 5000;

/** The prices of one code, of tickers and trades, as they came. */
export class PriceWatch {
  readonly #prices: { readonly price: number; readonly at: Micros }[] = [];
  #same = 0;
  #other: number[] = [];

  take(price: number, at: Micros): void {
    if (this.#prices.at(-1)?.price === price) return;
    this.#prices.push({ price, at });
    if (this.#prices.length > MOST) this.#prices.shift();
  }

  /** A price of REST. Where nothing came that it could be held against it says nothing. */
  shown(price: number, asked: Micros, answered: Micros): void {
    const first = this.#prices.findLastIndex(({ at }) => at <= asked - BEFORE);
    const near = this.#prices.slice(Math.max(0, first)).filter(({ at }) => at <= answered + AFTER);
    // What holds since before we looked may be older than all that came.
    if (near.length === 0 || (first === -1 && !near.some((one) => one.price === price) && near.length < 2))
      return;
    if (near.some((one) => one.price === price)) this.#same++;
    else this.#other.push(price);
  }

  get same(): number {
    return this.#same;
  }

  /** Prices that never came, where none did that REST showed; one that is passed over now and then is no fault. */
  get foreign(): readonly number[] {
    return this.#same === 0 && this.#other.length > 1 ? this.#other : [];
  }
}

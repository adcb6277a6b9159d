import { type Random, weightedPick } from '../random.ts';
import type { CodeBook } from './code-book.ts';
import type { ExchangeBooks } from './exchange-books.ts';

const BEAT_MS = 4;
const IDLE_MS = 1000;
/** What is owed after a pause of the process is made up for this long, then forgotten. */
const CATCH_UP_MS = 1000;
/** What an order that changes nothing costs of the rate, so that a beat always ends. */
const VAIN = 0.05;

/** Makes books change at a steady rate over all codes that have one, and sends what is due. */
export class BookPulse {
  #codes: { books: ExchangeBooks; code: CodeBook }[] = [];
  #pick: (random: Random) => number = () => 0;
  #stale = true;
  #owed = 0;
  #last = performance.now();
  #lastIdle = performance.now();
  readonly #timer: Timer;

  /**
   * @param changesPerS level changes in one second over all books
   * @param exponent 0 spreads them evenly, 1 by Zipf's law in the order of the market lists
   */
  constructor(
    readonly all: readonly ExchangeBooks[],
    readonly random: Random,
    public changesPerS: number,
    readonly exponent: number,
  ) {
    for (const books of all) {
      books.onBook = () => {
        this.#stale = true;
      };
    }
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    const passed = Math.min(CATCH_UP_MS, now - this.#last);
    this.#last = now;
    if (this.#stale) this.#rebuild();
    if (this.#codes.length === 0) return;
    this.#owed += (passed * this.changesPerS) / 1000;
    while (this.#owed >= 1) {
      const next = this.#codes[this.#pick(this.random)];
      if (!next) return;
      this.#owed -= next.books.step(next.code) || VAIN;
    }
    for (const books of this.all) books.beat(now);
    if (now - this.#lastIdle < IDLE_MS) return;
    this.#lastIdle = now;
    for (const books of this.all) books.idle(now);
  }

  #rebuild(): void {
    this.#stale = false;
    const codes = this.all.flatMap((books) => [...books.codes.values()].map((code) => ({ books, code })));
    this.#codes = codes.sort((a, b) => a.code.nth - b.code.nth);
    this.#pick = weightedPick(codes.length, this.exponent);
  }
}

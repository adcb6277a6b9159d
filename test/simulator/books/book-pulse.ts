import { Pulse } from '../pulse.ts';
import type { Random } from '../random.ts';
import type { CodeBook } from './code-book.ts';
import type { ExchangeBooks } from './exchange-books.ts';

const IDLE_MS = 1000;
/** What an order that changes nothing costs of the rate, so that a beat always ends. */
const VAIN = 0.05;

/** A book, and the exchange's to which it belongs. */
interface Book {
  readonly books: ExchangeBooks;
  readonly code: CodeBook;
}

/**
 * Makes books change over all codes that have one, and sends what is due.
 * @param changesPerS level changes in one second over all books
 */
export function bookPulse(
  all: readonly ExchangeBooks[],
  random: Random,
  changesPerS: number,
  exponent: number,
): Pulse<Book> {
  let lastIdle = performance.now();
  const pulse = new Pulse<Book>(
    {
      list: () =>
        all
          .flatMap((books) => [...books.codes.values()].map((code) => ({ books, code })))
          .sort((a, b) => a.code.nth - b.code.nth),
      step: ({ books, code }) => books.step(code) || VAIN,
      beat(now) {
        for (const books of all) books.beat(now);
        if (now - lastIdle < IDLE_MS) return;
        lastIdle = now;
        for (const books of all) books.idle(now);
      },
    },
    random,
    changesPerS,
    exponent,
  );
  for (const books of all) books.onBook = () => pulse.changed();
  return pulse;
}

import type { Market } from '../market/market.ts';
import { BookRenewal } from './book-renewal.ts';
import type { LinkParts } from './link-parts.ts';

/** What a socket does for its books. */
export interface BookActs {
  /** The market of a code that this socket, being open, has subscribed; else null. */
  subscribed(symbol: string): Market | null;
  resubscribe(symbol: string): void;
  /** Sends a request, one of its kind at a time. */
  say(text: string): void;
  /** Reads a frame that did not come over the socket, in its turn. */
  read(frame: string): void;
}

/** How the codes of a socket come to their books; null where no books are kept. */
export function linkBooks(parts: LinkParts, acts: BookActs): BookRenewal | null {
  const { session, clock, settings, exchange, fetchBook } = parts;
  const { books } = session;
  if (!books || books.start === 'whole') return null;
  const { subscribed, resubscribe } = acts;
  const tried = new Set<string>();

  function fetch(market: Market, done: (came: boolean) => void): void {
    // The socket before has it, and the numbers tell where this one goes on.
    if (!tried.has(market.symbol) && books?.inherit(market, clock.micros())) {
      tried.add(market.symbol);
      return done(true);
    }
    fetchBook?.({
      market,
      activity: () => books?.changesOf(market.symbol) ?? 0,
      wanted: () => subscribed(market.symbol) !== null,
      deliver(body) {
        const frame = body === null ? undefined : exchange.orderbooks?.rest?.frame(market.symbol, body);
        if (frame !== undefined && subscribed(market.symbol)) acts.read(frame);
        done(frame !== undefined);
      },
    });
  }

  return new BookRenewal({
    clock,
    start: books.start,
    patienceMs: settings.confirmAfterMs,
    subscribed,
    resubscribe,
    ask(market) {
      for (const text of session.askBook?.(market) ?? []) acts.say(text);
    },
    fetch,
  });
}

import type { Emit, Exchange, Session } from '../exchange.ts';
import type { RequestType } from '../market/market.ts';
import type { Markets } from '../market/markets.ts';
import { Books } from './books.ts';

export interface SessionSetup {
  readonly recorded?: boolean;
  /** One of `orderbooks.choices`; left out: the first. */
  readonly book?: string | null;
  /** How often a whole book of our own goes out for each code, in ms; 0, or left out: never. */
  readonly keyframeMs?: number;
  /** Of the socket that the new one is to replace. */
  readonly before?: Session | null;
}

/**
 * A session of an exchange as everybody but its plug-in uses it: of order books with their books over it, which check
 * what is read. A new socket gets a new one.
 */
export function openSession(
  exchange: Exchange,
  type: RequestType,
  markets: Markets,
  { recorded = false, book = null, keyframeMs = 0, before = null }: SessionSetup = {},
): Session {
  const choice = book ?? exchange.orderbooks?.choices[0];
  const inner = exchange.session(type, markets, { recorded, book: choice });
  const rules = exchange.orderbooks;
  if (type !== 'orderbook' || !rules || choice === undefined) return inner;
  const books = new Books(rules, { start: rules.start(choice), recorded, keyframeMs }, before?.books ?? null);
  let out: Emit = () => {};
  const take: Emit = (event, row) => {
    switch (event.kind) {
      case 'orderbook':
      case 'checked':
      case 'checksum':
      case 'broken':
        return books.read(event, out, row);
      default:
        out(event, row);
    }
  };
  const { scanned } = inner;
  return {
    ...inner,
    books,
    scanned: scanned && {
      scan: scanned.scan,
      read(frame, receivedAt, emit) {
        out = emit;
        books.reading(receivedAt);
        scanned.read(frame, receivedAt, take);
      },
    },
    change(want, add, drop) {
      for (const market of drop) books.forget(market);
      return inner.change(want, add, drop);
    },
    read(text, receivedAt, emit) {
      out = emit;
      books.reading(receivedAt);
      inner.read(text, receivedAt, take);
    },
    due: (at) => books.due(at),
    look: (at, emit) => books.look(at, emit),
  };
}

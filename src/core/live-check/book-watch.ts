import type { Micros } from '../market/market.ts';
import type { Orderbook } from '../market/rows.ts';
import type { RestBook } from '../rest-state.ts';
import { type BookMatch, BookTrail } from './book-trail.ts';

/** What was found of one code's books. */
export interface BookVerdict {
  /** Books of REST that were compared, those of them whose number or time is one of ours, and levels in all. */
  readonly books: number;
  readonly exact: number;
  readonly levels: number;
  /** The worst of them; null where they are the same. */
  readonly wrong: BookMatch | null;
}

/** One code's book as the socket makes it, and the books that REST shows meanwhile. */
export class BookWatch {
  readonly #trail: BookTrail;
  readonly #matches: BookMatch[] = [];

  /** @param beyond see `BookTrail` */
  constructor(beyond: boolean) {
    this.#trail = new BookTrail(beyond);
  }

  take(row: Orderbook): void {
    this.#trail.take(row);
  }

  /** A book of REST; to be called when what was under way then has come. */
  shown(rest: RestBook, asked: Micros, answered: Micros): void {
    const match = this.#trail.match(rest, asked, answered);
    if (match && match.compared > 0) this.#matches.push(match);
  }

  /**
   * Of two books of the very same state one level that differs is one too many. Where it is not certain which state REST
   * shows, it may be an old one: then all of them must differ.
   */
  get verdict(): BookVerdict {
    const all = this.#matches;
    const bad = all.filter(({ different }) => different > 0);
    const exact = bad.filter((match) => match.exact);
    const counted = exact.length > 0 ? exact : bad.length === all.length ? bad : [];
    const [wrong = null] = counted.toSorted((a, b) => b.different - a.different);
    return {
      books: all.length,
      exact: all.filter((match) => match.exact).length,
      levels: all.reduce((sum, { compared }) => sum + compared, 0),
      wrong,
    };
  }
}

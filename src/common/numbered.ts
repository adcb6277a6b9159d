/** A power of two. */
const PER_PAGE = 256;
/** Numbers begin anew behind this one. */
const LAST = 2 ** 30 - 1;

interface Page<T> {
  readonly items: (T | undefined)[];
  count: number;
}

/**
 * What is on its way, by numbers that it gets in the order in which it comes: small ones, the same again after 2^30 more.
 *
 * Not a `Map`: JavaScriptCore's leaves the tables that it has outgrown behind, all that was in them included, and each
 * points to the next. Once one of them is old, everything that ever passes is kept until the next full collection, and
 * copied to the old generation before. Here what has left is forgotten, and what stays long keeps a page.
 */
export class Numbered<T extends object> {
  readonly #pages = new Map<number, Page<T>>();
  /** The page of the next number; it stays while it is empty. */
  #page: Page<T> = emptyPage();
  #next = 0;
  #size = 0;

  constructor() {
    this.#pages.set(0, this.#page);
  }

  get size(): number {
    return this.#size;
  }

  /** @returns its number */
  add(one: T): number {
    // One that has stayed since the numbers began anew keeps its own.
    while (this.#page.items[this.#next % PER_PAGE] !== undefined) this.#step();
    const number = this.#next;
    this.#page.items[number % PER_PAGE] = one;
    this.#page.count++;
    this.#size++;
    this.#step();
    return number;
  }

  get(number: number): T | undefined {
    return this.#pages.get(pageOf(number))?.items[number % PER_PAGE];
  }

  /** @returns what has this number, which leaves; undefined where nothing has */
  take(number: number): T | undefined {
    const page = this.#pages.get(pageOf(number));
    const one = page?.items[number % PER_PAGE];
    if (!page || one === undefined) return undefined;
    page.items[number % PER_PAGE] = undefined;
    page.count--;
    this.#size--;
    if (page.count === 0 && page !== this.#page) this.#pages.delete(pageOf(number));
    return one;
  }

  clear(): void {
    this.#page = emptyPage();
    this.#pages.clear();
    this.#pages.set(pageOf(this.#next), this.#page);
    this.#size = 0;
  }

  /** In the order in which they came; none may leave meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    for (const [, one] of this.entries()) yield one;
  }

  /** Each behind its number. */
  *entries(): Iterable<[number, T]> {
    for (const [page, { items, count }] of this.#pages) {
      let left = count;
      for (let at = 0; left > 0; at++) {
        const one = items[at];
        if (one === undefined) continue;
        yield [page * PER_PAGE + at, one];
        left--;
      }
    }
  }

  #step(): void {
    const before = this.#next;
    this.#next = before === LAST ? 0 : before + 1;
    if (this.#next % PER_PAGE !== 0) return;
    const known = this.#pages.get(pageOf(this.#next));
    const empty = this.#page.count === 0;
    if (empty) this.#pages.delete(pageOf(before));
    this.#page = known ?? (empty ? this.#page : emptyPage());
    this.#pages.set(pageOf(this.#next), this.#page);
  }
}

function pageOf(number: number): number {
  return Math.floor(number / PER_PAGE);
}

function emptyPage<T>(): Page<T> {
  return { items: new Array<T | undefined>(PER_PAGE).fill(undefined), count: 0 };
}

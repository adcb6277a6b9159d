import type { Micros } from '../../core/market/market.ts';
import type { Covered } from '../state-store.ts';

interface Left {
  readonly until: Micros;
  readonly asked: boolean;
}

/**
 * What is known of the codes of a shard that its connection has not received yet, so that whoever comes next knows it
 * too: a collector may end before a single row came.
 */
export class Evidence {
  /** Of whoever had the shard before, as far as nobody here has taken it up. */
  readonly #left = new Map<string, Left>();
  readonly #gone = new Map<string, Micros>();
  #desired: ReadonlySet<string> = new Set();

  constructor(since: readonly Covered[]) {
    for (const { until, symbols, asked = false } of since)
      for (const symbol of symbols) this.#left.set(symbol, { until, asked });
  }

  /**
   * Sets what is desired of the shard from now on.
   * @returns whether that is more than before
   */
  want(symbols: readonly string[]): boolean {
    const more = symbols.some((symbol) => !this.#desired.has(symbol));
    this.#desired = new Set(symbols);
    for (const [symbol, { until, asked }] of this.#left) {
      if (this.#desired.has(symbol)) continue;
      this.#left.delete(symbol);
      if (!asked) this.#gone.set(symbol, until);
    }
    return more;
  }

  /** Of codes that were received before and are wanted no more: they went while nobody was here. Each is given once. */
  unwanted(): Covered[] {
    const gone = [...this.#gone.entries()].map(([symbol, until]) => ({ until, symbols: [symbol] }));
    this.#gone.clear();
    return together(gone);
  }

  /** Of the codes that can be carried by now: how far each was covered. Each is given once. */
  take(carried: (symbol: string) => boolean): Covered[] {
    const taken: Covered[] = [];
    for (const [symbol, { until, asked }] of this.#left) {
      if (!carried(symbol)) continue;
      this.#left.delete(symbol);
      taken.push({ until, symbols: [symbol], asked });
    }
    return together(taken);
  }

  /**
   * For the store: `known` is how far the connection says it got. Of the other codes nothing was sent until the moment
   * until which everything has been read, and from then on something may have been.
   * @param asked whether the exchange was asked for a symbol, or is about to be
   */
  covered(
    known: readonly Covered[],
    until: Micros,
    asked: (symbol: string) => boolean = () => true,
  ): Covered[] {
    const left = this.#untaken(known);
    const said = new Set([...known, ...left].flatMap(({ symbols }) => symbols));
    const symbols = [...this.#desired].filter((symbol) => !said.has(symbol) && asked(symbol));
    return [...known, ...left, ...(symbols.length > 0 ? [{ until, symbols, asked: true }] : [])];
  }

  /** What nobody has taken up, without the codes in `known`. */
  #untaken(known: readonly Covered[]): Covered[] {
    const said = new Set(known.flatMap(({ symbols }) => symbols));
    const left = [...this.#left].flatMap(([symbol, { until, asked }]) =>
      said.has(symbol) ? [] : [{ until, symbols: [symbol], asked }],
    );
    return together(left);
  }
}

/** Codes that were covered equally far, in one. */
function together(all: readonly Covered[]): Covered[] {
  const groups = Map.groupBy(all, ({ until, asked }) => `${until} ${asked}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, symbols: group.flatMap(({ symbols }) => symbols) }] : [];
  });
}

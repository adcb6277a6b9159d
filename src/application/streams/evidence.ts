import type { Micros } from '../../core/market/market.ts';
import type { Covered } from '../state-store.ts';

/**
 * What is known of the codes of a shard that its connection does not speak of, so that whoever comes next knows it too:
 * of those that were not received here yet, for a collector may end before a single row came; and of those that are
 * wanted no more, for as long as rows of them may be under way.
 */
export class Evidence {
  /** Of whoever had the codes before, as far as nobody here has taken it up. */
  readonly #left = new Map<string, Micros>();
  readonly #gone = new Map<string, Micros>();
  /** When they were removed from what is desired. */
  readonly #leaving = new Map<string, Micros>();
  #desired: ReadonlySet<string> = new Set();
  /** Fence with which codes came here last from other shards. */
  #joined: number | null = null;

  constructor(since: readonly Covered[]) {
    this.#learn(since);
  }

  /**
   * Sets what is desired of the shard from now on.
   * @param at now
   * @returns whether that is more than before
   */
  want(symbols: readonly string[], at: Micros): boolean {
    const more = symbols.some((symbol) => !this.#desired.has(symbol));
    const before = this.#desired;
    this.#desired = new Set(symbols);
    for (const symbol of before) {
      if (this.#desired.has(symbol) || this.#left.has(symbol)) continue;
      this.#leaving.set(symbol, at);
    }
    for (const [symbol, until] of this.#left) {
      if (this.#desired.has(symbol)) continue;
      this.#left.delete(symbol);
      this.#gone.set(symbol, until);
    }
    return more;
  }

  /**
   * Codes have come here from other shards, whose rows of them may be under way still: they count as missing since then.
   * @param fence under which they came; each is taken note of once
   * @returns whether that is news
   */
  join(fence: number | null, joined: readonly Covered[]): boolean {
    if (joined.length === 0 || fence === this.#joined) return false;
    this.#joined = fence;
    this.#learn(joined);
    return true;
  }

  /**
   * Of codes that were asked for before and are wanted no more: they went while nobody was here. Each is given once.
   */
  unwanted(): Covered[] {
    const gone = [...this.#gone.entries()].map(([symbol, until]) => ({ until, symbols: [symbol] }));
    this.#gone.clear();
    return together(gone);
  }

  /** Of the codes that can be carried by now: how far each was covered. Each is given once. */
  take(carried: (symbol: string) => boolean): Covered[] {
    const taken: Covered[] = [];
    for (const [symbol, until] of this.#left) {
      if (!carried(symbol)) continue;
      this.#left.delete(symbol);
      taken.push({ until, symbols: [symbol] });
    }
    return together(taken);
  }

  /**
   * For the store: `known` is how far the connection says it got. Of the other codes nothing was sent until the moment
   * until which everything has been read, and from then on something may have been.
   * @param passed until when everything has been read, and delivered
   * @param asked whether the exchange was asked for a symbol, or is about to be
   */
  covered(
    known: readonly Covered[],
    until: Micros,
    passed: Micros,
    asked: (symbol: string) => boolean = () => true,
  ): Covered[] {
    const left = this.#untaken(known);
    const said = new Set([...known, ...left].flatMap(({ symbols }) => symbols));
    const leaving = this.#underWay(passed).filter(({ symbols: [symbol = ''] }) => !said.has(symbol));
    for (const { symbols } of leaving) for (const symbol of symbols) said.add(symbol);
    const symbols = [...this.#desired].filter((symbol) => !said.has(symbol) && asked(symbol));
    return [...known, ...left, ...together(leaving), ...(symbols.length > 0 ? [{ until, symbols }] : [])];
  }

  /** Of a code that is on record more than once the earliest counts. */
  #learn(since: readonly Covered[]): void {
    for (const { until, symbols } of since)
      for (const symbol of symbols) this.#left.set(symbol, Math.min(until, this.#left.get(symbol) ?? until));
  }

  /** What was removed, one by one, as long as what was sent before that may be under way. */
  #underWay(passed: Micros): Covered[] {
    for (const [symbol, at] of this.#leaving) if (passed >= at) this.#leaving.delete(symbol);
    return Array.from(this.#leaving.keys(), (symbol) => ({ until: passed, symbols: [symbol] }));
  }

  /** What nobody has taken up, without the codes in `known`. */
  #untaken(known: readonly Covered[]): Covered[] {
    const said = new Set(known.flatMap(({ symbols }) => symbols));
    const left = [...this.#left].flatMap(([symbol, until]) =>
      said.has(symbol) ? [] : [{ until, symbols: [symbol] }],
    );
    return together(left);
  }
}

/** Codes that were covered equally far, in one. */
function together(all: readonly Covered[]): Covered[] {
  const groups = Map.groupBy(all, ({ until }) => until);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, symbols: group.flatMap(({ symbols }) => symbols) }] : [];
  });
}

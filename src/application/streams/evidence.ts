import type { Micros } from '../../core/market/market.ts';
import type { Covered } from '../state-store.ts';

interface Left {
  readonly until: Micros;
  readonly asked: boolean;
}

/**
 * What is known of the codes of a shard that its connection does not speak of, so that whoever comes next knows it too:
 * of those that were not received here yet, for a collector may end before a single row came; and of those that are
 * wanted no more, for as long as rows of them may be under way.
 */
export class Evidence {
  /** Of whoever had the codes before, as far as nobody here has taken it up. */
  readonly #left = new Map<string, Left>();
  readonly #gone = new Map<string, Micros>();
  /** Removed from what is desired: when, and whether nothing of them had come by then. */
  readonly #leaving = new Map<string, { readonly at: Micros; readonly asked: boolean }>();
  #desired: ReadonlySet<string> = new Set();
  /** Fence with which codes came here last from other shards. */
  #joined: number | null = null;

  constructor(since: readonly Covered[]) {
    this.#learn(since);
  }

  /**
   * Sets what is desired of the shard from now on.
   * @param at now
   * @param received whether rows of a symbol have come here
   * @returns whether that is more than before
   */
  want(symbols: readonly string[], at: Micros, received: (symbol: string) => boolean): boolean {
    const more = symbols.some((symbol) => !this.#desired.has(symbol));
    const before = this.#desired;
    this.#desired = new Set(symbols);
    for (const symbol of before) {
      if (this.#desired.has(symbol) || this.#left.has(symbol)) continue;
      this.#leaving.set(symbol, { at, asked: !received(symbol) });
    }
    for (const [symbol, { until }] of this.#left) {
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
    return [
      ...known,
      ...left,
      ...together(leaving),
      ...(symbols.length > 0 ? [{ until, symbols, asked: true }] : []),
    ];
  }

  /** Of a code that is on record more than once the earliest counts, and what is certain of it. */
  #learn(since: readonly Covered[]): void {
    for (const { until, symbols, asked = false } of since)
      for (const symbol of symbols) {
        const known = this.#left.get(symbol);
        this.#left.set(symbol, {
          until: Math.min(until, known?.until ?? until),
          asked: asked && (known?.asked ?? true),
        });
      }
  }

  /** What was removed, one by one, as long as what was sent before that may be under way. */
  #underWay(passed: Micros): Covered[] {
    for (const [symbol, { at }] of this.#leaving) if (passed >= at) this.#leaving.delete(symbol);
    return Array.from(this.#leaving, ([symbol, { asked }]) => ({ until: passed, symbols: [symbol], asked }));
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

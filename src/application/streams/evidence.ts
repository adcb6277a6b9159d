import type { Micros } from '../../core/market/market.ts';
import type { Covered } from '../state-store.ts';

/** How far a code was covered, and the fence under which it was had; 0 where that is not known. */
interface Had {
  readonly until: Micros;
  readonly fence: number;
}

/** What is desired of a shard. */
export interface WantedOfShard {
  readonly symbols: readonly string[];
  /** Of the other shards of the stream. */
  readonly beside: ReadonlySet<string>;
}

/**
 * What is known of the codes of a shard that its connection does not speak of, so that whoever comes next knows it too:
 * of those that were not received here yet, for a collector may end before a single row came; of those that are
 * wanted no more, for as long as rows of them may be under way; and of those that another shard is to have, until that has
 * them on record: its collector may be stopped or cut off, and nobody receives them meanwhile.
 */
export class Evidence {
  /** Of whoever had the codes before, as far as nobody here has taken it up. */
  readonly #left = new Map<string, Had>();
  readonly #gone = new Map<string, Micros>();
  /** Those that were removed from what is desired of the shard, each with the moment. */
  readonly #leaving = new Map<string, Had & { readonly at: Micros }>();
  readonly #moved = new Map<string, Had>();
  /** The fence under which each code was last had here. */
  readonly #fences = new Map<string, number>();
  #desired: ReadonlySet<string> = new Set();
  #beside: ReadonlySet<string> = new Set();
  /** Fence with which codes came here last from other shards. */
  #joined: number | null = null;

  constructor(since: readonly Covered[]) {
    this.#learn(since);
  }

  /**
   * Sets what is desired from now on.
   * @param at now
   * @param read until when all that was sent has been read
   * @returns whether that is more than before
   */
  want({ symbols, beside }: WantedOfShard, at: Micros, read: Micros): boolean {
    const before = this.#desired;
    this.#desired = new Set(symbols);
    this.#beside = beside;
    for (const symbol of before) {
      if (this.#desired.has(symbol) || this.#left.has(symbol)) continue;
      this.#leaving.set(symbol, { at, until: Math.min(at, read), fence: this.#fences.get(symbol) ?? 0 });
    }
    const known = [...this.#moved, ...this.#left];
    this.#moved.clear();
    this.#left.clear();
    for (const [symbol, had] of known) {
      if (this.#desired.has(symbol)) this.#keep(symbol, had);
      else if (this.#awaited(symbol, had.fence)) this.#moved.set(symbol, had);
      else this.#gone.set(symbol, had.until);
    }
    return symbols.some((symbol) => !before.has(symbol));
  }

  /**
   * The shard is held under this fence, which says something of these codes.
   * @param symbols null: of all
   * @param joined how far others got with codes that came from their shards under it, whose rows of them may be under way
   *   still: they count as missing since then. Each fence is taken note of once
   * @returns whether that is news
   */
  hold(fence: number | null, symbols: ReadonlySet<string> | null, joined: readonly Covered[]): boolean {
    if (fence !== null)
      for (const symbol of this.#desired) if (symbols?.has(symbol) ?? true) this.#fences.set(symbol, fence);
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
    for (const [symbol, { until }] of this.#left) {
      if (!carried(symbol)) continue;
      this.#left.delete(symbol);
      taken.push({ until, symbols: [symbol] });
    }
    return together(taken);
  }

  /** What is kept on record of codes that another shard is to have. */
  kept(): Covered[] {
    return together([...this.#moved].map(([symbol, had]) => covered(symbol, had)));
  }

  /** What is on record of the other shards: of a code that somebody took there since nothing is kept here. */
  taken(beside: readonly Covered[]): void {
    for (const { symbols, fence = 0 } of beside)
      for (const symbol of symbols)
        if (fence > (this.#moved.get(symbol)?.fence ?? fence)) this.#moved.delete(symbol);
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
    const said = new Set(known.flatMap(({ symbols }) => symbols));
    const underWay = this.#underWay(passed);
    const others = [this.#left, underWay, this.#moved].flatMap((all) =>
      [...all].flatMap(([symbol, had]) => {
        if (said.has(symbol)) return [];
        said.add(symbol);
        return [covered(symbol, had)];
      }),
    );
    const symbols = [...this.#desired].filter((symbol) => !said.has(symbol) && asked(symbol));
    const fenced = [...known, ...(symbols.length > 0 ? [{ until, symbols }] : [])].flatMap((one) =>
      one.symbols.map((symbol) => covered(symbol, { ...one, fence: this.#fences.get(symbol) ?? 0 })),
    );
    return together([...fenced, ...others]);
  }

  #learn(since: readonly Covered[]): void {
    for (const { until, symbols, fence = 0 } of since)
      for (const symbol of symbols) this.#keep(symbol, { until, fence });
  }

  /** Of a code that is on record more than once the highest fence counts, and under the same one the earliest moment. */
  #keep(symbol: string, had: Had): void {
    const before = this.#left.get(symbol);
    const counts = !before || had.fence > before.fence;
    if (counts || (had.fence === before.fence && had.until < before.until)) this.#left.set(symbol, had);
  }

  /** Whether another shard is to have a code that somebody had here, under a fence by which that can be told there. */
  #awaited(symbol: string, fence: number): boolean {
    return fence > 0 && this.#beside.has(symbol) && !this.#desired.has(symbol);
  }

  /** What was removed, as long as what was sent before that may be under way. */
  #underWay(passed: Micros): Map<string, Had> {
    const underWay = new Map<string, Had>();
    for (const [symbol, { at, until, fence }] of this.#leaving) {
      if (passed < at) {
        underWay.set(symbol, { until: passed, fence });
        continue;
      }
      this.#leaving.delete(symbol);
      if (this.#awaited(symbol, fence)) this.#moved.set(symbol, { until, fence });
    }
    return underWay;
  }
}

function covered(symbol: string, { until, fence }: Had): Covered {
  return { until, symbols: [symbol], ...(fence > 0 ? { fence } : {}) };
}

/** Codes that were covered equally far, under the same fence, in one. */
function together(all: readonly Covered[]): Covered[] {
  const groups = Map.groupBy(all, ({ until, fence = 0 }) => `${until} ${fence}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, symbols: group.flatMap(({ symbols }) => symbols) }] : [];
  });
}

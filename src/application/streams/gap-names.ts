import type { Gap } from '../../core/events.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { Covered } from '../state-store.ts';

/** A gap that was told as open. */
interface Told {
  readonly id: string;
  readonly from: Micros;
}

/**
 * Under which ids the gaps of a stream's codes are told as open. A collector that is killed in one leaves its id in the
 * store, and whoever has the code next tells its own gap, which begins no later, under that id: so it ends for readers.
 */
export class GapNames {
  readonly #marketsOf: (symbols: readonly string[]) => Market[];
  /** By code. */
  readonly #open = new Map<string, Told>();
  /** By symbol, until the market is known. */
  readonly #inherited = new Map<string, Told>();
  readonly #taken = new WeakSet<readonly Covered[]>();

  constructor(marketsOf: (symbols: readonly string[]) => Market[]) {
    this.#marketsOf = marketsOf;
  }

  /** What whoever had the codes before left on record; each is taken once. */
  inherit(since: readonly Covered[]): void {
    if (this.#taken.has(since)) return;
    this.#taken.add(since);
    for (const { until, symbols, gap_id: id } of since)
      if (id !== undefined) for (const symbol of symbols) this.#inherited.set(symbol, { id, from: until });
  }

  /** A gap that is about to be told, by the names of its codes. */
  named(gap: Gap): Gap[] {
    this.#resolve();
    const { gap_id: own } = gap;
    if (own === undefined) return [gap];
    const byId = Map.groupBy(gap.codes, (code) => {
      const told = this.#open.get(code);
      return told && gap.from <= told.from ? told.id : own;
    });
    for (const [id, codes] of byId) {
      for (const code of codes) {
        if (gap.to === null) this.#open.set(code, { id, from: gap.from });
        else if (this.#open.get(code)?.id === id) this.#open.delete(code);
      }
    }
    return Array.from(byId, ([id, codes]) => ({ ...gap, gap_id: id, codes }));
  }

  /** How far a shard got, for the store, with the gaps that are told as open. */
  marked(covered: readonly Covered[]): Covered[] {
    if (this.#open.size + this.#inherited.size === 0) return [...covered];
    const ids = new Map(Array.from(this.#inherited, ([symbol, { id }]) => [symbol, id]));
    for (const { code, symbol } of this.#marketsOf(covered.flatMap(({ symbols }) => symbols))) {
      const told = this.#open.get(code);
      if (told) ids.set(symbol, told.id);
    }
    return covered.flatMap((one) =>
      Array.from(
        Map.groupBy(one.symbols, (symbol) => ids.get(symbol)),
        ([id, symbols]) => (id === undefined ? { ...one, symbols } : { ...one, symbols, gap_id: id }),
      ),
    );
  }

  #resolve(): void {
    if (this.#inherited.size === 0) return;
    for (const { code, symbol } of this.#marketsOf([...this.#inherited.keys()])) {
      const told = this.#inherited.get(symbol);
      if (told) this.#open.set(code, told);
      this.#inherited.delete(symbol);
    }
  }
}

import { countIds, type IdRange, IdRanges } from '../../core/backfill/id-ranges.ts';
import { neighbourOf } from '../../core/backfill/known-hole.ts';
import type { Trade } from '../../core/market/rows.ts';
import type { Neighbour } from '../../core/past-trades.ts';
import type { Filled } from './fill-task.ts';

/**
 * Trades of one code that are remembered where ids do not count, while it has holes: where brokers were away they overlap by minutes. When
 * it has none, later ones may still begin in the last of these.
 */
const MOST_OPEN = 50_000;
const MOST = 5000;

/** What was fetched and written of one code, so that a hole that is told twice is filled once. */
export class Ledger {
  readonly #ids = new IdRanges();
  #trades: Neighbour[] = [];
  readonly #told = new IdRanges();

  /** @param counted whether ids are consecutive */
  add(rows: readonly Trade[], counted: boolean): void {
    if (counted)
      for (const { trade_id, fills } of rows) this.#ids.add(Number(trade_id) - fills + 1, Number(trade_id));
    else {
      for (const row of rows) this.#trades.push(neighbourOf(row));
      this.#keep(MOST_OPEN);
    }
  }

  /** The code has no more holes. */
  closed(): void {
    this.#keep(MOST);
  }

  /** Trades of a hole that are written already; consecutive ones stand as one that merges them. */
  known(before: Neighbour | null, after: Neighbour | null, counted: boolean): readonly Neighbour[] {
    if (!counted) {
      const [first, last] = [before?.timestamp ?? 0, after?.timestamp ?? Number.POSITIVE_INFINITY];
      return this.#trades.filter(({ timestamp }) => timestamp >= first && timestamp <= last);
    }
    return this.#within(before, after).map(({ first, last }) => ({
      trade_id: String(last),
      timestamp: 0,
      fills: last - first + 1,
      price: 0,
      volume: 0,
      side: 'UNKNOWN',
    }));
  }

  /** What of a hole in consecutive ids was written, whichever gap it was for. */
  filled(before: Neighbour | null, after: Neighbour | null): Filled {
    const within = this.#within(before, after);
    const last = within.at(-1);
    return {
      rows: countIds(within),
      first_id: within[0] ? String(within[0].first) : null,
      last_id: last ? String(last.last) : null,
    };
  }

  /** The parts of what is left that were not told yet; they count as told. */
  untold({ first, last }: IdRange): IdRange[] {
    const untold = this.#told.missing(first, last);
    this.#told.add(first, last);
    return untold;
  }

  #keep(most: number): void {
    if (this.#trades.length > most) this.#trades = this.#trades.slice(-most);
  }

  #within(before: Neighbour | null, after: Neighbour | null): IdRange[] {
    const first = before === null ? 0 : Number(before.trade_id) + 1;
    const last = after === null ? Number.MAX_SAFE_INTEGER : Number(after.trade_id) - Math.max(1, after.fills);
    return this.#ids.within(first, last);
  }
}

import { FenceRule, standingOf } from './fence-rule.ts';
import { Repeats } from './repeats.ts';

/** What a data message holds, as far as the rules look at it. */
interface DataBatch {
  readonly exchange: string;
  readonly symbol: string;
  readonly data: readonly { readonly trade_id?: unknown }[];
}

/**
 * Reads messages by the reader's rules: what a reader is to drop, and the rows that it has had, are left out; what is late
 * bears the header `late` as a field of the value. Which rows of a book can be applied is the business of `BookRule`.
 */
export class ReaderRules {
  readonly #fences = new FenceRule();
  readonly #repeats = new Repeats();

  /**
   * @param at topic and key
   * @param value decoded; what is no batch of rows passes as it is
   * @returns the value with the rows that are left; undefined where none is
   */
  read(at: string, headers: Readonly<Record<string, string>>, value: unknown): unknown {
    if (!isBatch(value)) return value;
    const standing = standingOf(headers);
    if (!this.#fences.keeps(at, standing)) return undefined;
    const market = `${value.exchange} ${value.symbol}`;
    const data = value.data.filter(
      ({ trade_id }) => typeof trade_id !== 'string' || this.#repeats.isNew(market, trade_id),
    );
    if (data.length === 0 && value.data.length > 0) return undefined;
    const kept = data.length === value.data.length ? value : { ...value, batch_size: data.length, data };
    return standing.late === null ? kept : { ...kept, late: standing.late };
  }
}

function isBatch(value: unknown): value is DataBatch {
  const { exchange, symbol, data } = (value ?? {}) as Partial<DataBatch>;
  return typeof exchange === 'string' && typeof symbol === 'string' && Array.isArray(data);
}

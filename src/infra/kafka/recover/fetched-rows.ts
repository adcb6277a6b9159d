import { sameness } from '../../../core/backfill/known-hole.ts';
import type { Trade } from '../../../core/market/rows.ts';
import { standingOf } from '../../../core/reading/fence-rule.ts';
import type { IntervalReader, Marks, Kept as Part } from '../consume/interval-reader.ts';
import { rowsOf, textHeaders } from '../consume/record-parts.ts';
import type { Encoding } from '../produce/encodings.ts';

/** What a topic holds of one key that others wrote, or that was fetched. */
interface Others {
  readonly ids: Set<string>;
  /** Of exchanges whose REST ids are not those of the socket: how many fetched rows say the same. */
  readonly same: Map<string, number>;
  /** Lowest fence under which ours were received; null: none of them stands under a lease. */
  readonly fence: number | null;
  /** Rows of others that came to Kafka later than this, epoch ms, are none of ours. */
  untilMs: number;
  /** Somebody has the key since, and has written it; without leases nobody else can. */
  overtaken: boolean;
}

export interface FetchedRowsParts {
  readonly topic: string;
  readonly from: Marks;
  readonly encoding: Encoding | undefined;
  /** Whether the ids of what is fetched are not those of the socket. */
  readonly otherIds: (exchange: string) => boolean;
}

/** What others do may still be under way in Kafka for so long after ours, ms. */
const OVERLAP_MS = 600_000;

/** Which trades of keys that a former life had lie in their topic by somebody else's hand: the topic is read once, and on. */
export class FetchedRows {
  readonly #parts: FetchedRowsParts;
  readonly #keys = new Map<string, Others>();
  #read: Part[] | Marks;
  /** There are keys that were not looked for in what was read. */
  #unread = false;

  constructor(parts: FetchedRowsParts) {
    this.#parts = parts;
    this.#read = parts.from;
  }

  /** @param at when rows of it were received, epoch µs */
  watch(key: string, fence: number | null, at: number): void {
    const known = this.#keys.get(key);
    const untilMs = at / 1000 + OVERLAP_MS;
    if (known) known.untilMs = Math.max(known.untilMs, untilMs);
    else {
      this.#keys.set(key, { ids: new Set(), same: new Map(), fence, untilMs, overtaken: fence === null });
      this.#unread = true;
    }
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Reads what has come since. @throws {Fault} where the brokers do not answer */
  async look(reader: IntervalReader): Promise<void> {
    const { topic } = this.#parts;
    if (!(await reader.has(topic))) return;
    if (this.#unread) this.#begin();
    this.#read = await reader.read({ topic, from: this.#read, untilMs: null }, (record) => {
      const { key, value, headers, timestamp } = record;
      const others = key === null || key === undefined ? undefined : this.#keys.get(String(key));
      if (!others || value === null) return undefined;
      const { fence, late } = standingOf(textHeaders(headers));
      const other = late === null && fence !== null && fence > (others.fence ?? fence);
      if (other) others.overtaken = true;
      if (late !== null || (other && (timestamp ?? 0) <= others.untilMs))
        this.#note(String(key), others, value);
      return undefined;
    });
  }

  overtaken(key: string): boolean {
    return this.#keys.get(key)?.overtaken ?? false;
  }

  /** The rows that nobody else has written. What is left out by its value is left out once. */
  left<R extends Trade>(key: string, rows: readonly R[]): readonly R[] {
    const others = this.#keys.get(key);
    if (!others) return rows;
    const { ids, same } = others;
    return rows.filter((row) => {
      if (ids.has(row.trade_id)) return false;
      if (same.size === 0) return true;
      const count = same.get(sameness(row)) ?? 0;
      if (count > 0) same.set(sameness(row), count - 1);
      return count === 0;
    });
  }

  forget(key: string): void {
    this.#keys.delete(key);
  }

  #begin(): void {
    this.#unread = false;
    this.#read = this.#parts.from;
    for (const { ids, same } of this.#keys.values()) {
      ids.clear();
      same.clear();
    }
  }

  #note(key: string, { ids, same }: Others, value: Uint8Array): void {
    const { encoding, otherIds } = this.#parts;
    const data = rowsOf(encoding, value);
    const byValue = otherIds(key.split('|')[0] ?? '');
    for (const row of data) {
      ids.add(row.trade_id);
      if (byValue && row.stream_type === 'BACKFILL')
        same.set(sameness(row), (same.get(sameness(row)) ?? 0) + 1);
    }
  }
}

import { sameness } from '../../../core/backfill/known-hole.ts';
import type { Trade } from '../../../core/market/rows.ts';
import { standingOf } from '../../../core/reading/fence-rule.ts';
import type { IntervalReader, Marks, Kept as Part } from '../consume/interval-reader.ts';
import { rowsOf, textHeaders } from '../consume/record-parts.ts';
import type { Encoding } from '../produce/encodings.ts';

/** What a topic holds of one key that readers keep. */
interface Others {
  readonly ids: Set<string>;
  /** Of exchanges whose REST ids are not those of the socket: how many fetched rows say the same. */
  readonly same: Map<string, number>;
  /** Lowest fence under which ours were received; null: none of them stands under a lease. */
  readonly fence: number | null;
  /** When the oldest of ours was received, epoch µs. */
  since: number;
  /** Rows that came to Kafka later than this in their order, epoch ms, are none of ours. */
  untilMs: number;
  /** What is below the highest fence in the topic readers drop. */
  highest: number;
  /** Somebody has the key since, and has written it; without leases nobody else can. */
  overtaken: boolean;
}

export interface FetchedRowsParts {
  readonly topic: string;
  /** From where on it holds what was written since, epoch µs. */
  readonly marks: (since: number) => Marks;
  readonly encoding: Encoding | undefined;
  /** Whether the ids of what is fetched are not those of the socket. */
  readonly otherIds: (exchange: string) => boolean;
}

/** What others do may still be under way in Kafka for so long after ours, ms. */
const OVERLAP_MS = 600_000;

/** Which trades of keys that somebody else has by now lie in their topic, by whomever: the topic is read once, and on. */
export class FetchedRows {
  readonly #parts: FetchedRowsParts;
  readonly #keys = new Map<string, Others>();
  /** How far it is read; null where it is to be read from the marks on. */
  #read: Part[] | null = null;
  /** There are keys that were not looked for in what is being read. */
  #unread = false;

  constructor(parts: FetchedRowsParts) {
    this.#parts = parts;
  }

  /** @param at when rows of it were received, epoch µs */
  watch(key: string, fence: number | null, at: number): void {
    const known = this.#keys.get(key);
    const untilMs = at / 1000 + OVERLAP_MS;
    if (known) {
      known.untilMs = Math.max(known.untilMs, untilMs);
      if (at >= known.since) return;
      known.since = at;
    } else {
      const none = {
        ids: new Set<string>(),
        same: new Map<string, number>(),
        highest: Number.NEGATIVE_INFINITY,
      };
      this.#keys.set(key, { ...none, fence, since: at, untilMs, overtaken: fence === null });
    }
    this.#read = null;
    this.#unread = true;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Reads what has come since. @throws {Fault} where the brokers do not answer */
  async look(reader: IntervalReader): Promise<void> {
    const { topic } = this.#parts;
    if (!(await reader.has(topic))) return;
    const from = this.#read ?? this.#begin();
    // What a reading noted that fails is noted again by the next.
    this.#read = null;
    this.#unread = false;
    const read = await reader.read({ topic, from, untilMs: null }, (record) => {
      const { key, value, headers, timestamp } = record;
      const others = key === null || key === undefined ? undefined : this.#keys.get(String(key));
      if (!others || value === null) return undefined;
      const { fence, late } = standingOf(textHeaders(headers));
      const ordered = late === null && (fence ?? Number.POSITIVE_INFINITY) >= others.highest;
      if (late === null && fence !== null) {
        others.highest = Math.max(others.highest, fence);
        if (fence > (others.fence ?? fence)) others.overtaken = true;
      }
      if (late !== null || (ordered && (timestamp ?? 0) <= others.untilMs))
        this.#note(String(key), others, value);
      return undefined;
    });
    if (!this.#unread) this.#read = read;
  }

  overtaken(key: string): boolean {
    return this.#keys.get(key)?.overtaken ?? false;
  }

  /** The rows that do not lie there. What is left out by its value is left out once. */
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

  #begin(): Marks {
    for (const others of this.#keys.values()) {
      others.ids.clear();
      others.same.clear();
      others.highest = Number.NEGATIVE_INFINITY;
    }
    return this.#parts.marks(Math.min(...Array.from(this.#keys.values(), ({ since }) => since)));
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

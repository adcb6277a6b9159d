import type { WrittenBefore, WrittenTrades } from '../../../application/backfill/fill-parts.ts';
import type { Cancel, Clock } from '../../../common/clock.ts';
import { neighbourOf } from '../../../core/backfill/known-hole.ts';
import type { Trade } from '../../../core/market/rows.ts';
import { later } from '../../../core/pipeline/later-trade.ts';
import { standingOf } from '../../../core/reading/fence-rule.ts';
import type { Encoding } from '../produce/encodings.ts';
import { topicName } from '../topics/topics.ts';
import type { IntervalReader, Kept as Part } from './interval-reader.ts';
import { rowsOf, textHeaders } from './record-parts.ts';

export interface WrittenTradesParts {
  readonly encodingOf: (topic: string) => Encoding | undefined;
  /** @throws {Fault} where the cluster cannot be reached */
  readonly openReader: () => Promise<IntervalReader>;
  readonly clock: Clock;
}

/** What a topic holds of one key. */
interface OfKey {
  highest: number;
  /** By fence the last message in its order. */
  readonly last: Map<number, Uint8Array>;
  /** Messages that an outbox brought late; the latest of them. */
  readonly late: Uint8Array[];
}

/** Clocks of exchanges, of brokers and ours differ by less, or what is behind it is fetched twice; ms. */
const APART_MS = 10_000;
/** Codes that are asked for at once are answered out of one reading, ms. */
const FRESH_MS = 900;
/** What was read is kept for so long, ms: a collector that died had many codes. */
const KEPT_MS = 60_000;
/** Late messages of a key that are kept. */
const MOST_LATE = 1_000;

/** Reads topics of trades on behalf of those who fetch what is not there: each once, and on as it grows. */
export function writtenTrades(parts: WrittenTradesParts): WrittenTrades {
  const topics = new Map<string, TopicSince>();
  return {
    async before({ id, region }, market, { since, fence }) {
      const topic = topicName('trade-data', region);
      const sinceMs = since / 1000 - APART_MS;
      let read = topics.get(topic);
      if (!read || read.sinceMs > sinceMs) {
        read?.end();
        read = new TopicSince(topic, sinceMs, parts, () => topics.delete(topic));
        topics.set(topic, read);
      }
      await read.fresh();
      return read.before(`${id}|${market.code}`, fence);
    },
  };
}

class TopicSince {
  readonly sinceMs: number;
  readonly #topic: string;
  readonly #parts: WrittenTradesParts;
  readonly #forgotten: () => void;
  readonly #keys = new Map<string, OfKey>();
  #read: Part[] | null = null;
  #readMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #timer: Cancel = () => {};

  constructor(topic: string, sinceMs: number, parts: WrittenTradesParts, forgotten: () => void) {
    this.#topic = topic;
    this.sinceMs = sinceMs;
    this.#parts = parts;
    this.#forgotten = forgotten;
  }

  end(): void {
    this.#timer();
  }

  /** Reads what has come since, unless that was done a moment ago. */
  async fresh(): Promise<void> {
    const { clock } = this.#parts;
    this.#timer();
    this.#timer = clock.after(KEPT_MS, this.#forgotten);
    if (clock.now() - this.#readMs < FRESH_MS) return;
    this.#running ??= this.#look().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  before(key: string, fence: number): WrittenBefore {
    const known = this.#keys.get(key);
    const encoding = this.#parts.encodingOf(this.#topic);
    let last: Trade | null = null;
    for (const [of, value] of known?.last ?? [])
      if (of < fence) for (const row of rowsOf(encoding, value)) last = later(last, row);
    return {
      last: last && neighbourOf(withFills(last)),
      late: (known?.late ?? []).flatMap((value) =>
        rowsOf(encoding, value).map((row) => neighbourOf(withFills(row))),
      ),
      whole: (known?.highest ?? Number.NEGATIVE_INFINITY) >= fence,
    };
  }

  async #look(): Promise<void> {
    const { openReader, clock } = this.#parts;
    const topic = this.#topic;
    const reader = await openReader();
    try {
      if (!(await reader.has(topic))) return;
      const from = this.#read ?? { offsets: new Map<number, number>(), sinceMs: this.sinceMs };
      this.#read = await reader.read({ topic, from, untilMs: null }, ({ key, value, headers }) => {
        if (key !== null && key !== undefined && value !== null) this.#take(String(key), value, headers);
        return undefined;
      });
      this.#readMs = clock.now();
    } finally {
      await reader.close();
    }
  }

  #take(key: string, value: Uint8Array, headers: readonly object[] | undefined): void {
    const { fence, late } = standingOf(textHeaders(headers));
    let known = this.#keys.get(key);
    if (!known) {
      known = { highest: Number.NEGATIVE_INFINITY, last: new Map(), late: [] };
      this.#keys.set(key, known);
    }
    if (late === 'outbox') {
      known.late.push(Uint8Array.from(value));
      if (known.late.length > MOST_LATE) known.late.shift();
    }
    // Readers drop what is below the highest fence, and what bears none is of a collector that ran alone.
    if (late !== null || fence === null || fence < known.highest) return;
    known.highest = fence;
    known.last.set(fence, Uint8Array.from(value));
  }
}

/** A topic does not say how many fills a row merges: one at least. */
function withFills(row: Trade): Trade {
  return { ...row, fills: row.fills ?? 1 };
}

import type { WrittenBefore, WrittenTrades } from '../../../application/backfill/fill-parts.ts';
import type { Cancel } from '../../../common/clock.ts';
import type { Micros } from '../../../core/market/market.ts';
import type { Trade } from '../../../core/market/rows.ts';
import { later } from '../../../core/pipeline/later-trade.ts';
import { standingOf } from '../../../core/reading/fence-rule.ts';
import { topicName } from '../topics/topics.ts';
import type { Kept as Part } from './interval-reader.ts';
import { rowsOf, textHeaders, writtenNeighbour } from './record-parts.ts';
import { APART_MS, type TopicLookParts, WrittenBehindHoles } from './written-behind.ts';

/** What a topic holds of one key. */
interface OfKey {
  highest: number;
  /** Messages in their order, each with its fence; of a topic of which memory holds no more the last of each fence. */
  readonly ordered: { readonly fence: number; readonly value: Uint8Array }[];
  /** Messages that came late, out of an outbox or over REST; the latest of them. */
  readonly late: Uint8Array[];
}

/** Codes that are asked for at once are answered out of one reading, ms. */
const FRESH_MS = 900;
/** What was read is kept for so long, ms: a collector that died had many codes. */
const KEPT_MS = 60_000;
/** No socket is lost, and another one opened, within this time, µs. */
const PAUSE = 300_000;
/** Late messages of a key that are kept. */
const MOST_LATE = 1_000;
/** Bytes of messages in their order that are kept of a topic, and what one takes beside its value. */
const MOST_BYTES = 8 * 1024 * 1024;
const MESSAGE_BYTES = 200;

/** Reads topics of trades on behalf of those who fetch what is not there: each once, and on as it grows. */
export function writtenTrades(parts: TopicLookParts): WrittenTrades {
  const topics = new Map<string, TopicSince>();
  const behind = new Map<string, WrittenBehindHoles>();
  return {
    behind({ id, region }, market, end) {
      const topic = topicName('trade-data', region);
      const holes = behind.get(topic) ?? new WrittenBehindHoles(topic, parts);
      behind.set(topic, holes);
      return holes.ask(`${id}|${market.code}`, end);
    },
    async before({ id, region }, market, { since, fence }, from) {
      const topic = topicName('trade-data', region);
      const sinceMs = Math.min(since, from) / 1000 - APART_MS;
      let read = topics.get(topic);
      if (!read || read.sinceMs > sinceMs) {
        read?.end();
        read = new TopicSince(topic, sinceMs, parts, () => topics.delete(topic));
        topics.set(topic, read);
      }
      await read.fresh();
      return read.before(`${id}|${market.code}`, fence, from);
    },
  };
}

class TopicSince {
  readonly sinceMs: number;
  readonly #topic: string;
  readonly #parts: TopicLookParts;
  readonly #forgotten: () => void;
  readonly #keys = new Map<string, OfKey>();
  #read: Part[] | null = null;
  #bytes = 0;
  #full = false;
  #readMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #timer: Cancel = () => {};

  constructor(topic: string, sinceMs: number, parts: TopicLookParts, forgotten: () => void) {
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

  before(key: string, fence: number, from: Micros): WrittenBefore {
    const { ordered = [], late = [], highest = Number.NEGATIVE_INFINITY } = this.#keys.get(key) ?? {};
    const encoding = this.#parts.encodingOf(this.#topic);
    const known = late.flatMap((value) => rowsOf(encoding, value).map(writtenNeighbour));
    let last: Trade | null = null;
    const before = ordered.filter((message) => message.fence < fence);
    // What is of the one who asks, or of whoever comes after it, need not be kept.
    if (before.length < ordered.length) ordered.splice(0, ordered.length, ...before);
    // Where memory does not hold them all, nobody could say what else was received after the beginning.
    let unbroken = true;
    let receivedAt = Number.NEGATIVE_INFINITY;
    for (const message of before) {
      for (const row of rowsOf(encoding, message.value)) {
        // When a gap begins is a guess, rather too early: without a pause nothing is missing between what was received.
        if (row.received_at >= from && row.received_at - receivedAt > PAUSE) unbroken = this.#full;
        receivedAt = Math.max(receivedAt, row.received_at);
        if (unbroken) last = later(last, row);
        else known.push(writtenNeighbour(row));
      }
    }
    return {
      last: last && writtenNeighbour(last),
      known,
      empty: before.length === 0,
      whole: highest >= fence,
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
    } catch (error) {
      // What was read of it would be there twice.
      this.#keys.clear();
      this.#read = null;
      this.#bytes = 0;
      this.#full = false;
      throw error;
    } finally {
      await reader.close();
    }
  }

  #take(key: string, value: Uint8Array, headers: readonly object[] | undefined): void {
    const { fence, late } = standingOf(textHeaders(headers));
    let known = this.#keys.get(key);
    if (!known) {
      known = { highest: Number.NEGATIVE_INFINITY, ordered: [], late: [] };
      this.#keys.set(key, known);
    }
    if (late !== null) {
      known.late.push(Uint8Array.from(value));
      if (known.late.length > MOST_LATE) known.late.shift();
    }
    // Readers drop what is below the highest fence, and what bears none is of a collector that ran alone.
    if (late !== null || fence === null || fence < known.highest) return;
    known.highest = fence;
    if (this.#full && known.ordered.at(-1)?.fence === fence) known.ordered.pop();
    known.ordered.push({ fence, value: Uint8Array.from(value) });
    this.#bytes += value.length + MESSAGE_BYTES;
    if (!this.#full && this.#bytes > MOST_BYTES) this.#thin();
  }

  /** Memory keeps the last message of each fence. */
  #thin(): void {
    this.#full = true;
    for (const { ordered } of this.#keys.values()) {
      const last = new Map(ordered.map((message) => [message.fence, message]));
      ordered.splice(0, ordered.length, ...last.values());
    }
  }
}

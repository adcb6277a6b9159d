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

/** A message in its order. */
interface Ordered {
  readonly fence: number;
  readonly value: Uint8Array;
  /** Memory does not hold the one of its fence before it. */
  follows: boolean;
}

/** What a topic holds of one key. */
interface OfKey {
  highest: number;
  /**
   * The last messages of each fence: whoever had the code before a hole wrote them last. Holes of several fences are asked for, in
   * whatever order.
   */
  readonly ordered: Ordered[];
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
/** Messages of one fence of a key that are kept; of a topic that takes more than `MOST_BYTES` a single one. */
const MOST_OF_FENCE = 32;
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
  #most = MOST_OF_FENCE;
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
    let unbroken = true;
    let receivedAt = Number.NEGATIVE_INFINITY;
    for (const message of before) {
      const rows = rowsOf(encoding, message.value);
      if (message.follows) receivedAt = rows[0]?.received_at ?? receivedAt;
      for (const row of rows) {
        // When a gap begins is a guess, rather too early: without a pause nothing is missing between what was received.
        if (row.received_at >= from && row.received_at - receivedAt > PAUSE) unbroken = false;
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
      this.#most = MOST_OF_FENCE;
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
    known.ordered.push({ fence, value: Uint8Array.from(value), follows: false });
    this.#bytes += value.length + MESSAGE_BYTES;
    this.#cut(known.ordered);
    if (this.#most > 1 && this.#bytes > MOST_BYTES) this.#thin();
  }

  /** Of the last fence the oldest that is one too many. */
  #cut(ordered: Ordered[]): void {
    const at = ordered.length - 1 - this.#most;
    const [gone, next] = [ordered[at], ordered[at + 1]];
    if (!gone || !next || gone.fence !== ordered.at(-1)?.fence) return;
    next.follows = true;
    ordered.splice(at, 1);
    this.#bytes -= gone.value.length + MESSAGE_BYTES;
  }

  /** Memory keeps the last message of each fence. */
  #thin(): void {
    this.#most = 1;
    this.#bytes = 0;
    for (const { ordered } of this.#keys.values()) {
      const last = ordered.filter(({ fence }, at) => ordered[at + 1]?.fence !== fence);
      for (const message of last)
        message.follows ||= ordered[ordered.indexOf(message) - 1]?.fence === message.fence;
      ordered.splice(0, ordered.length, ...last);
      for (const { value } of last) this.#bytes += value.length + MESSAGE_BYTES;
    }
  }
}

import type { Micros } from '../market/market.ts';
import type { Trade } from '../market/rows.ts';
import type { SeenIds } from './seen-ids.ts';

/**
 * Trades that are remembered between the two sides of a seam, and with the moment of the second: more are not expected where
 * nothing is received, nor in one moment, unless the exchange's clock stands.
 */
const MOST_BETWEEN = 5000;

/**
 * A place in the trades of one code where some may be missing: the last trade before it, the first one after it, and
 * what came between all the same. It is opened when the code is lost, and told when it is received again.
 */
export class Seam {
  /** Null where none is known. */
  readonly before: Trade | null;
  readonly seen: SeenIds | null;
  /** Youngest socket when the code was lost: whatever a later one brings came after it. */
  readonly #socket: number;
  #between: { readonly trade: Trade; readonly socket: number }[] = [];
  #to: Micros = Number.POSITIVE_INFINITY;
  #after: Trade | null = null;

  constructor(before: Trade | null, seen: SeenIds | null, socket: number) {
    this.before = before;
    this.seen = seen;
    this.#socket = socket;
  }

  /** The first trade after it; null as long as there is none. */
  get after(): Trade | null {
    return this.#after;
  }

  /** What was received between the sides, and with the moment of the one after it, which time does not tell apart. */
  get known(): Trade[] {
    return this.#between.flatMap(({ trade }) => (trade === this.#after ? [] : [trade]));
  }

  /** Whether the trade before it came until then, by one of the two clocks at least. */
  beganBy(at: Micros): boolean {
    return this.before === null || Math.min(this.before.timestamp, this.before.received_at) <= at;
  }

  /** The code has been received again since then. */
  ends(to: Micros): void {
    this.#to = to;
    if (this.#after) return;
    const first = this.#between.find(({ trade, socket }) => this.#follows(trade, socket))?.trade;
    if (!first) return;
    this.#after = first;
    this.#between = this.#between.filter(({ trade }) => trade.timestamp <= first.timestamp);
  }

  /** A trade goes on its way. */
  take(trade: Trade, socket: number): void {
    if (this.#after && trade.timestamp > this.#after.timestamp) return;
    if (!this.#after && this.#follows(trade, socket)) this.#after = trade;
    if (this.#between.length < MOST_BETWEEN) this.#between.push({ trade, socket });
  }

  /** What an exchange repeats at a subscription may be older than the seam. */
  #follows({ stream_type, received_at }: Trade, socket: number): boolean {
    return stream_type === 'REALTIME' && (socket > this.#socket || received_at >= this.#to);
  }
}

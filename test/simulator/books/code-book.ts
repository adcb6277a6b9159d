import type { Listing } from '../protocol.ts';
import { seededRandom } from '../random.ts';
import type { BookChannel } from './channel.ts';
import { Engine } from './engine.ts';
import type { Armed } from './faults.ts';
import { Flow } from './flow.ts';
import { Publication } from './publication.ts';

/** Levels a side that books keep. */
const LEVELS = 250;

/** The book of one code: its matching engine, the orders that come by themselves, and who is told of it how. */
export class CodeBook {
  readonly engine: Engine;
  readonly flow: Flow;
  readonly publications = new Map<string, Publication>();
  /** Misbehaviour that was asked for and has not happened yet. */
  readonly armed: Armed[] = [];
  /** Nothing happens by itself until then, `performance.now()`. */
  frozenUntil = 0;
  readonly #start: number;
  #timeMs: number;

  /**
   * @param startPrice whole units of the last decimal
   * @param nth rank in the market list; numbers of codes begin far from each other
   */
  constructor(
    readonly listing: Listing,
    startPrice: number,
    step: number,
    readonly nth: number,
    seed: number,
    nowMs: number,
  ) {
    const random = seededRandom(seed * 7919 + nth);
    const shape = {
      step,
      levels: LEVELS,
      low: Math.max(step, Math.ceil(startPrice / 4)),
      high: startPrice * 4,
      sizeDigits: listing.sizeDigits,
    };
    this.#start = startPrice;
    this.#timeMs = nowMs - 1;
    this.engine = new Engine(1_000_000 * (nth + 1));
    this.flow = new Flow(this.engine, shape, random);
    this.flow.begin(startPrice);
    this.engine.watch((buys, key, before) => {
      for (const publication of this.publications.values()) {
        if (publication.subscribers.size > 0) publication.note(buys, key, before);
      }
    });
  }

  /** Exchange time of the latest frame, epoch milliseconds. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** The time a frame of now would have: later than that of every frame before. */
  timeOf(nowMs: number): number {
    return Math.max(nowMs, this.#timeMs + 1);
  }

  /** The time of a frame that is sent now. */
  nextTime(nowMs: number): number {
    this.#timeMs = this.timeOf(nowMs);
    return this.#timeMs;
  }

  publication(channel: BookChannel): Publication {
    const known = this.publications.get(channel.name);
    if (known) return known;
    const created = new Publication(this.engine, this.listing, channel);
    this.publications.set(channel.name, created);
    return created;
  }

  /** One random order. @returns levels that changed */
  step(now: number): number {
    return now < this.frozenUntil ? 0 : this.flow.step();
  }

  /** A trade at the best price, whole units; null where nobody rests, or nothing may happen. */
  trade(): { price: number; size: number; takerBuys: boolean } | null {
    return performance.now() < this.frozenUntil ? null : this.flow.trade(this.#start);
  }
}

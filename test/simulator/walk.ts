import { CodeBook } from './books/code-book.ts';
import type { Side } from './books/side.ts';
import type { Level, Listing, Protocol, Tick, Trade } from './protocol.ts';
import { between, type Random } from './random.ts';

/** Milliseconds between a trade and the frame that tells of it, at most. */
const FRAME_DELAY_MS = 4;

/**
 * The market of one code: a random walk in whole price steps, so that every price and size is the double nearest to its
 * decimal text. It goes on whether or not anybody listens; ids and times rise.
 */
export class Walk {
  readonly #protocol: Protocol;
  readonly #random: Random;
  readonly #nth: number;
  readonly #priceUnit: number;
  readonly #sizeUnit: number;
  /** Prices in steps of the last decimal. */
  readonly #start: number;
  readonly #step: number;
  readonly #previousClose: number;
  #price: number;
  #high: number;
  #low: number;
  #volume: number;
  #quoteVolume: number;
  #sequence = 0;
  #last: Trade;
  /** The last id that is spent, by a trade or for nothing. */
  #spent: string;
  #book: CodeBook | null = null;

  constructor(
    readonly listing: Listing,
    startPrice: number,
    nth: number,
    protocol: Protocol,
    random: Random,
    nowMs: number,
  ) {
    this.#protocol = protocol;
    this.#random = random;
    this.#nth = nth;
    this.#priceUnit = 10 ** listing.priceDigits;
    this.#sizeUnit = 10 ** listing.sizeDigits;
    this.#start = Math.round(startPrice * this.#priceUnit);
    this.#step = Math.max(1, Math.round(this.#start / 20_000));
    this.#previousClose = this.#start + this.#step * between(random, -50, 50);
    this.#price = this.#start;
    this.#high = this.#start + this.#step * 20;
    this.#low = this.#start - this.#step * 20;
    this.#volume = between(random, 1000, 1_000_000) * this.#sizeUnit;
    this.#quoteVolume = (this.#volume / this.#sizeUnit) * startPrice;
    this.#spent = protocol.firstId(nth, nowMs);
    this.#last = this.#match(this.#spent, nowMs);
  }

  /** The latest trade. */
  get last(): Trade {
    return this.#last;
  }

  /** Begins the code's book where the price stands; from now on trades eat what they print out of it. */
  openBook(seed: number, nowMs: number): CodeBook {
    this.#book ??= new CodeBook(this.listing, this.#price, this.#step, this.#nth, seed, nowMs);
    return this.#book;
  }

  /**
   * The next trade. Its time is just before `nowMs` and never before the previous one's.
   * @param exactly at `nowMs`, so that any number of trades has one time
   */
  trade(nowMs: number, exactly = false): Trade {
    const delay = exactly ? 0 : between(this.#random, 0, FRAME_DELAY_MS);
    const timeMs = Math.max(this.#last.timeMs, nowMs - delay);
    this.#spent = this.#protocol.nextId(this.#spent, timeMs);
    this.#last = this.#match(this.#spent, timeMs);
    return this.#last;
  }

  /** Ids that no trade will ever carry, `count` of them; the first and the last. */
  skip(count: number, nowMs: number): { first: string; last: string } {
    const skipped = this.#protocol.nextId(this.#spent, nowMs);
    const first = this.#protocol.firstFill?.(skipped) ?? skipped;
    let last = skipped;
    for (let i = 1; i < count; i++) last = this.#protocol.nextId(last, nowMs);
    this.#spent = last;
    return { first, last };
  }

  /** What a frame at `nowMs` tells. `trades` are those of the event; without any, the latest. */
  tick(nowMs: number, snapshot: boolean, trades: readonly Trade[] = []): Tick {
    this.#sequence++;
    const [first = this.#last, ...more] = trades;
    const price = this.#price;
    const up = this.#last.takerBuys;
    const engine = this.#book?.engine;
    const bid = engine?.best(true) ?? (up ? price - this.#step : price);
    const ask = engine?.best(false) ?? (up ? price : price + this.#step);
    return {
      listing: this.listing,
      timeMs: Math.max(nowMs, this.#last.timeMs),
      trades: [first, ...more],
      open: this.#start / this.#priceUnit,
      high: this.#high / this.#priceUnit,
      low: this.#low / this.#priceUnit,
      close: price / this.#priceUnit,
      prevClose: this.#previousClose / this.#priceUnit,
      volume: this.#volume / this.#sizeUnit,
      quoteVolume: Number(this.#quoteVolume.toFixed(5)),
      bid: bid / this.#priceUnit,
      bidSize: engine ? this.#resting(engine.bids) : this.#size(),
      ask: ask / this.#priceUnit,
      askSize: engine ? this.#resting(engine.asks) : this.#size(),
      sequence: this.#sequence,
      snapshot,
      bids: (depth) => (engine ? this.#best(engine.bids, depth) : this.#levels(bid, -this.#step, depth)),
      asks: (depth) => (engine ? this.#best(engine.asks, depth) : this.#levels(ask, this.#step, depth)),
    };
  }

  #match(id: string, timeMs: number): Trade {
    // Nobody rests only where a fault took a side away or froze the book.
    const fill = this.#book?.trade() ?? null;
    if (fill) this.#price = fill.price;
    else if (!this.#book) this.#wander();
    this.#high = Math.max(this.#high, this.#price);
    this.#low = Math.min(this.#low, this.#price);
    const price = this.#price / this.#priceUnit;
    const size = fill ? fill.size / this.#sizeUnit : this.#size();
    this.#volume += Math.round(size * this.#sizeUnit);
    this.#quoteVolume += price * size;
    const takerBuys = fill ? fill.takerBuys : this.#random() < 0.5;
    const nth = this.#nthAt(timeMs);
    return { id, price, size, takerBuys, timeMs, nth };
  }

  #nthAt(timeMs: number): number {
    const last = this.#last as Trade | undefined;
    return last?.timeMs === timeMs ? (last.nth ?? 0) + 1 : 0;
  }

  #wander(): void {
    const moved = this.#price + this.#step * between(this.#random, -2, 2);
    // Kept within half and double of the start.
    if (moved > this.#start / 2 && moved < this.#start * 2) this.#price = moved;
  }

  #resting(side: Side): number {
    return (side.sizes[side.length - 1] ?? 0) / this.#sizeUnit;
  }

  #best(side: Side, depth: number): Level[] {
    return Array.from({ length: Math.min(depth, side.length) }, (_, nth) => {
      const at = side.length - 1 - nth;
      const price = Math.abs(side.keys[at] ?? 0) / this.#priceUnit;
      return { price, size: (side.sizes[at] ?? 0) / this.#sizeUnit };
    });
  }

  #size(): number {
    const units = Math.ceil((10 ** (this.#random() * 3) / 100) * this.#sizeUnit * 0.1);
    return units / this.#sizeUnit;
  }

  #levels(from: number, step: number, depth: number): Level[] {
    const levels: Level[] = [];
    for (let i = 0; i < depth; i++) {
      const price = from + step * i;
      if (price <= 0) break;
      levels.push({ price: price / this.#priceUnit, size: this.#size() });
    }
    return levels;
  }
}

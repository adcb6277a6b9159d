import type { Listing } from '../protocol.ts';
import type { SimSocket } from '../sim-socket.ts';
import type { BookChange, BookChannel, BookLevel, BookView, Numbers } from './channel.ts';
import type { Engine } from './engine.ts';
import type { Side } from './side.ts';
import { boundaryOf, changedKeys, Touched } from './window.ts';

/** Numbers that count frames begin large: they keep their digits, and small ones tell of a restart. */
const FIRST_FRAME = 10_000_000_000;
/** Levels a side that checksums in the frames of changes are over. */
const CHECKED = 10;

/** One channel of one code: what its subscribers were told last, and what changed since. */
export class Publication {
  readonly subscribers = new Set<SimSocket>();
  /** When the next frame may go out, when the last one and the last checksum did, `performance.now()`. */
  dueAt = 0;
  sentAt = 0;
  checksumAt = performance.now();
  frame: number;
  /** Whether the last frame changed what the exchange's checksum is over; true where it has none. */
  seen = true;
  /** `Engine.version` at the last frame. */
  previous: number;
  readonly #bids = new Touched();
  readonly #asks = new Touched();
  readonly #listing: Listing;
  readonly #priceUnit: number;
  readonly #sizeUnit: number;

  constructor(
    readonly engine: Engine,
    readonly listing: Listing,
    readonly channel: BookChannel,
  ) {
    this.previous = engine.version;
    this.frame = FIRST_FRAME + engine.version;
    this.#listing = listing;
    this.#priceUnit = 10 ** listing.priceDigits;
    this.#sizeUnit = 10 ** listing.sizeDigits;
  }

  note(buys: boolean, key: number, before: number): void {
    (buys ? this.#bids : this.#asks).note(key, before);
  }

  /** What was not told until now never will be: a whole book follows. */
  begin(): void {
    this.previous = this.engine.version;
    for (const [touched, side] of this.#sides()) {
      touched.before.clear();
      touched.boundary = boundaryOf(side, this.channel.depth);
    }
  }

  /** Texts of the frames that tell what changed; none where a reader has nothing to do. */
  publish(timeMs: number, wrongChecksum: () => boolean): string[] {
    const { channel } = this;
    if (!channel.changes) {
      this.begin();
      this.frame++;
      return channel.whole(this.view(timeMs, false));
    }
    const change = this.#change(timeMs);
    if (change.inOrder.length === 0 && !channel.tellsNothing) return [];
    this.frame++;
    const { frame, previous, engine } = this;
    const wrong = channel.checksummed === true && wrongChecksum();
    const numbers = { timeMs, frame, previous, version: engine.version };
    const texts = channel.changes({ ...change, ...numbers, wrongChecksum: wrong });
    this.seen = !channel.checksummed || isAmong(change, CHECKED);
    this.previous = this.engine.version;
    return texts;
  }

  /** The window as it is now, with the numbers of the last frame. */
  view(timeMs: number, snapshot: boolean, depth = this.channel.depth): BookView {
    const { engine } = this;
    return {
      ...this.numbers(timeMs),
      listing: this.#listing,
      snapshot,
      bids: this.#best(engine.bids, depth),
      asks: this.#best(engine.asks, depth),
    };
  }

  /** Of the last frame: what changed since and came to nothing has no frame and no number. */
  numbers(timeMs: number): Numbers {
    return { timeMs, version: this.previous, previous: this.previous, frame: this.frame };
  }

  #change(timeMs: number): Omit<BookChange, 'wrongChecksum'> {
    const { depth, silentFallOut = false } = this.channel;
    const [bids = [], asks = []] = this.#sides().map(([touched, side]) => {
      const keys = changedKeys(side, touched, depth, silentFallOut);
      return keys.map((key) => ({ key, level: this.#level(side, key, touched.boundary) }));
    });
    const best = (side: typeof bids): BookLevel[] =>
      side.toSorted((a, b) => b.key - a.key).map(({ level }) => level);
    const views = new Map<number, BookView>();
    const tagged = (side: typeof bids, buys: boolean) => side.map(({ level }) => ({ buys, level }));
    return {
      ...this.numbers(timeMs),
      listing: this.#listing,
      bids: best(bids),
      asks: best(asks),
      inOrder: [...tagged(bids, true), ...tagged(asks, false)],
      view: (some) => {
        const view = views.get(some) ?? this.view(timeMs, false, some);
        views.set(some, view);
        return view;
      },
    };
  }

  #sides(): [Touched, Side][] {
    return [
      [this.#bids, this.engine.bids],
      [this.#asks, this.engine.asks],
    ];
  }

  #level(side: Side, key: number, boundary: number): BookLevel {
    const at = key < boundary ? -1 : side.from(key);
    return at >= 0 && side.keys[at] === key ? this.#at(side, at) : this.#gone(key);
  }

  #gone(key: number): BookLevel {
    return { price: Math.abs(key) / this.#priceUnit, size: 0, orders: 0 };
  }

  #at(side: Side, at: number): BookLevel {
    return {
      price: Math.abs(side.keys[at] ?? 0) / this.#priceUnit,
      size: (side.sizes[at] ?? 0) / this.#sizeUnit,
      orders: side.orders[at] ?? 1,
    };
  }

  #best(side: Side, depth: number): BookLevel[] {
    const levels: BookLevel[] = [];
    const end = Math.max(0, side.length - depth);
    for (let at = side.length - 1; at >= end; at--) levels.push(this.#at(side, at));
    return levels;
  }
}

/** Whether a level among the `depth` best changed, so that a reader who missed it has others there. */
function isAmong({ bids, asks, view }: Pick<BookChange, 'bids' | 'asks' | 'view'>, depth: number): boolean {
  const book = view(depth);
  const [bid, ask] = [
    book.bids[depth - 1]?.price ?? 0,
    book.asks[depth - 1]?.price ?? Number.POSITIVE_INFINITY,
  ];
  return bids.some(({ price }) => price >= bid) || asks.some(({ price }) => price <= ask);
}

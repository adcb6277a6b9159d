import { crc32 } from 'node:zlib';

/** A market of its own, for the model test: levels at whole prices, written down after every change. */

type Side = 'bids' | 'asks';
export type Pair = readonly [price: number, size: number];

export interface Change {
  readonly bids: readonly Pair[];
  readonly asks: readonly Pair[];
  readonly sequence: number;
  readonly follows: number;
}

export class Market {
  sequence: number;
  readonly #step: () => number;
  readonly #random: () => number;
  readonly #levels: number;
  readonly #most: number;
  readonly #sides = { bids: new Map<number, number>(), asks: new Map<number, number>() };

  /**
   * @param step how far the number moves with each change
   * @param levels that a change changes at most
   * @param most levels a side that are shown: one that comes into view is told
   */
  constructor(random: () => number, sequence: number, step: () => number, levels = 3, most = 100) {
    this.#levels = levels;
    this.#most = most;
    this.#random = random;
    this.sequence = sequence;
    this.#step = step;
    for (let n = 0; n < 8; n++) {
      this.#sides.bids.set(500 - n, 1 + n);
      this.#sides.asks.set(501 + n, 1 + n);
    }
  }

  /**
   * Some levels; never a crossed book nor an empty side.
   * @param to where the number is set, be it back
   */
  change(to = this.sequence + this.#step()): Change {
    const follows = this.sequence;
    this.sequence = to;
    const shown = { bids: this.#prices('bids'), asks: this.#prices('asks') };
    const changed = { bids: new Map<number, number>(), asks: new Map<number, number>() };
    for (let n = 1 + this.#pick(this.#levels); n > 0; n--) {
      const side: Side = this.#pick(2) === 0 ? 'bids' : 'asks';
      const price = side === 'bids' ? 500 - this.#pick(12) : 501 + this.#pick(12);
      const size = this.#sides[side].size > 4 && this.#pick(3) === 0 ? 0 : (1 + this.#pick(90)) / 8;
      changed[side].set(price, size);
      if (size === 0) this.#sides[side].delete(price);
      else this.#sides[side].set(price, size);
    }
    for (const side of ['bids', 'asks'] as const)
      for (const [price, size] of this.side(side, this.#most))
        if (!shown[side].has(price) && !changed[side].has(price)) changed[side].set(price, size);
    return { bids: [...changed.bids], asks: [...changed.asks], sequence: this.sequence, follows };
  }

  /** The numbers begin anew. */
  setBack(to: number): void {
    this.sequence = to;
  }

  side(side: Side, most = Number.POSITIVE_INFINITY): Pair[] {
    const sign = side === 'bids' ? -1 : 1;
    return [...this.#sides[side]].sort(([a], [b]) => sign * (a - b)).slice(0, most);
  }

  spell(most?: number): string {
    return JSON.stringify([this.side('bids', most), this.side('asks', most)]);
  }

  #prices(side: Side): Set<number> {
    return new Set(this.side(side, this.#most).map(([price]) => price));
  }

  #pick(most: number): number {
    return Math.floor(this.#random() * most);
  }
}

/** A number as Kraken spells it, with as many decimals as the pair has. */
export const fixed = (value: number, decimals: number): string => value.toFixed(decimals);

/** Kraken's checksum, by its documents. */
export function krakenSum(market: Market): number {
  const digits = (text: string): string => String(BigInt(text.replace('.', '')));
  const level = ([price, size]: Pair): string => digits(fixed(price, 1)) + digits(fixed(size, 8));
  return crc32([...market.side('asks', 10), ...market.side('bids', 10)].map(level).join(''));
}

/** Bitfinex's, by its documents. */
export function bitfinexSum(market: Market): number {
  const bids = market.side('bids', 25);
  const asks = market.side('asks', 25);
  const parts: number[] = [];
  for (let n = 0; n < 25; n++) {
    const [bid, ask] = [bids[n], asks[n]];
    if (bid) parts.push(...bid);
    if (ask) parts.push(ask[0], -ask[1]);
  }
  return crc32(parts.join(':')) | 0;
}

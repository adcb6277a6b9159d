import { between, type Random } from '../random.ts';
import type { Engine, Fill } from './engine.ts';

/** Shape of a book that random orders keep: levels a side, prices in whole units. */
export interface Shape {
  readonly step: number;
  readonly levels: number;
  /** Least and greatest price. */
  readonly low: number;
  readonly high: number;
  /** Decimal places of a size. */
  readonly sizeDigits: number;
}

/** Random orders of one code. They never cross by themselves: trades happen where `trade` is called. */
export class Flow {
  /** A side that gets no new orders, until told otherwise. */
  starved: boolean | null = null;
  /** Levels a side while the depth has shrunk. */
  shrunkTo = Number.POSITIVE_INFINITY;

  constructor(
    readonly engine: Engine,
    readonly shape: Shape,
    readonly random: Random,
  ) {}

  /** Fills an empty book around a price. */
  begin(middle: number): void {
    for (const buys of [true, false]) {
      let price = middle;
      for (let i = 0; i < this.shape.levels; i++) {
        price += (buys ? -1 : 1) * this.shape.step * (this.random() < 0.7 ? 1 : between(this.random, 2, 4));
        if (price < this.shape.low || price > this.shape.high) break;
        this.engine.limit(buys, price, this.#size());
      }
    }
  }

  /** One order: placed, made smaller or taken back. @returns levels that changed */
  step(): number {
    const before = this.engine.version;
    const buys = this.random() < 0.5;
    const side = this.engine.side(buys);
    const most = Math.min(this.shape.levels, this.shrunkTo);
    const chance = this.random();
    const thin = side.length < most * 0.9;
    if (side.length === 0 || chance < (thin ? 0.4 : 0.15)) this.#place(buys);
    else if (chance < 0.65) this.#touch(buys);
    else if (!thin || chance > 0.9) this.#cancel(buys);
    else this.#touch(buys);
    if (side.length > most) this.engine.cancel(buys, Math.abs(side.keys[0] ?? 0));
    return this.engine.version - before;
  }

  /** A taker eats some of the best level, or all of it; null where nothing rests on either side. */
  trade(start: number): (Fill & { readonly takerBuys: boolean }) | null {
    const { engine } = this;
    const price = engine.best(true) ?? engine.best(false);
    if (price === undefined) return null;
    // Kept within half and double of the start: the further away, the likelier it comes back.
    const pull = Math.max(-0.3, Math.min(0.3, (start - price) / start));
    const wanted = this.random() < 0.5 + pull;
    const takerBuys = engine.best(!wanted) === undefined ? !wanted : wanted;
    const other = engine.side(!takerBuys);
    const resting = other.sizes[other.length - 1] ?? 0;
    const size = this.random() < 0.35 ? resting : between(this.random, 1, resting);
    const [fill] = engine.take(takerBuys, size);
    return fill ? { ...fill, takerBuys } : null;
  }

  /** A new level inside the spread, in a gap or behind the last one. */
  #place(buys: boolean): void {
    if (this.starved === buys) return;
    const { step, low, high } = this.shape;
    const sign = buys ? 1 : -1;
    const own = this.engine.best(buys);
    const other = this.engine.best(!buys);
    const from = own ?? (other === undefined ? (low + high) / 2 : other - sign * step);
    const spread = own === undefined || other === undefined ? 0 : Math.abs(other - own);
    const inside = spread > step && this.random() < (spread > 4 * step ? 0.5 : 0.15);
    const best = Math.round(from / step) * step;
    const price = inside ? best + sign * step : best - sign * step * between(this.random, 0, this.#reach());
    const crosses = other !== undefined && (buys ? price >= other : price <= other);
    if (crosses || price < low || price > high) return;
    this.engine.limit(buys, price, this.#size());
  }

  /** More or less at a level that is there. */
  #touch(buys: boolean): void {
    const key = this.engine.side(buys).key(this.#nth(buys));
    if (key === undefined) return;
    const price = Math.abs(key);
    const size = this.engine.side(buys).size(key);
    if (size > 1 && this.random() < 0.5) this.engine.cancel(buys, price, between(this.random, 1, size - 1));
    else if (this.starved !== buys) this.engine.limit(buys, price, this.#size());
  }

  #cancel(buys: boolean): void {
    const side = this.engine.side(buys);
    const key = side.key(this.#nth(buys));
    // The last level of a side is left: an empty side is a fault that has to be asked for.
    if (key !== undefined && side.length > 1) this.engine.cancel(buys, Math.abs(key));
  }

  /** How far behind the best new levels come: gaps make the book wider than its levels. */
  #reach(): number {
    const levels = Math.min(this.shape.levels, this.shrunkTo);
    return Math.ceil(levels * 1.6 * this.random() ** 2);
  }

  /** Mostly near the best. */
  #nth(buys: boolean): number {
    return Math.floor(this.engine.side(buys).length * this.random() ** 3);
  }

  /** Some dust among them, and sizes of four magnitudes. */
  #size(): number {
    if (this.random() < 0.02) return between(this.random, 1, 9);
    const unit = 10 ** this.shape.sizeDigits;
    return Math.max(1, Math.ceil((10 ** (this.random() * 4) / 1000) * unit));
  }
}

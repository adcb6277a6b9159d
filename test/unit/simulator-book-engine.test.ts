import { describe, expect, test } from 'bun:test';
import { bitfinexChecksum, krakenChecksum } from '../simulator/books/checksum.ts';
import { Engine } from '../simulator/books/engine.ts';
import { Flow } from '../simulator/books/flow.ts';
import type { Side } from '../simulator/books/side.ts';
import { boundaryOf, changedKeys, Touched } from '../simulator/books/window.ts';
import { between, type Random, seededRandom } from '../simulator/random.ts';

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

/** One random order of any kind, crossing ones too. @returns what it should have traded, per price, by a plain count */
function order(engine: Engine, random: Random): void {
  const buys = random() < 0.5;
  const price = between(random, 90, 110);
  const size = between(random, 1, 20);
  const what = random();
  if (what < 0.6) engine.limit(buys, price, size);
  else if (what < 0.8) engine.cancel(buys, price, size);
  else engine.take(buys, size);
}

function levels(side: Side): Map<number, number> {
  return new Map(side.keys.map((key, at) => [Math.abs(key), side.sizes[at] ?? 0]));
}

function isSorted({ keys, sizes, orders }: Side): boolean {
  return (
    keys.every((key, at) => at === 0 || (keys[at - 1] ?? 0) < key) &&
    sizes.every((size) => size > 0 && Number.isInteger(size)) &&
    orders.length === keys.length &&
    sizes.length === keys.length
  );
}

describe('the matching engine', () => {
  test.each(SEEDS)('is never crossed, sorted and without empty levels, seed %d', (seed) => {
    const random = seededRandom(seed);
    const engine = new Engine();
    for (let i = 0; i < 3000; i++) {
      order(engine, random);
      const [bid, ask] = [engine.best(true), engine.best(false)];
      if (bid !== undefined && ask !== undefined) expect(bid).toBeLessThan(ask);
      expect(isSorted(engine.bids) && isSorted(engine.asks)).toBe(true);
    }
  });

  test.each(SEEDS)('trades take from the levels what they print, seed %d', (seed) => {
    const random = seededRandom(seed);
    const engine = new Engine();
    for (let i = 0; i < 3000; i++) {
      const buys = random() < 0.5;
      const limit = between(random, 90, 110);
      const size = between(random, 1, 40);
      const own = levels(engine.side(buys));
      const other = levels(engine.side(!buys));
      const fills = engine.limit(buys, limit, size);
      for (const fill of fills) {
        expect(buys ? fill.price <= limit : fill.price >= limit).toBe(true);
        other.set(fill.price, (other.get(fill.price) ?? 0) - fill.size);
        if (other.get(fill.price) === 0) other.delete(fill.price);
      }
      // Best first, and no level was passed over.
      const prices = fills.map(({ price }) => price);
      expect(prices).toEqual(prices.toSorted((a, b) => (buys ? a - b : b - a)));
      const rest = size - fills.reduce((sum, fill) => sum + fill.size, 0);
      if (rest > 0) own.set(limit, (own.get(limit) ?? 0) + rest);
      expect(levels(engine.side(!buys))).toEqual(new Map([...other].sort(byKey(!buys))));
      expect(levels(engine.side(buys))).toEqual(new Map([...own].sort(byKey(buys))));
    }
  });

  test('the version counts changed levels, and each is told with the size before', () => {
    const random = seededRandom(5);
    const engine = new Engine(1000);
    const copy = { true: new Map<number, number>(), false: new Map<number, number>() };
    let told = 0;
    engine.watch((buys, key, before) => {
      told++;
      const side = copy[buys ? 'true' : 'false'];
      expect(before).toBe(side.get(key) ?? 0);
      const now = engine.side(buys).size(key);
      if (now === 0) side.delete(key);
      else side.set(key, now);
    });
    for (let i = 0; i < 5000; i++) order(engine, random);
    expect(engine.version).toBe(1000 + told);
    expect(new Map([...copy.true].sort(([a], [b]) => a - b))).toEqual(levels(engine.bids));
  });
});

function byKey(buys: boolean) {
  return ([a]: [number, number], [b]: [number, number]) => (buys ? a - b : b - a);
}

test.each(SEEDS)('random orders keep the shape of a book and its price in bounds, seed %d', (seed) => {
  const random = seededRandom(seed);
  const engine = new Engine();
  const shape = { step: 5, levels: 60, low: 5000, high: 200_000, sizeDigits: 4 };
  const flow = new Flow(engine, shape, random);
  flow.begin(50_000);
  let traded = 0;
  for (let i = 0; i < 20_000; i++) {
    flow.step();
    if (i % 7 === 0) {
      const best = [engine.best(false), engine.best(true)];
      const trade = flow.trade(50_000);
      if (trade) expect(trade.price).toBe(best[trade.takerBuys ? 0 : 1] ?? Number.NaN);
      traded += trade ? 1 : 0;
    }
    const [bid = 0, ask = Number.POSITIVE_INFINITY] = [engine.best(true), engine.best(false)];
    expect(bid).toBeLessThan(ask);
  }
  expect(traded).toBeGreaterThan(2500);
  for (const side of [engine.bids, engine.asks]) {
    expect(side.length).toBeGreaterThan(20);
    expect(side.length).toBeLessThanOrEqual(60);
  }
  expect(engine.best(true)).toBeGreaterThan(15_000);
  expect(engine.best(false)).toBeLessThan(150_000);
});

test('the same seed is the same book', () => {
  const books = [1, 2].map(() => {
    const engine = new Engine();
    const shape = { step: 1, levels: 40, low: 10, high: 10_000, sizeDigits: 2 };
    const flow = new Flow(engine, shape, seededRandom(77));
    flow.begin(1000);
    for (let i = 0; i < 1000; i++) flow.step();
    return [levels(engine.bids), levels(engine.asks)];
  });
  expect(books[0]).toEqual(books[1] ?? []);
});

describe('what a window tells', () => {
  test.each(SEEDS)('makes a reader that cuts or a reader that does not have the best N, seed %d', (seed) => {
    const depth = 5;
    for (const silent of [false, true]) {
      const random = seededRandom(seed);
      const engine = new Engine();
      const touched = { true: new Touched(), false: new Touched() };
      const reader = { true: new Map<number, number>(), false: new Map<number, number>() };
      engine.watch((buys, key, before) => touched[buys ? 'true' : 'false'].note(key, before));
      for (let i = 0; i < 3000; i++) {
        const orders = between(random, 1, 6);
        for (let n = 0; n < orders; n++) order(engine, random);
        for (const word of ['true', 'false'] as const) {
          const side = engine.side(word === 'true');
          const own = reader[word];
          for (const key of changedKeys(side, touched[word], depth, silent)) {
            const size = key < boundaryOf(side, depth) ? 0 : side.size(key);
            if (size === 0) own.delete(key);
            else own.set(key, size);
          }
          const best = [...own].sort(([a], [b]) => b - a).slice(0, silent ? depth : undefined);
          reader[word] = new Map(best);
          const true_ = Array.from({ length: Math.min(depth, side.length) }, (_, nth) => {
            const key = side.key(nth) ?? 0;
            return [key, side.size(key)] as [number, number];
          });
          expect(best).toEqual(true_);
        }
      }
    }
  });
});

describe('checksums', () => {
  const level = (text: string): [string, string] => text.split('/') as [string, string];

  test("Kraken's published one", () => {
    const asks =
      '45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827';
    const bids =
      '45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238';
    expect(krakenChecksum(asks.split(' ').map(level), bids.split(' ').map(level))).toBe(3310070434);
  });

  test("Bitfinex's published ones", () => {
    const [whole, broken] = [
      bitfinexChecksum(
        [
          [6000, 1],
          [5900, 2],
        ],
        [
          [6100, 3],
          [6200, 4],
        ],
      ),
      bitfinexChecksum(
        [
          [0.1, 1],
          [0.09, 5],
          [0.089, 1],
        ],
        [
          [0.15, 1],
          [0.2, 3],
          [0.3, 4],
        ],
      ),
    ];
    expect(whole).toBe(1756193398);
    expect(broken).toBe(-1625836611);
  });
});

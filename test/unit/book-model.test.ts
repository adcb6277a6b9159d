import { describe, expect, test } from 'bun:test';
import { crc32 } from 'node:zlib';
import { Book } from '../../src/core/market/book.ts';
import { digitChecksum, turnChecksum } from '../../src/core/market/checksum.ts';
import { bestFirst, objectLevels, pairLevels, plainLevels } from '../../src/core/market/levels.ts';
import { crcOf, digitMark, joined } from '../../src/core/market/marks.ts';
import { number } from '../../src/core/market/read-values.ts';
import { seededRandom } from '../simulator/random.ts';

describe('levels', () => {
  test('stand best first, whatever their order; of one price the later stays behind', () => {
    const list = [
      ['9', '1'],
      ['11', '2'],
      ['10', '0'],
      ['10', '3'],
    ]; // prettier-ignore
    const pairs = (side: 'bids' | 'asks') =>
      plainLevels(pairLevels(list, side)).map(({ price, size }) => [price, size]); // prettier-ignore
    expect(pairs('bids')).toEqual([
      [11, 2],
      [10, 0],
      [10, 3],
      [9, 1],
    ]); // prettier-ignore
    expect(pairs('asks')).toEqual([
      [9, 1],
      [10, 0],
      [10, 3],
      [11, 2],
    ]); // prettier-ignore
  });

  test('that are none are NaN, never 0, and none is lost', () => {
    for (const bad of [null, 7, 'x', [], ['1'], [1, 2], {}, [null, null], ['', ' ']]) {
      const levels = pairLevels([['2', '1'], bad, ['1', '1']], 'bids');
      expect(levels.length).toBe(6);
      expect(levels.some(Number.isNaN)).toBe(true);
    }
    for (const list of [undefined, null, {}, 'x', 7]) {
      expect(pairLevels(list, 'asks').some(Number.isNaN)).toBe(true);
      expect(objectLevels(list, 'asks', 'p', 's', number).some(Number.isNaN)).toBe(true);
    }
    expect(pairLevels([], 'asks').length).toBe(0);
  });
});

/** The mark of `price/size`. */
function markOf(level: string): number {
  const size = level.indexOf('/') + 1;
  const sizeAt = { from: size, to: level.length };
  return digitMark(Buffer.from(level), { from: 0, to: size - 1 }, sizeAt);
}

test('a kept book is what the reader’s rule makes of the same rows', () => {
  const random = seededRandom(5);
  const pick = (most: number) => Math.floor(random() * most);
  for (const depth of [null, 10]) {
    const book = new Book(true);
    let reader = { bids: new Map<number, number>(), asks: new Map<number, number>() };
    for (let n = 0; n < 1000; n++) {
      const type = n === 0 || random() < 0.005 ? 'SNAPSHOT' : 'DELTA';
      const side = (from: number, name: 'bids' | 'asks') => {
        const levels = Array.from({ length: pick(type === 'SNAPSHOT' ? 60 : 5) }, () => [
          from + pick(80),
          pick(4),
        ]);
        return bestFirst(Float64Array.from(levels.flat()), name);
      };
      const change = { type, bids: side(1, 'bids'), asks: side(60, 'asks'), depth } as const;
      if (type === 'SNAPSHOT') reader = { bids: new Map(), asks: new Map() };
      const marks = { bids: [] as number[], asks: [] as number[] };
      for (const name of ['bids', 'asks'] as const) {
        for (const { price, size } of plainLevels(change[name])) {
          marks[name].push(markOf(`${price}/${size}`));
          if (size === 0) reader[name].delete(price);
          else reader[name].set(price, size);
        }
        const best = [...reader[name]].sort(([a], [b]) => (name === 'bids' ? b - a : a - b));
        reader[name] = new Map(best.slice(0, depth ?? best.length));
      }
      book.apply(change, {
        bids: Float64Array.from(marks.bids),
        asks: Float64Array.from(marks.asks),
      });
      for (const name of ['bids', 'asks'] as const) {
        const kept = plainLevels(book[name].levels()).map(({ price, size }) => [price, size] as const);
        expect(kept).toEqual([...reader[name]]);
        const most = n % 7 === 0 ? 3 : 10;
        const text = kept.slice(0, most).map(([price, size]) => `${price}${size}`);
        expect(crcOf(book[name].marked(most))).toBe(crc32(text.join('')));
      }
      const [bid = Number.NaN] = reader.bids.keys();
      const [ask = Number.NaN] = reader.asks.keys();
      expect([book.bids.best, book.asks.best, book.crossed]).toEqual([bid, ask, bid >= ask]);
    }
  }
});

test('marks put together are the CRC-32 of the digits, of any length', () => {
  const random = seededRandom(11);
  const digits = (most: number) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, () => Math.floor(random() * 10)).join('');
  for (let n = 0; n < 500; n++) {
    let text = '';
    let mark = 0;
    for (let level = 0; level < 20; level++) {
      const most = n % 20 === 0 ? 150 : 12;
      const [price, size] = [`${digits(most)}.${digits(8)}`, random() < 0.2 ? digits(9) : `0.00${digits(6)}`];
      text += [price, size].map((number) => number.replace('.', '').replace(/^0+/, '')).join('');
      mark = joined(mark, markOf(`${price}/${size}`));
    }
    expect(crcOf(mark)).toBe(crc32(text));
  }
});

describe('checksums as they were published', () => {
  const asks = [
    '45285.2/0.00100000',
    '45286.4/1.54571953',
    '45286.6/1.54571109',
    '45289.6/1.54560911',
    '45290.2/0.15890660',
    '45291.8/1.54553491',
    '45294.7/0.04454749',
    '45296.1/0.35380000',
    '45297.5/0.09945542',
    '45299.5/0.18772827',
  ]; // prettier-ignore
  const bids = [
    '45283.5/0.10000000',
    '45283.4/1.54582015',
    '45282.1/0.10000000',
    '45281.0/0.10000000',
    '45280.3/1.54592586',
    '45279.0/0.07990000',
    '45277.6/0.03310103',
    '45277.5/0.30000000',
    '45277.3/1.54602737',
    '45276.6/0.15445238',
  ]; // prettier-ignore

  test('Kraken', () => {
    const side = (list: readonly string[]) =>
      Float64Array.from(list.flatMap((level) => level.split('/').map(Number)));
    const marks = (list: readonly string[]) => Float64Array.from(list, markOf);
    const book = new Book(true);
    const levels = { bids: side(bids), asks: side(asks), depth: 10 };
    book.apply({ type: 'SNAPSHOT', ...levels }, { bids: marks(bids), asks: marks(asks) });
    expect(digitChecksum(book)).toBe(3_310_070_434);
  });

  test('Bitfinex', () => {
    expect(turnChecksum(['6000:1', '5900:2'], ['6100:-3', '6200:-4'])).toBe(1_756_193_398);
    expect(turnChecksum(['0.1:1', '0.09:5', '0.089:1'], ['0.15:-1', '0.2:-3', '0.3:-4'])).toBe(
      -1_625_836_611,
    );
  });
});

import { describe, expect, test } from 'bun:test';
import { objectLevels, pairLevels } from '../../src/core/market/levels.ts';
import { number as jsonNumber } from '../../src/core/market/read-values.ts';
import { DECIMAL, DIGITS, NUMBER, rowsOf, scanner, UNREAD, WORD } from '../../src/core/market/scan.ts';
import { between, seededRandom } from '../simulator/random.ts';

const NUMBERED = scanner({ n: NUMBER });
const PARTLY = scanner({ a: UNREAD, n: NUMBER, z: UNREAD });
const SPELLED = scanner({ id: DIGITS });
const WORDED = scanner({ a: { w: WORD, last: true }, z: 1 });
const PAIRS = scanner({ b: rowsOf([DECIMAL, DECIMAL]), a: rowsOf([DECIMAL, DECIMAL]) });
const UNITS = scanner({ units: rowsOf({ price: NUMBER, size: NUMBER }) });

describe('a number', () => {
  test('is the double that JSON.parse reads, to the last bit', () => {
    const random = seededRandom(5);
    const digits = (count: number) => Array.from({ length: count }, () => between(random, 0, 9)).join('');
    let plain = 0;
    for (let i = 0; i < 200_000; i++) {
      const whole = random() < 0.3 ? '0' : `${between(random, 1, 9)}${digits(between(random, 0, 18))}`;
      const part = random() < 0.7 ? `.${digits(between(random, 1, 20))}` : '';
      const power = random() < 0.2 ? `${random() < 0.5 ? 'E' : 'e+'}${between(random, 0, 40)}` : '';
      const small = power === '' && random() < 0.1 ? `e-${between(random, 0, 40)}` : '';
      const text = `{"n":${random() < 0.2 ? '-' : ''}${whole}${part}${power}${small}}`;
      const found = NUMBERED(text);
      if (!found) throw new Error(`${text} is not read`);
      expect(Object.is(found.n, JSON.parse(text).n) ? text : `${text}: ${found.n}`).toBe(text);
      plain++;
    }
    expect(plain).toBe(200_000);
  });

  test.each([
    ...[
      '01',
      '-01',
      '00',
      '1.',
      '.5',
      '-',
      '--1',
      '+1',
      '',
      '1e',
      '1e+',
      '1e400',
      '1E-100',
      '1 ',
      ' 1',
      '1_0',
    ],
    ...['NaN', 'null', '"1"', '1x', '1.2.3', '0x1', '1e5.5', '1,"n":2', '[1]'],
  ])('%j is left to JSON.parse', (text) => {
    expect(NUMBERED(`{"n":${text}}`)).toBeNull();
  });
});

describe('a frame', () => {
  test('is what JSON.parse makes of it', () => {
    expect(WORDED('{"a":{"w":"KRW-BTC","last":true},"z":1}')).toEqual({
      a: { w: 'KRW-BTC', last: true },
      z: 1,
    });
    expect(WORDED('{"a":{"w":"","last":true},"z":1}')).toEqual({ a: { w: '', last: true }, z: 1 });
  });

  test('may be bytes', () => {
    expect(WORDED(Buffer.from('{"a":{"w":"KRW-BTC","last":true},"z":1}'))).toEqual({
      a: { w: 'KRW-BTC', last: true },
      z: 1,
    });
    expect(WORDED(Buffer.from('{"a":{"w":"KRW\u00e9BTC","last":true},"z":1}'))).toBeNull();
    expect(WORDED(Uint8Array.of(0x7b, 0xff))).toBeNull();
    expect(WORDED(new Uint8Array(100_000))).toBeNull();
  });

  test.each([
    '{"a":{"w":"KRW-BTC","last":true},"z":1} ',
    '{"a":{"w":"KRW-BTC","last":true},"z":1}}',
    '{"a":{"w":"KRW-BTC","last":true},"z":1',
    '{"a":{"w":"KRW-BTC","last":true},"z":1,"y":2}',
    '{"a":{"w":"KRW-BTC","last":false},"z":1}',
    '{"a":{"last":true,"w":"KRW-BTC"},"z":1}',
    '{"a": {"w":"KRW-BTC","last":true},"z":1}',
    '{"a":{"w":"KRW\\u002dBTC","last":true},"z":1}',
    '{"a":{"w":"KRW\u0007BTC","last":true},"z":1}',
    '{"a":{"w":"\u00e9","last":true},"z":1}',
    '{"a":{"w":"\ud83d","last":true},"z":1}',
    `{"a":{"w":"${'x'.repeat(65)}","last":true},"z":1}`,
    `{"a":{"w":"${'x'.repeat(100_000)}","last":true},"z":1}`,
    '{"a":{"w":null,"last":true},"z":1}',
    '',
    '{',
    '{"a":{"w":"',
  ])('that is spelled otherwise is left to JSON.parse: %p', (text) => {
    expect(WORDED(text)).toBeNull();
  });

  test('words of the same place in what is remembered are not taken for each other', () => {
    const random = seededRandom(11);
    for (let i = 0; i < 50_000; i++) {
      const w = between(random, 0, 20_000).toString(36).toUpperCase();
      expect(WORDED(`{"a":{"w":"${w}","last":true},"z":1}`)?.a).toEqual({ w, last: true });
    }
  });
});

describe('digits', () => {
  test.each(['0', '7', '17883351803770004', '1234567890123456789012345678901234567890'])(
    'are text: %s',
    (id) => {
      expect(SPELLED(`{"id":${id}}`)).toEqual({ id });
    },
  );

  test.each(['', '-1', '01', '1.0', '1e5', '1E5', '"1"', 'null', ' 1', '1'.repeat(41), '1'.repeat(400)])(
    'are left to JSON.parse where they are no whole number, or too many: %j',
    (id) => {
      expect(SPELLED(`{"id":${id}}`)).toBeNull();
    },
  );
});

describe('what nobody asks for', () => {
  test.each([
    ...['""', '"KRW-BTC"', `"${'x'.repeat(200)}"`, 'null', 'true', 'false', '0', '-0', '0.5', '10', '-12.50'],
    ...[
      '1234',
      '12345',
      '123456789012345678901234567890',
      '0.12345678901234567890',
      '1.16539E8',
      '6e-08',
      '1e+9',
    ],
  ])('is passed over and left out: %s', (value) => {
    expect(PARTLY(`{"a":${value},"n":7,"z":${value}}`)).toEqual({ n: 7 });
  });

  test.each([
    ...['', '"', '"a', 'a', '"\\u0041"', '"\u0007"', '"\u00e9"', 'nul', 'nulls', 'True', 'truefalse'],
    ...[
      '01',
      '-01',
      '1.',
      '.5',
      '-',
      '+1',
      '1.2.3',
      '1e',
      '1e+',
      '1e400',
      '0x1',
      '1 ',
      ' 1',
      '1,1',
      '[]',
      '{}',
    ],
  ])('is left to JSON.parse where it is not plain: %j', (value) => {
    expect(PARTLY(`{"a":${value},"n":7,"z":1}`)).toBeNull();
    expect(PARTLY(`{"a":1,"n":7,"z":${value}}`)).toBeNull();
  });
});

describe('levels of a list', () => {
  test('are those of the parsed one, however many they are', () => {
    const random = seededRandom(3);
    for (const count of [0, 1, 2, 30, 129, 1000]) {
      const list = Array.from({ length: count }, () => [
        (between(random, 1, 1e6) / 100).toFixed(8),
        (between(random, 0, 1e6) / 1e4).toFixed(8),
      ]);
      const text = JSON.stringify({ b: list, a: list.slice(1) });
      const found = PAIRS(text);
      expect(pairLevels(found?.b, 'bids')).toEqual(pairLevels(list, 'bids'));
      expect(pairLevels(found?.a, 'asks')).toEqual(pairLevels(list.slice(1), 'asks'));
    }
  });

  test('of objects, without those that are passed over', () => {
    const units = [
      { price: 3, size: 1 },
      { price: 0, size: 0 },
      { price: 5, size: 0.25 },
    ];
    const found = UNITS(JSON.stringify({ units }));
    const keep = (price: number) => price !== 0;
    expect(objectLevels(found?.units, 'bids', 'price', 'size', jsonNumber, keep)).toEqual(
      Float64Array.of(5, 0.25, 3, 1),
    );
  });

  test.each([
    '{"b":[["1","2"],],"a":[]}',
    '{"b":[["1","2"]["3","4"]],"a":[]}',
    '{"b":[["1","2","3"]],"a":[]}',
    '{"b":[["1"]],"a":[]}',
    '{"b":[[1,2]],"a":[]}',
    '{"b":[["-1","2"]],"a":[]}',
    '{"b":[["1",""]],"a":[]}',
    '{"b":[["1","2"]',
    '{"b":[,["1","2"]],"a":[]}',
    '{"b":[[]],"a":[]}',
    '{"b":{},"a":[]}',
  ])('that are spelled otherwise are left to JSON.parse: %p', (text) => {
    expect(PAIRS(text)).toBeNull();
  });
});

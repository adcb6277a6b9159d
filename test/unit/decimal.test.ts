import { describe, expect, test } from 'bun:test';
import { decimal, optionalDecimal } from '../../src/core/market/read-values.ts';
import { between, seededRandom } from '../simulator/random.ts';

describe('decimals in text', () => {
  test('are the double that JavaScript reads, to the last bit', () => {
    const random = seededRandom(99);
    const digits = (count: number) => Array.from({ length: count }, () => between(random, 0, 9)).join('');
    for (let i = 0; i < 200_000; i++) {
      const whole = digits(between(random, 0, 18));
      const part = random() < 0.7 ? `.${digits(between(random, whole === '' ? 1 : 0, 20))}` : '';
      const exponent = random() < 0.1 ? `e${between(random, -30, 30)}` : '';
      const text = `${random() < 0.2 ? '-' : ''}${whole}${part}${exponent}`;
      if (!/\d/.test(whole + part)) continue;
      expect(Object.is(decimal(text), Number(text)) ? text : `${text}: ${decimal(text)}`).toBe(text);
    }
  });

  test.each([
    ...['', ' ', '-', '.', '-.', '+', 'e5', '1e', '0x10', '0b1', '0o7', ' 1', '1 ', '1\n', '1_000', '1,5'],
    ...['NaN', 'Infinity', '-Infinity', '--1', '1-', '1.2.3', '1..', '１２', '\ufffd', '\u00001', '1n'],
  ])('%j is none', (text) => {
    expect(decimal(text)).toBeNaN();
  });

  test('what is no text', () => {
    for (const value of [null, undefined, true, 1, {}, [], ['1']]) expect(decimal(value)).toBeNaN();
  });

  test('long ones keep their precision and take no longer than their length', () => {
    expect(decimal('14311735005.180330001')).toBe(14311735005.18033);
    expect(decimal('0.1234567890123456789')).toBe(0.12345678901234568);
    expect(decimal('1'.repeat(400))).toBe(Number.POSITIVE_INFINITY);
    expect(decimal(`${'1'.repeat(1_000_000)}x`)).toBeNaN();
  });

  test('optional: absent, null and empty text are null, what is wrong is NaN', () => {
    expect([optionalDecimal(undefined), optionalDecimal(null), optionalDecimal('')]).toEqual([
      null,
      null,
      null,
    ]);
    expect(optionalDecimal('0')).toBe(0);
    expect(optionalDecimal(0)).toBeNaN();
    expect(optionalDecimal(false)).toBeNaN();
  });
});

import { expect, test } from 'bun:test';
import { Markets } from '../../src/core/market/markets.ts';
import { exactDigits } from '../../src/core/market/read-values.ts';

const BTC = { symbol: 'KRW-BTC', base: 'BTC', quote: 'KRW' };

test('a symbol that a list names twice joins once and is one market', () => {
  const markets = new Markets(() => null);
  const { joined, left } = markets.replace([BTC, { ...BTC }]);
  expect(joined.map(({ symbol }) => symbol)).toEqual(['KRW-BTC']);
  expect(left).toEqual([]);
  expect(markets.all()).toEqual(joined);
  expect(markets.get('KRW-BTC')).toBe(joined[0]);
});

test('ids of one object after another are found by a cursor, though they round to the same double', () => {
  const text = '[{"id":9007199254740993},{"id" : 9007199254740992}]';
  const cursor = { at: 0 };
  expect(exactDigits(text, 'id', 2 ** 53, cursor)).toBe('9007199254740993');
  expect(exactDigits(text, 'id', 2 ** 53, cursor)).toBe('9007199254740992');
  expect(exactDigits(text, 'id', 2 ** 53, cursor)).toBe('');
});

test('a single id of which the text has two versions is none', () => {
  expect(exactDigits('{"x":{"id":9007199254740993},"id":9007199254740992}', 'id', 2 ** 53)).toBe('');
  expect(exactDigits('{"x":{"id":9007199254740992},"id":9007199254740992}', 'id', 2 ** 53)).toBe(
    '9007199254740992',
  );
});

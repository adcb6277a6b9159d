import { expect, test } from 'bun:test';
import { unknownSymbols } from '../../src/core/desired/unknown-symbol.ts';
import { Markets } from '../../src/core/market/markets.ts';

const markets = new Markets(
  () => null,
  [
    { symbol: 'BTCUSDT', base: 'BTC', quote: 'USDT' },
    { symbol: 'ETHUSDT', base: 'ETH', quote: 'USDT' },
    { symbol: 'SOLUSDC', base: 'SOL', quote: 'USDC' },
  ],
);
const told = (asked: string) => unknownSymbols(markets, 'binance')(asked);

test.each([
  // With another separator, the other way round, misspelt; as the exchange's own id, or as the code that was meant.
  ['BTC/USDT', 'BTCUSDT'],
  ['btc-usdt', 'BTCUSDT'],
  ['USDT_ETH', 'ETHUSDT'],
  ['BTCUSTD', 'BTCUSDT'],
  ['SOLUSD', 'SOLUSDC'],
  ['USDT-BTX', 'USDT-BTC'],
])('%s: did you mean %s?', (asked, meant) => {
  expect(told(asked)).toBe(`${asked} is not a market of binance. Did you mean ${meant}?`);
});

test('what is near to nothing is told alone', () => {
  expect(told('DOGEKRW')).toBe('DOGEKRW is not a market of binance');
  expect(told('')).toBe(' is not a market of binance');
});

test('of hundreds the first few are looked after, of endless ones none: a command costs no stall', () => {
  const many = unknownSymbols(markets, 'binance');
  const hinted = Array.from({ length: 300 }, () => many('BTCUSTD')).filter((words) => words.includes('mean'));
  expect(hinted.length).toBeLessThan(10);
  expect(told('BTCUSDT'.repeat(20))).not.toContain('mean');
});

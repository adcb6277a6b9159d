import { expect, test } from 'bun:test';
import { market } from '../../src/core/market/market.ts';
import { tradePage } from '../../src/core/market/trade-page.ts';

const MARKET = market('BTCUSDT', 'BTC', 'USDT');
const read = tradePage({
  list: (body) => (Array.isArray(body) ? body : ''),
  never: /^never/,
  trade: () => null,
});

test('an answer of more rows than any exchange gives is none', () => {
  const rows = (count: number) => `[${Array(count).fill('1').join()}]`;
  expect(read(rows(20_000), MARKET, 1)).toMatchObject({ trades: [], rejected: { length: 20_000 } });
  expect(read(rows(20_001), MARKET, 1)).toEqual({ refused: '20001 rows', again: 'later' });
});

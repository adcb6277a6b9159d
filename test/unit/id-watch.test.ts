import { expect, test } from 'bun:test';
import { market } from '../../src/core/market/market.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import { IdWatch } from '../../src/core/pipeline/id-watch.ts';

const BTC = market('BTCUSDT', 'BTC', 'USDT');

function trade(trade_id: string): Trade {
  const times = { timestamp: 1, received_at: 2, stream_type: 'REALTIME' as const };
  const figures = { fills: 1, price: 1, volume: 1, amount: 1, side: 'BUY' as const };
  return { kind: 'trade', market: BTC, ...times, trade_id, ...figures };
}

test('ids that no number tells apart open no holes', () => {
  const watch = new IdWatch();
  for (let i = 0n; i < 1000n; i++) watch.see(trade(String(862_683_813_820_523_888n + i)), 0);
  expect(watch.missing(60_000, 1000)).toEqual([]);
});

test('ids below are counted: what never came is told with both ends', () => {
  const watch = new IdWatch();
  for (const id of ['5', '6', '9', '10']) watch.see(trade(id), 0);
  expect(watch.missing(60_000, 1000)).toMatchObject([{ first: 7, last: 8 }]);
});

import { expect, test } from 'bun:test';
import { TICKER_FIELDS, type Ticker } from '../../src/core/market/rows.ts';
import { flaw } from '../../src/core/market/validate.ts';
import { MARKET, START } from './backfill-parts.ts';

const SOUND: Ticker = {
  kind: 'ticker',
  market: MARKET,
  timestamp: START,
  received_at: START,
  stream_type: 'REALTIME',
  close: 1,
  ...{ open: 1, high: 1, low: 1, volume: 1, quote_volume: 1, prev_close: 1, change_price: -1 },
  ...{ change_rate: -0.5, bid: 1, bid_size: 1, ask: 1, ask_size: 1 },
};
const optional = TICKER_FIELDS.filter(
  (field) => !['timestamp', 'received_at', 'stream_type', 'close'].includes(field),
);

test('a sound ticker passes, whatever of it is not sent', () => {
  expect(flaw(SOUND)).toBe(null);
  expect(optional.length).toBe(12);
  expect(flaw({ ...SOUND, ...Object.fromEntries(optional.map((field) => [field, null])) })).toBe(null);
});

test.each(optional)('what is no number is refused by its name: %s', (field) => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    expect(flaw({ ...SOUND, [field]: value })).toBe(`${field} is not a number: ${value}`);
});

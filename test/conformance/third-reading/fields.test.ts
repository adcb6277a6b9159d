import { describe, expect, test } from 'bun:test';
import type { FlatRow } from '../../../src/core/pipeline/flatten.ts';
import { subjectOf } from '../fixtures.ts';

/** Figures of a ticker beside its last price, in groups that are sent together or not at all. */
const DAY = ['high', 'low', 'volume'];
const CHANGE = ['change_price', 'change_rate'];
const BEST = ['bid', 'ask'];
const SIZES = ['bid_size', 'ask_size'];

/**
 * What an exchange sends or what follows exactly from it; all else is null in every row. A price 24 h ago is an open and
 * no previous close; the sizes of Bitfinex are sums over 25 levels; the vwap of Kraken is rounded.
 */
const SENT: Readonly<Record<string, readonly string[]>> = {
  upbit: ['open', ...DAY, 'quote_volume', 'prev_close', ...CHANGE],
  bithumb: ['open', ...DAY, 'quote_volume', 'prev_close', ...CHANGE],
  coinone: ['open', ...DAY, 'quote_volume', 'prev_close', ...CHANGE, ...BEST, ...SIZES],
  korbit: ['open', ...DAY, 'quote_volume', 'prev_close', ...CHANGE, ...BEST],
  binance: ['open', ...DAY, 'quote_volume', 'prev_close', ...CHANGE, ...BEST, ...SIZES],
  bybit: ['open', ...DAY, 'quote_volume', ...CHANGE],
  okx: ['open', ...DAY, 'quote_volume', ...CHANGE, ...BEST, ...SIZES],
  huobi: ['open', ...DAY, 'quote_volume', ...CHANGE, ...BEST, ...SIZES],
  coinbase: ['open', ...DAY, ...CHANGE, ...BEST, ...SIZES],
  kraken: [...DAY, ...CHANGE, ...BEST, ...SIZES],
  bitfinex: [...DAY, ...CHANGE, ...BEST],
};

/** Types whose first frames carry a mark, or are known by their shape; all others are REALTIME throughout. */
const MARKED: Readonly<Record<string, readonly string[]>> = {
  upbit: ['ticker', 'trade'],
  bithumb: ['ticker', 'trade'],
  korbit: ['ticker', 'trade'],
  kraken: ['ticker', 'trade'],
  coinbase: ['trade'],
  bitfinex: ['trade'],
};

const ALWAYS = ['request_type', 'exchange', 'region', 'symbol', 'base', 'quote', 'code', 'timestamp'];
const REQUIRED = [...ALWAYS, 'received_at', 'stream_type', 'close'];

describe.each(Object.entries(SENT))('%s', (id, sent) => {
  const { fixtures } = subjectOf(id);
  const rows = fixtures.flatMap(({ expect: read }) => read);
  const tickers = rows.filter(({ request_type }) => request_type === 'ticker');
  const filled = (row: FlatRow) => Object.keys(row).filter((field) => row[field] !== null);

  test('a full ticker has every figure that the exchange sends, and none has another', () => {
    const full = tickers.reduce((most, row) => (filled(row).length > filled(most).length ? row : most));
    const wanted = [...REQUIRED, ...sent];
    expect(filled(full).sort()).toEqual([...wanted].sort());
    for (const row of tickers) expect(wanted).toEqual(expect.arrayContaining(filled(row)));
  });

  test('the exchange’s mark alone makes a row a snapshot', () => {
    for (const type of ['ticker', 'trade']) {
      const kinds = new Set(
        rows.filter(({ request_type }) => request_type === type).map(({ stream_type }) => stream_type),
      );
      const marked = MARKED[id]?.includes(type) ?? false;
      expect([type, ...[...kinds].sort()]).toEqual([type, 'REALTIME', ...(marked ? ['SNAPSHOT'] : [])]);
    }
  });
});

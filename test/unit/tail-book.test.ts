import { expect, test } from 'bun:test';
import { type TopicBatch, TopicBooks, type TopicRow } from '../../src/cli/tail-book.ts';

const T0 = 1_790_000_000_000_000;
type Pairs = readonly (readonly [number, number])[];

function row(type: TopicRow['type'], bids: Pairs, asks: Pairs, more: Partial<TopicRow> = {}): TopicRow {
  const levels = (pairs: Pairs) => pairs.map(([price, size]) => ({ price, size }));
  const numbers = { sequence: null, prev_sequence: null, depth: null, checksum: null, checksum_ok: null };
  const times = { timestamp: T0, received_at: T0, stream_type: 'REALTIME' } as const;
  return { ...times, type, bids: levels(bids), asks: levels(asks), ...numbers, ...more };
}

function batch(data: readonly TopicRow[], exchange = 'okx'): TopicBatch {
  return { exchange, symbol: 'BTC-USDT', base: 'BTC', quote: 'USDT', code: 'USDT-BTC', data };
}

function read(books: TopicBooks, value: TopicBatch, fence: string | null, late?: string): number {
  const headers = { ...(fence === null ? {} : { fence }), ...(late === undefined ? {} : { late }) };
  return books.read(`orderbook-data.asia ${value.exchange}|${value.code}`, headers, value).length;
}

test('a book is shown out of the topic alone: best levels, spread, sequence, age', () => {
  const books = new TopicBooks();
  read(books, batch([row('DELTA', [[9, 1]], [])]), null);
  expect(books.text(10, T0)).toBe('okx USDT-BTC: waits for a whole book');
  read(
    books,
    batch([
      row(
        'SNAPSHOT',
        [
          [99.5, 2],
          [99, 1],
        ],
        [[100.5, 3]],
        { sequence: 5 },
      ),
    ]),
    null,
  ); // prettier-ignore
  read(
    books,
    batch([
      row('DELTA', [[99.5, 0]], [[100.25, 1.5]], { sequence: 7, prev_sequence: 5, timestamp: T0 + 500_000 }),
    ]),
    null,
  ); // prettier-ignore
  expect(books.text(1, T0 + 2_000_000)).toBe(
    [
      'okx USDT-BTC  spread 1.25 (1.25 %)  sequence 7  age 1.5 s',
      '                 1             99 | 100.25         1.5',
    ].join('\n'),
  );
});

test('a hole waits for the next whole book; a message of a lower fence is passed over; exchanges are apart', () => {
  const books = new TopicBooks();
  const whole = row('SNAPSHOT', [[99, 1]], [[101, 1]], { sequence: 5 });
  read(books, batch([whole]), '12');
  read(books, batch([row('SNAPSHOT', [[50, 1]], [[51, 1]], { sequence: 9 })]), '11');
  read(books, batch([whole], 'bybit'), null);
  expect(books.text(1, T0).split('\n')).toEqual([
    'bybit USDT-BTC  spread 2 (2.00 %)  sequence 5  age 0.0 s',
    '                 1             99 | 101            1',
    'okx USDT-BTC  spread 2 (2.00 %)  sequence 5  age 0.0 s',
    '                 1             99 | 101            1',
  ]);
  read(books, batch([row('DELTA', [[98, 1]], [], { sequence: 9, prev_sequence: 8 })]), '12');
  expect(books.text(1, T0)).toContain('okx USDT-BTC: waits for a whole book');
  read(books, batch([row('SNAPSHOT', [], [[101, 1]], { sequence: 20, stream_type: 'KEYFRAME' })]), '13');
  expect(books.text(1, T0)).toContain('okx USDT-BTC  one side is empty  sequence 20');
});

test('what is late is not the book of now, whatever its fence', () => {
  const books = new TopicBooks();
  read(books, batch([row('SNAPSHOT', [[99, 1]], [[101, 1]], { sequence: 5 })]), '12');
  expect(read(books, batch([row('SNAPSHOT', [[9, 1]], [[10, 1]], { sequence: 4 })]), '12', 'outbox')).toBe(0);
  expect(read(books, batch([row('SNAPSHOT', [[9, 1]], [[10, 1]], { sequence: 4 })]), '99', 'outbox')).toBe(0);
  expect(read(books, batch([row('DELTA', [[99, 2]], [], { sequence: 6, prev_sequence: 5 })]), '12')).toBe(1);
  expect(books.text(1, T0)).toContain('sequence 6');
});

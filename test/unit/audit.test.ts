import { describe, expect, test } from 'bun:test';
import type { AuditRow } from '../../src/core/audit/code-audit.ts';
import { isData, isEvent, isMinutes } from '../../src/core/audit/shape.ts';
import { audited, gap, message, minute, named, START, ticker, trade } from './audit-parts.ts';

const trades = (ids: readonly number[], more?: Partial<AuditRow>) =>
  message(
    'binance',
    'trade',
    ids.map((id) => trade(id, id * 10, more)),
  );

describe('holes in consecutive ids', () => {
  const messages = [trades([1, 2, 3]), trades([7, 8])];

  test('are unexplained where nothing tells of them', () => {
    const report = audited({ messages });
    expect(named(report)).toEqual(['hole 4-6']);
    expect(report.codes).toMatchObject([
      { rows: 5, holes: 1, missing: 3, holes_unexplained: 1, unexplained: 1 },
    ]);
  });

  test('are explained by a gap of the code that touches the time between the trades around', () => {
    expect(named(audited({ messages, events: [gap('binance', 'cut', 45, 50)] }))).toEqual([]);
    expect(named(audited({ messages, events: [gap('binance', 'cut', 45, null)] }))).toEqual([]);
    expect(named(audited({ messages, events: [gap('binance', 'cut', 200, 300)] }))).toEqual(['hole 4-6']);
    expect(named(audited({ messages, events: [gap('binance', 'cut', 0, 20)] }))).toEqual(['hole 4-6']);
    expect(named(audited({ messages, events: [gap('upbit', 'cut', 45, 50)] }))).toEqual(['hole 4-6']);
    const other = gap('binance', 'cut', 45, 50, { codes: ['USDT-ETH'] });
    expect(named(audited({ messages, events: [other] }))).toEqual(['hole 4-6']);
  });

  test('are explained by ids, as far as those go', () => {
    const some = gap('binance', 'missing_ids', 30, 110, { first_missing_id: '4', last_missing_id: '5' });
    expect(named(audited({ messages, events: [some] }))).toEqual(['hole 6']);
    const missing = ['4', '5', '6'].map((id) => ({
      code: 'USDT-BTC',
      first_missing_id: id,
      last_missing_id: id,
    }));
    const folded = gap('binance', 'missing_ids', 30, 110, { codes: ['USDT-BTC', 'USDT-ETH'] }, { missing });
    expect(named(audited({ messages, events: [folded] }))).toEqual([]);
  });

  test('the last word about a gap holds, and one that was left open ends with the next', () => {
    const open = gap('binance', 'cut', 0, null);
    expect(named(audited({ messages, events: [open] }))).toEqual([]);
    const ended = { ...open, gap: { ...open.gap, to: START + 20_000 } };
    expect(named(audited({ messages, events: [open, ended] }))).toEqual(['hole 4-6']);
    const next = gap('binance', 'restart', -5, 20);
    expect(named(audited({ messages, events: [open, next] }))).toEqual(['hole 4-6']);
  });

  test('are filled by trades that were brought afterwards, and are no fill without them', () => {
    const late = message('binance', 'trade', [trade(5, 50, { stream_type: 'BACKFILL' })], {
      late: 'backfill',
    });
    const report = audited({ messages: [...messages, late] });
    expect(named(report)).toEqual(['hole 4', 'hole 6']);
    expect(report.codes).toMatchObject([{ filled: 1, late: 1, repeats: 0 }]);
    const codes = [{ code: 'USDT-BTC', first_id: '4', last_id: '5', rows: 2, state: 'complete' }];
    const told = gap('binance', 'cut', 30, 60, { fill: { state: 'partial', proof: 'ids', rows: 2, codes } });
    expect(named(audited({ messages: [...messages, late], events: [told] }))).toEqual(['fill 4']);
    const alike = gap('binance', 'missing_ids', 30, 60, {
      fill: { state: 'partial', proof: 'ids', rows: 2, codes },
    });
    expect(named(audited({ messages: [...messages, late], events: [told, alike] }))).toEqual(['fill 4']);
  });

  test('no hole where a snapshot comes newest first, where the first row begins, or where rows are beyond the interval', () => {
    const snapshot = { stream_type: 'SNAPSHOT' };
    const newestFirst = message(
      'binance',
      'trade',
      [12, 11, 10].map((id) => trade(id, id, snapshot)),
    );
    expect(named(audited({ messages: [newestFirst, trades([13, 14])] }))).toEqual([]);
    expect(named(audited({ messages }, 75))).toEqual([]);
    expect(named(audited({ messages }, 0, 65))).toEqual([]);
  });

  test('a numbering that begins anew is none, and later holes are found in it', () => {
    const first = trades([5000, 5001, 5002], { timestamp: START, received_at: START });
    const fresh = Array.from({ length: 60 }, (_, n) => trades([100 + n]));
    const hole = trades([165]);
    expect(named(audited({ messages: [first, ...fresh, hole] }))).toEqual(['hole 160-164']);
  });
});

describe('repeats', () => {
  test.each(['binance', 'upbit', 'coinone'])('%s: a trade that comes twice is named', (exchange) => {
    const rows = [1, 2, 3].map((id) => trade(id, id * 10));
    const messages = [message(exchange, 'trade', rows), message(exchange, 'trade', rows.slice(1, 2))];
    const report = audited({ messages });
    expect(named(report)).toEqual(['repeat 2']);
    expect(report.codes).toMatchObject([{ rows: 4, repeats: 1, repeats_unexplained: 1 }]);
  });

  test('a restart explains one, a cut does not, nor a restart of before or after', () => {
    const again = trade(2, 20, { received_at: START + 5_000_000, stream_type: 'SNAPSHOT' });
    const messages = [trades([1, 2, 3]), message('binance', 'trade', [again])];
    expect(named(audited({ messages, events: [gap('binance', 'restart', 100, 4000)] }))).toEqual([]);
    expect(named(audited({ messages, events: [gap('binance', 'cut', 100, 4000)] }))).toEqual(['repeat 2']);
    expect(named(audited({ messages, events: [gap('binance', 'restart', 6000, 7000)] }))).toEqual([
      'repeat 2',
    ]);
  });

  test('a higher fence explains what happened before it', () => {
    const again = trade(3, 30, { received_at: START + 5_000_000 });
    const messages = [
      message('binance', 'trade', [trade(2, 20), trade(3, 30)], { fence: '7' }),
      message('binance', 'trade', [again, trade(4, 6000), trade(4, 6000)], { fence: '8' }),
    ];
    expect(named(audited({ messages }))).toEqual(['repeat 4']);
  });

  test('a message that is there twice is named; the very same ticker may have been sent twice', () => {
    const first = message('upbit', 'ticker', [ticker(10), ticker(20)]);
    const second = message('upbit', 'ticker', [ticker(30), ticker(30)]);
    expect(named(audited({ messages: [first, second] }))).toEqual([]);
    expect(named(audited({ messages: [first, second, first] }))).toEqual(['repeat', 'repeat']);
  });

  test('a process that begins to carry a stream explains one', () => {
    const state = (name: string, atMs: number, attempts: number) => ({
      ...{
        kind: 'state',
        collector_id: 'only',
        target: { exchange: 'binance', request_type: 'trade' },
        state: name,
      },
      ...{ timestamp_utc: new Date(START / 1000 + atMs).toISOString(), detail: { shard: 0, attempts } },
    });
    const again = trade(2, 20, { received_at: START + 5_000_000, stream_type: 'SNAPSHOT' });
    const messages = [trades([1, 2, 3]), message('binance', 'trade', [again])];
    const before = [state('connecting', -100, 0), state('live', -50, 0)];
    expect(named(audited({ messages, events: [...before, state('connecting', 3000, 0)] }))).toEqual([]);
    expect(named(audited({ messages, events: [...before, state('connecting', 3000, 1)] }))).toEqual([
      'repeat 2',
    ]);
  });
});

describe('order', () => {
  test.each(['binance', 'coinone', 'upbit'])('%s: two that were swapped are named', (exchange) => {
    const rows = [1, 2, 4, 3, 5].map((id) => trade(id, id * 10));
    expect(named(audited({ messages: [message(exchange, 'trade', rows)] }))).toEqual(['order 3']);
    const tickers = [10, 30, 20].map((at) => ticker(at));
    expect(named(audited({ messages: [message(exchange, 'ticker', tickers)] }))).toEqual(['order']);
  });

  test('what the exchange sent out of its order, a snapshot, a late row and a clock that is set a little are in order', () => {
    const sent = [trade(4, 40), trade(3, 30, { received_at: START + 90_000 })];
    expect(named(audited({ messages: [message('coinone', 'trade', sent)] }))).toEqual([]);
    const old = [trade(40, 400), trade(3, 30, { stream_type: 'SNAPSHOT' })];
    expect(named(audited({ messages: [message('coinone', 'trade', old)] }))).toEqual([]);
    const late = [
      message('upbit', 'trade', [trade(4, 40)]),
      message('upbit', 'trade', [trade(3, 30)], { late: 'outbox' }),
    ];
    expect(named(audited({ messages: late }))).toEqual([]);
    const set = [100, 98, 99].map((at) => ticker(at, { received_at: START + at * 1000 }));
    expect(named(audited({ messages: [message('upbit', 'ticker', set)] }))).toEqual([]);
  });

  test('the clock of the next holder may be behind', () => {
    const messages = [
      message('upbit', 'ticker', [ticker(5000)], { fence: '7' }),
      message('upbit', 'ticker', [ticker(4990)], { fence: '8' }),
    ];
    expect(named(audited({ messages }))).toEqual([]);
  });
});

describe('fences', () => {
  test('rows of a lower fence are dropped, whatever they hold, and leave their hole', () => {
    const of = (ids: readonly number[], fence: string, more: Record<string, string> = {}) => ({
      ...trades(ids),
      headers: { fence, ...more },
    });
    const report = audited({ messages: [of([1, 2], '7'), of([3], '8'), of([4, 5], '7'), of([6], '8')] });
    expect(named(report)).toEqual(['hole 4-5']);
    expect(report.codes).toMatchObject([{ rows: 4, fenced: 2 }]);
    const late = audited({
      messages: [of([1, 2], '7'), of([3], '8'), of([6], '8'), of([4, 5], '7', { late: 'outbox' })],
    });
    expect(named(late)).toEqual([]);
    expect(late.codes).toMatchObject([{ rows: 6, fenced: 0, late: 2, filled: 2 }]);
  });
});

describe('order books', () => {
  const row = (
    atMs: number,
    type: 'SNAPSHOT' | 'DELTA',
    sequence: number | null,
    prev: number | null,
    more = {},
  ) => ticker(atMs, { type, sequence, prev_sequence: prev, ...more });
  const books = (...rows: AuditRow[]) => [message('binance', 'orderbook', rows)];
  const begin = [row(0, 'SNAPSHOT', 10, null), row(10, 'DELTA', 12, 10)];

  test('a link that is broken is named once, until the next snapshot', () => {
    const messages = books(
      ...begin,
      row(20, 'DELTA', 16, 14),
      row(30, 'DELTA', 20, 18),
      row(40, 'SNAPSHOT', 30, null),
    );
    const report = audited({ messages });
    expect(named(report)).toEqual(['book 16']);
    expect(report.codes).toMatchObject([{ links: 1, links_unexplained: 1 }]);
    const told = {
      ...gap('binance', 'sequence', 52, 58),
      target: { exchange: 'binance', request_type: 'orderbook' },
    };
    expect(named(audited({ messages, events: [told] }))).toEqual([]);
  });

  test('the start, a reset, what is passed over, and books without links are whole', () => {
    const reset = row(30, 'DELTA', 3, 15);
    expect(
      named(
        audited({
          messages: books(
            ...begin,
            row(20, 'DELTA', 15, 11),
            row(25, 'DELTA', 14, 13),
            reset,
            row(40, 'DELTA', 4, 3),
          ),
        }),
      ),
    ).toEqual([]);
    expect(
      named(
        audited({
          messages: books(
            row(0, 'SNAPSHOT', null, null),
            row(5, 'DELTA', null, null),
            row(9, 'DELTA', 5, null),
          ),
        }),
      ),
    ).toEqual([]);
  });

  test('a keyframe that is further than what was read is a hole', () => {
    const keyframe = (sequence: number) => row(20, 'SNAPSHOT', sequence, null, { stream_type: 'KEYFRAME' });
    expect(named(audited({ messages: books(...begin, keyframe(12)) }))).toEqual([]);
    expect(named(audited({ messages: books(...begin, keyframe(14)) }))).toEqual(['book 14']);
  });
});

describe('minutes', () => {
  const messages = [
    message(
      'upbit',
      'ticker',
      [1, 2, 3].map((at) => ticker(at)),
    ),
  ];

  test('rows that Kafka acknowledged and that are not there are named, and rows that nobody made', () => {
    expect(named(audited({ messages, minutes: [minute('upbit', 'ticker', 0, 3)] }))).toEqual([]);
    expect(named(audited({ messages, minutes: [minute('upbit', 'ticker', 0, 4)] }))).toEqual(['minute']);
    expect(named(audited({ messages, minutes: [minute('upbit', 'ticker', 0, 2)] }))).toEqual(['minute']);
    expect(named(audited({ messages, minutes: [minute('upbit', 'ticker', 0, 4, 3)] }))).toEqual([]);
    expect(named(audited({ messages, minutes: [minute('upbit', 'ticker', 1, 4)] }))).toEqual(['minute']);
  });

  test('collectors of one stream count together, and one that was killed tells nothing', () => {
    const halves = [minute('upbit', 'ticker', 0, 1), minute('upbit', 'ticker', 0, 2)];
    expect(named(audited({ messages, minutes: halves }))).toEqual([]);
    const restart = {
      ...gap('upbit', 'restart', 2, 3),
      target: { exchange: 'upbit', request_type: 'ticker' },
    };
    expect(named(audited({ messages, minutes: halves.slice(0, 1), events: [restart] }))).toEqual([]);
  });

  test('a minute that is not wholly within the interval is not looked at', () => {
    const minutes = [minute('upbit', 'ticker', 0, 9)];
    expect(named(audited({ messages, minutes }, 1))).toEqual([]);
    expect(named(audited({ messages, minutes }, 0, 30_000))).toEqual([]);
    expect(named(audited({ messages, minutes }, 0, 60_000))).toEqual(['minute']);
  });
});

test('a connection that was lost is named where no gap is on record', () => {
  const state = (name: string, atMs: number, detail: object = {}) => ({
    ...{
      kind: 'state',
      collector_id: 'only',
      target: { exchange: 'binance', request_type: 'trade' },
      state: name,
    },
    ...{
      timestamp_utc: new Date(START / 1000 + atMs).toISOString(),
      detail: { shard: 0, attempts: 0, ...detail },
    },
  });
  const events = [state('live', 0), state('backoff', 30_000), state('live', 31_000)];
  const messages = [trades([1, 2, 3])];
  expect(named(audited({ messages, events }))).toEqual(['loss']);
  expect(named(audited({ messages, events: [...events, gap('binance', 'cut', 29_000, 31_000)] }))).toEqual(
    [],
  );
  const code = [state('live', 0), state('stale', 30_000, { code: 'USDT-BTC' })];
  expect(named(audited({ messages, events: code }))).toEqual([]);
});

test('what anybody may have written there is told from what a collector writes', () => {
  const { value } = trades([1, 2]);
  expect(isData(value)).toBe(true);
  for (const spoiled of [
    null,
    7,
    'x',
    [],
    {},
    { ...value, data: [null] },
    { ...value, code: 7 },
    { ...value, data: [{}] },
  ])
    expect(isData(spoiled)).toBe(false);
  expect(isMinutes(minute('upbit', 'ticker', 0, 1))).toBe(true);
  for (const spoiled of [
    null,
    {},
    { ...minute('upbit', 'ticker', 0, 1), batch: { ticket_id: '', items: [{}] } },
  ])
    expect(isMinutes(spoiled)).toBe(false);
  const told = gap('binance', 'cut', 1, null);
  expect(isEvent(told)).toBe(true);
  for (const spoiled of [null, 'x', { ...told, gap: {} }, { ...told, gap: { ...told.gap, from: 'x' } }])
    expect(isEvent(spoiled)).toBe(false);
});

test('a topic that lies there twice is counted whole, and listed in part', () => {
  const all = Array.from({ length: 300 }, (_, nth) =>
    trades(Array.from({ length: 100 }, (_, at) => 1 + nth * 100 + at)),
  );
  const again = all.map((one) => ({
    ...one,
    value: { ...one.value, ticket_id: `${one.value.ticket_id} again` },
  }));
  const report = audited({ messages: [...all, ...again] });
  expect(report.unexplained).toBe(30_000);
  expect(report.findings).toHaveLength(1000);
  expect(report.left_off).toBe(29_000);
});

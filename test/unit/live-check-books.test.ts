import { describe, expect, test } from 'bun:test';
import { BookTrail } from '../../src/core/live-check/book-trail.ts';
import { BookWatch } from '../../src/core/live-check/book-watch.ts';
import { bookRow } from '../../src/core/market/book-row.ts';
import { market } from '../../src/core/market/market.ts';
import type { Orderbook } from '../../src/core/market/rows.ts';
import { type RestBook, restBook } from '../../src/core/rest-state.ts';

const BTC = market('BTC', 'BTC', 'KRW');
const S = 1_000_000;
const AT = 1_790_000_000_000_000;

type Pairs = readonly (readonly [number, number])[];
const flat = (pairs: Pairs): Float64Array => Float64Array.from(pairs.flat());

function row(
  type: 'SNAPSHOT' | 'DELTA',
  second: number,
  bids: Pairs,
  asks: Pairs,
  sequence: number | null,
): Orderbook {
  const times = { timestamp: AT + second * S, received_at: AT + second * S + 500 };
  return bookRow({ market: BTC, ...times, type, bids: flat(bids), asks: flat(asks), sequence });
}

const rest = (bids: Pairs, asks: Pairs, at: { sequence?: number; timestamp?: number } = {}): RestBook =>
  restBook(flat(bids), flat(asks), at);

const BIDS: Pairs = [
  [100, 1],
  [99, 2],
  [98, 3],
];
const ASKS: Pairs = [
  [101, 1],
  [102, 2],
  [103, 3],
];

/** A book, and a change a second: the size of the bid at 99 is the number of the second. */
function trail(make: (trail: { take(row: Orderbook): void }) => void = () => {}): BookTrail {
  const made = new BookTrail();
  made.take(row('SNAPSHOT', 0, BIDS, ASKS, 10));
  for (let n = 1; n <= 20; n++) made.take(row('DELTA', n, [[99, n]], [], 10 + n));
  make(made);
  return made;
}

describe('a book of REST against the rows of the socket', () => {
  const now = [AT + 20 * S, AT + 20 * S] as const;

  test('by its number the very state is found, however old', () => {
    for (const n of [1, 7, 20]) {
      const shown = rest([BIDS[0] as [number, number], [99, n], [98, 3]], ASKS, { sequence: 10 + n });
      expect(trail().match(shown, ...now)).toEqual({
        exact: true,
        compared: 6,
        different: 0,
        differences: [],
      });
    }
  });

  test('a level that is off, one too many and one too few are told', () => {
    const shown = rest(
      [
        [100, 1],
        [99, 8],
        [97.5, 1],
        [97, 1],
      ],
      [
        [101, 5],
        [102, 2],
        [103, 3],
      ],
      { sequence: 17 },
    );
    const match = trail().match(shown, ...now);
    expect(match?.differences).toEqual([
      { side: 'bids', price: 99, live: 7, rest: 8 },
      { side: 'bids', price: 98, live: 3, rest: null },
      { side: 'asks', price: 101, live: 1, rest: 5 },
    ]);
  });

  test('levels beyond the range of either are not compared', () => {
    const shown = rest([[100, 1]], [...ASKS, [104, 9]], { sequence: 20 });
    expect(trail().match(shown, ...now)).toMatchObject({ compared: 4, different: 0 });
  });

  test('between two states, what changed from one to the other is not compared', () => {
    const made = new BookTrail();
    made.take(row('SNAPSHOT', 0, BIDS, ASKS, 10));
    made.take(row('DELTA', 1, [[99, 5]], [], 20));
    const shown = rest(
      [
        [100, 1],
        [99, 4],
        [98, 3],
      ],
      ASKS,
      { sequence: 15 },
    );
    expect(made.match(shown, ...now)).toMatchObject({ exact: false, compared: 5, different: 0 });
    const wrong = rest(
      [
        [100, 7],
        [99, 4],
        [98, 3],
      ],
      ASKS,
      { sequence: 15 },
    );
    expect(made.match(wrong, ...now)).toMatchObject({ different: 1 });
  });

  test('a time in milliseconds names the state of that millisecond', () => {
    const made = new BookTrail();
    made.take(row('SNAPSHOT', 0, BIDS, ASKS, null));
    const change = row('DELTA', 1, [[99, 5]], [], null);
    made.take({ ...change, timestamp: AT + 1_000_456 });
    made.take(row('DELTA', 2, [[99, 6]], [], null));
    const shown = rest(
      [
        [100, 1],
        [99, 5],
        [98, 3],
      ],
      ASKS,
      { timestamp: AT + 1_000_000 },
    );
    expect(made.match(shown, ...now)).toMatchObject({ exact: true, compared: 6, different: 0 });
  });

  test('without number and time what came around the answer is not compared', () => {
    const asked = AT + 10 * S;
    const shown = rest(
      [
        [100, 1],
        [99, 11],
        [98, 3],
      ],
      ASKS,
    );
    expect(trail().match(shown, asked, asked + 300_000)).toMatchObject({
      exact: false,
      compared: 5,
      different: 0,
    });
    const wrong = rest(
      [
        [100, 1],
        [99, 11],
        [98, 30],
      ],
      ASKS,
    );
    expect(trail().match(wrong, asked, asked + 300_000)).toMatchObject({ different: 1 });
  });

  test('of whole books what is not the same in all of them is what changed', () => {
    const made = new BookTrail();
    for (let n = 0; n <= 20; n++)
      made.take(
        row(
          'SNAPSHOT',
          n,
          [
            [100, 1],
            [99, n + 1],
          ],
          ASKS,
          null,
        ),
      );
    const asked = AT + 10 * S;
    expect(
      made.match(
        rest(
          [
            [100, 1],
            [99, 77],
          ],
          ASKS,
        ),
        asked,
        asked,
      ),
    ).toMatchObject({ compared: 4, different: 0 });
    expect(
      made.match(
        rest(
          [
            [100, 2],
            [99, 77],
          ],
          ASKS,
        ),
        asked,
        asked,
      ),
    ).toMatchObject({ different: 1 });
  });

  test('an answer older than what is kept says nothing, and rows before the first book are none', () => {
    expect(trail().match(rest(BIDS, ASKS, { sequence: 3 }), AT - 9 * S, AT - 9 * S)?.exact).not.toBe(true);
    const made = new BookTrail();
    made.take(row('DELTA', 0, BIDS, ASKS, 1));
    expect(made.match(rest(BIDS, ASKS, { sequence: 1 }), ...now)).toBeNull();
  });

  test('what was too old to be kept is in the book all the same', () => {
    const made = new BookTrail();
    made.take(row('SNAPSHOT', 0, BIDS, ASKS, 1));
    for (let n = 1; n <= 12_000; n++) made.take(row('DELTA', n, [[99, n]], [], n + 1));
    const shown = rest(
      [
        [100, 1],
        [99, 12_000],
        [98, 3],
      ],
      ASKS,
      { sequence: 12_001 },
    );
    expect(made.match(shown, AT + 12_000 * S, AT + 12_000 * S)).toMatchObject({ exact: true, different: 0 });
  });

  test('where changes come of levels that the whole book did not reach, these are not compared', () => {
    const made = new BookTrail(true);
    made.take(row('SNAPSHOT', 0, BIDS, ASKS, 10));
    made.take(row('DELTA', 1, [[90, 4]], [], 11));
    const shown = rest([...BIDS, [95, 7], [90, 4]], ASKS, { sequence: 11 });
    expect(made.match(shown, ...now)).toMatchObject({ compared: 6, different: 0 });
  });
});

describe('the verdict', () => {
  const good = rest(
    [
      [100, 1],
      [99, 7],
      [98, 3],
    ],
    ASKS,
  );
  const bad = rest(
    [
      [100, 2],
      [99, 7],
      [98, 3],
    ],
    ASKS,
  );
  const watch = (): BookWatch => {
    const made = new BookWatch(false);
    made.take(row('SNAPSHOT', 0, BIDS, ASKS, 10));
    made.take(row('DELTA', 7, [[99, 7]], [], 17));
    return made;
  };
  const late = AT + 30 * S;

  test('one that may be old is no fault where another is the same; all of them are', () => {
    const one = watch();
    one.shown(bad, late, late);
    expect(one.verdict.wrong).not.toBeNull();
    one.shown(good, late, late);
    expect(one.verdict).toMatchObject({ books: 2, exact: 0, wrong: null });
  });

  test('of the very same state one that differs is one too many', () => {
    const one = watch();
    one.shown({ ...good, sequence: 17 }, late, late);
    one.shown({ ...bad, sequence: 17 }, late, late);
    expect(one.verdict).toMatchObject({ books: 2, exact: 2, wrong: { different: 1 } });
  });
});

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { scratchDir } from '../services/scratch.ts';
import { bookGaps, isBreak, isFair, unexplained, untold } from './books/gaps.ts';
import { type BookRow, difference, type Reading, readByPython } from './books/rows.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(60_000);

const file = join(scratchDir('book-recipe'), 'moments.json');
type Pairs = readonly (readonly [number, number])[];

interface Short {
  readonly at?: number;
  readonly bids?: Pairs;
  readonly asks?: Pairs;
  readonly sequence?: number | null;
  readonly follows?: number | null;
  readonly depth?: number | null;
}

function row(type: 'SNAPSHOT' | 'DELTA', short: Short): BookRow {
  const { at = 1, bids = [], asks = [], sequence = null, follows = null, depth = null } = short;
  const levels = (side: Pairs) => side.map(([price, size]) => ({ price, size }));
  const names = { exchange: 'x', symbol: 's', code: 'Q-B', stream_type: 'REALTIME' };
  const times = { timestamp: at * 1000, received_at: at * 1000 };
  const numbers = { sequence, prev_sequence: follows, depth, checksum: null, checksum_ok: null };
  return { ...names, ...times, type, bids: levels(bids), asks: levels(asks), ...numbers } as BookRow;
}

const snapshot = (short: Short) => row('SNAPSHOT', short);
const delta = (short: Short) => row('DELTA', short);

/** The reader's rule, case by case, of the reader in docs/recipes. */
const CASES: readonly [
  name: string,
  rows: BookRow[],
  bids: Pairs | null,
  verdicts: Record<string, number>,
][] = [
  ['a change before the first whole book waits', [delta({ bids: [[1, 1]] })], null, { waits: 1 }],
  [
    'a whole book replaces what was there',
    [snapshot({ bids: [[1, 1]] }), snapshot({ bids: [[2, 5]] })],
    [[2, 5]],
    { applied: 2 },
  ],
  [
    'size 0 takes a level away, also one that is not there',
    [
      snapshot({
        bids: [
          [2, 5],
          [1, 1],
        ],
      }),
      delta({
        bids: [
          [2, 0],
          [7, 0],
        ],
      }),
    ],
    [[1, 1]],
    { applied: 2 },
  ],
  [
    'a change follows the number before it, also to a smaller one',
    [
      snapshot({ sequence: 10, bids: [[1, 1]] }),
      delta({ follows: 10, sequence: 12, bids: [[1, 2]] }),
      delta({ follows: 12, sequence: 3, bids: [[1, 3]] }),
      delta({ follows: 3, sequence: 4, bids: [[1, 4]] }),
    ],
    [[1, 4]],
    { applied: 4 },
  ],
  [
    'the first change may begin before the book',
    [snapshot({ sequence: 10, bids: [[1, 1]] }), delta({ follows: 7, sequence: 12, bids: [[1, 2]] })],
    [[1, 2]],
    { applied: 2 },
  ],
  [
    'what the book has had is passed over',
    [
      snapshot({ sequence: 10, bids: [[1, 1]] }),
      delta({ follows: 8, sequence: 10, bids: [[1, 2]] }),
      delta({ follows: null, sequence: 9, bids: [[1, 3]] }),
    ],
    [[1, 1]],
    { applied: 1, past: 2 },
  ],
  [
    'behind a hole the book is not whole until the next snapshot',
    [
      snapshot({ sequence: 10, bids: [[1, 1]] }),
      delta({ follows: 11, sequence: 12, bids: [[1, 2]] }),
      delta({ follows: 12, sequence: 13, bids: [[1, 2]] }),
    ],
    null,
    { applied: 1, hole: 1, waits: 1 },
  ],
  [
    'a side is cut to the depth of the row after its levels were set',
    [
      snapshot({
        depth: 2,
        bids: [
          [3, 1],
          [2, 1],
        ],
      }),
      delta({ depth: 2, bids: [[4, 1]] }),
    ],
    [
      [4, 1],
      [3, 1],
    ],
    { applied: 2 },
  ],
];

/** All cases are read at once, each as a code of its own. */
let reading: Reading;
beforeAll(async () => {
  const rows = CASES.flatMap(([name, some]) => some.map((each) => ({ ...each, symbol: name })));
  reading = await readByPython(rows, [], file);
});

test.each(CASES)('the recipe: %s', (name, _rows, bids, verdicts) => {
  expect(reading.last[`x ${name}`]?.bids ?? null).toEqual(bids as never);
  expect(reading.verdicts[`x ${name}`]).toEqual(verdicts);
});

test('a moment is behind every row that is not later', async () => {
  const rows = [
    snapshot({ at: 10, bids: [[1, 1]] }),
    delta({ at: 20, bids: [[1, 2]] }),
    delta({ at: 20, bids: [[1, 3]] }),
    delta({ at: 30, bids: [[1, 4]] }),
  ];
  const moments = [5, 10, 19, 20, 29, 99].map((at) => ({ exchange: 'x', symbol: 's', at }));
  const { moments: found } = await readByPython(rows, moments, file);
  expect(found.map((book) => book?.bids[0]?.[1])).toEqual([undefined, 1, 1, 3, 3, 4]);
});

const STATE = {
  ...{ exchange: 'x', symbol: 's', channel: 'c', at: 50_000, askedAt: 50_000 },
  ...{ heard: 1, sequence: null },
} as const;

test('a difference of one level, one size, one side is seen', () => {
  const state = { ...STATE, bids: [[2, 1] as const], asks: [[3, 1] as const] };
  const book = { bids: [[2, 1] as const], asks: [[3, 1] as const], sequence: null };
  expect(difference(book, state)).toBeNull();
  expect(difference(null, state)).toBe('no whole book');
  expect(difference({ ...book, bids: [[2, 1.5]] }, state)).toStartWith('bids[0]');
  expect(difference({ ...book, asks: [] }, state)).toStartWith('asks[0]');
  expect(difference({ ...book, bids: [...book.bids, [1, 1]] }, state)).toStartWith('bids[1]');
});

test('faults without a gap, gaps without a fault, and moments that lie in neither are told apart', () => {
  const event = (cause: string, from: number, to: number | null, codes: string[]) => ({
    ...{ kind: 'gap', correlation_id: null, outcome: null, reason: null, state: null, detail: null },
    target: { exchange: 'x', request_type: 'orderbook' },
    gap: {
      ...{ from: from * 1000, to: to === null ? null : to * 1000, cause, codes },
      ...{ first_missing_id: null, last_missing_id: null },
    },
  });
  const gaps = bookGaps([
    event('sequence', 100_000, 101_000, ['Q-B']),
    event('checksum', 300_000, null, ['Q-B']),
  ]);
  const fault = { exchange: 'x', symbol: 's', fault: 'drop' as const, told: ['sequence'], at: 99_500 };
  const codeOf = () => 'Q-B';
  expect(untold([fault, { ...fault, at: 200_000 }], gaps, codeOf)).toEqual([{ ...fault, at: 200_000 }]);
  expect(untold([{ ...fault, told: ['checksum'] }], gaps, codeOf)).toHaveLength(1);
  expect(unexplained([fault], gaps, codeOf)).toEqual(gaps.slice(1));
  expect(bookGaps([event('cut', 1, 2, ['Q-B'])]).some(isBreak)).toBe(false);
  const fair = (at: number, wholes: BookRow[] = []) =>
    isFair({ ...STATE, bids: [], asks: [], at, askedAt: at }, 'Q-B', gaps, [fault], wholes);
  expect([50_000, 99_000, 102_000, 200_000, 310_000].map((at) => fair(at))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
  expect(fair(50_000, [snapshot({ at: 51_000 })])).toBe(false);
});

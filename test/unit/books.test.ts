import { describe, expect, test } from 'bun:test';
import { bookRig, SUM, sidesOf } from './book-parts.ts';

const SECOND = 1_000_000;
const T0 = 1_790_000_000_000_000;
const WHOLE = { book: 'A', whole: true, seq: 5, bids: [[99, 1]], asks: [[101, 2]] };

describe('a change is a row', () => {
  test('only while its book is whole, and follows it', () => {
    const rig = bookRig('sent');
    rig.read({ book: 'A', seq: 5, prev: 4 });
    rig.read(WHOLE);
    rig.read({ book: 'A', seq: 7, prev: 5 });
    rig.read({ book: 'A', seq: 9, prev: 8 });
    rig.read({ book: 'A', seq: 10, prev: 9 });
    expect(rig.rows()).toEqual(['S5', 'D7']);
    expect(rig.books()).toEqual(['+A', '-A sequence']);
  });

  test('not where the book has had it', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ book: 'A', seq: 5, prev: 4 });
    rig.read({ book: 'A', seq: 4, prev: 3 });
    rig.read({ book: 'A', seq: 6, prev: 5 });
    rig.read({ book: 'A', seq: 6, prev: 5 });
    expect(rig.rows()).toEqual(['S5', 'D6']);
    expect(rig.books()).toEqual(['+A']);
  });

  test('where it reaches over the sequence of the book, as the first one does', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ book: 'A', seq: 8, prev: 2 });
    expect(rig.rows()).toEqual(['S5', 'D8']);
  });

  test('with a smaller sequence where it follows: the numbers were set back', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ book: 'A', seq: 2, prev: 5 });
    rig.read({ book: 'A', seq: 3, prev: 2 });
    expect(rig.rows()).toEqual(['S5', 'D2', 'D3']);
  });

  test('not where it is a mere sign of life; one that follows nothing shows a hole', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ book: 'A', seq: 5, prev: 5 });
    expect(rig.rows()).toEqual(['S5']);
    rig.read({ book: 'A', seq: 7, prev: 7 });
    expect(rig.books()).toEqual(['+A', '-A sequence']);
  });

  test('without numbers in the order in which it comes', () => {
    const rig = bookRig('sent');
    rig.read({ book: 'A' });
    rig.read({ book: 'A', whole: true });
    rig.read({ book: 'A' });
    rig.read({ book: 'A' });
    expect(rig.rows()).toEqual(['S', 'D', 'D']);
  });

  test('with numbers that rise without a link only where its own is above', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    for (const seq of [5, 9, 8, 12]) rig.read({ book: 'A', seq });
    expect(rig.rows()).toEqual(['S5', 'D9', 'D12']);
  });
});

describe('a whole book', () => {
  test('may come at any time, also with a smaller number', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ ...WHOLE, seq: 1 });
    rig.read({ book: 'A', seq: 2, prev: 1 });
    expect(rig.rows()).toEqual(['S5', 'S1', 'D2']);
    expect(rig.books()).toEqual(['+A']);
  });

  test('of one code says nothing of another; a break of one leaves the other', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ ...WHOLE, book: 'B' });
    rig.read({ book: 'A', seq: 9, prev: 8 });
    rig.read({ book: 'B', seq: 6, prev: 5 });
    expect(rig.rows()).toEqual(['S5', 'S5', 'D6']);
    expect(rig.books()).toEqual(['+A', '+B', '-A sequence']);
  });

  test('is no more once a level could not be read, or the exchange’s count of all frames has a hole', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ ...WHOLE, book: 'B' });
    rig.read({ book: 'A', seq: 6, prev: 5, bids: [[-1, 1]] });
    expect(rig.books()).toEqual(['+A', '+B', '-A sequence']);
    rig.read({ lost: 1 });
    expect(rig.books()).toEqual(['+A', '+B', '-A sequence', '-B sequence']);
    rig.read({ book: 'B', seq: 6, prev: 5 });
    expect(rig.rows().filter((row) => row === 'D6')).toHaveLength(1);
  });

  test('that cannot be read is asked for again', () => {
    const rig = bookRig('sent');
    rig.read({ ...WHOLE, bids: [[99, -1]] });
    expect(rig.books()).toEqual(['?A']);
  });

  test('is in doubt where the exchange has left out frames, unless its changes are numbered', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    rig.read({ ...WHOLE, book: 'B', seq: null });
    rig.session.books?.doubt((event) => rig.events.push(event));
    expect(rig.books()).toEqual(['+A', '+B', '-B sequence']);
    rig.read({ book: 'B', seq: null });
    rig.read({ book: 'A', seq: 6, prev: 5 });
    expect(rig.rows()).toEqual(['S5', 'S', 'D6']);
  });

  test('ends with its subscription', () => {
    const rig = bookRig('sent');
    rig.read(WHOLE);
    const [row] = rig.events;
    const market = row?.kind === 'orderbook' ? [row.market] : [];
    rig.session.change([], [], market);
    rig.read({ book: 'A', seq: 6, prev: 5 });
    expect(rig.rows()).toEqual(['S5']);
  });
});

describe('changes that come before their book', () => {
  for (const start of ['asked', 'fetched'] as const) {
    test(`are held where it is ${start}; those that it has are dropped, the others follow it`, () => {
      const rig = bookRig(start);
      for (const seq of [4, 5, 6, 7]) rig.read({ book: 'A', seq, prev: seq - 1 });
      expect(rig.rows()).toEqual([]);
      rig.read(WHOLE);
      rig.read({ book: 'A', seq: 8, prev: 7 });
      expect(rig.rows()).toEqual(['S5', 'D6', 'D7', 'D8']);
    });

    test(`and are ahead of it make it too old: another is ${start}, and they stay held`, () => {
      const rig = bookRig(start);
      rig.read({ book: 'A', seq: 9, prev: 8 });
      rig.read(WHOLE);
      expect([rig.rows(), rig.books()]).toEqual([[], ['?A']]);
      rig.read({ ...WHOLE, seq: 8 });
      expect([rig.rows(), rig.books()]).toEqual([
        ['S8', 'D9'],
        ['?A', '+A'],
      ]);
    });
  }

  test('are held in bounds: a book that is newer than what was let go starts all the same', () => {
    const rig = bookRig('fetched');
    for (let seq = 1; seq <= 5000; seq++) rig.read({ book: 'A', seq, prev: seq - 1 });
    rig.read({ ...WHOLE, seq: 4995 });
    expect(rig.rows()).toEqual(['S4995', 'D4996', 'D4997', 'D4998', 'D4999', 'D5000']);
    rig.read({ book: 'A', seq: 6000, prev: 5999 });
    rig.read({ ...WHOLE, seq: 5500 });
    expect(rig.books()).toEqual(['+A', '-A sequence', '?A']);
  });

  test('of a recording whose books came over REST are rows as they are', () => {
    const rig = bookRig('fetched', {}, { recorded: true });
    rig.read({ book: 'A', seq: 9, prev: 8 });
    rig.read({ book: 'A', seq: 19, prev: 18 });
    expect(rig.rows()).toEqual(['D9', 'D19']);
  });
});

describe('a checksum', () => {
  test('in the row’s own frame: the row says whether it fits; where it does not, the book has broken', () => {
    const rig = bookRig('sent', { checksum: SUM });
    rig.read({ ...WHOLE, sum: 200 });
    rig.read({ book: 'A', seq: 6, prev: 5, bids: [[100, 1]], sum: 201 });
    rig.read({ book: 'A', seq: 7, prev: 6, sum: 7 });
    rig.read({ book: 'A', seq: 8, prev: 7, sum: 201 });
    expect(rig.rows()).toEqual(['S5', 'D6', 'D7!']);
    expect(rig.books()).toEqual(['+A', '-A checksum']);
  });

  test('in a frame of its own: no row, and a break that counts from the last one that fitted', () => {
    const rig = bookRig('sent', { checksum: SUM });
    rig.read(WHOLE, T0);
    rig.read({ book: 'A', bids: [[100, 1]], seq: 6 }, T0 + SECOND);
    rig.read({ sum: 'A', value: 201 }, T0 + 2 * SECOND);
    rig.read({ book: 'A', bids: [[100.5, 1]], seq: 7 }, T0 + 3 * SECOND);
    rig.read({ sum: 'A', value: 200 }, T0 + 4 * SECOND);
    expect(rig.rows()).toEqual(['S5', 'D6', 'D7']);
    const broken = rig.events.find((event) => event.kind === 'book' && !event.whole);
    expect(broken).toEqual({
      kind: 'book',
      symbol: 'A',
      whole: false,
      cause: 'checksum',
      since: T0 + SECOND,
    });
  });

  test('is over the best levels after the cut to the depth that the exchange keeps', () => {
    const of: typeof SUM.of = ({ bids }) => bids.count * 1000 + bids.price(1);
    const rig = bookRig('sent', { checksum: { marks: false, of } });
    const bids = [
      [99, 1],
      [98, 1],
    ];
    rig.read({ ...WHOLE, bids, depth: 2, sum: 2098 });
    rig.read({ book: 'A', bids: [[99.5, 1]], depth: 2, sum: 2099 });
    rig.read({ book: 'A', bids: [[99.5, 0]], depth: 2, sum: 1000 });
    expect(rig.rows()).toEqual(['S5', 'D5', 'D5!'].map((row, at) => (at === 0 ? row : row.replace('5', ''))));
  });
});

describe('a crossed book', () => {
  const crossing = { book: 'A', bids: [[102, 1]] };

  test('breaks where it stays so for longer than it may, seen at its next change', () => {
    const rig = bookRig('sent', { crossedMs: 5000 });
    rig.read({ ...WHOLE, seq: null }, T0);
    rig.read(crossing, T0 + SECOND);
    rig.read({ book: 'A', asks: [[103, 1]] }, T0 + 4 * SECOND);
    expect(rig.books()).toEqual(['+A']);
    rig.read({ book: 'A', asks: [[103, 2]] }, T0 + 6 * SECOND);
    expect(rig.books()).toEqual(['+A', '-A crossed']);
  });

  test('or when time passes without one', () => {
    const rig = bookRig('sent', { crossedMs: 5000 });
    rig.read({ ...WHOLE, seq: null }, T0);
    rig.read(crossing, T0 + SECOND);
    expect(rig.session.due?.(T0 + 5 * SECOND)).toBe(false);
    expect(rig.session.due?.(T0 + 6 * SECOND)).toBe(true);
    rig.session.look?.(T0 + 6 * SECOND, (event) => rig.events.push(event));
    expect(rig.books()).toEqual(['+A', '-A crossed']);
  });

  test('for a moment is none, and where it may be crossed it never breaks', () => {
    for (const crossedMs of [5000, null]) {
      const rig = bookRig('sent', { crossedMs });
      rig.read({ ...WHOLE, seq: null }, T0);
      rig.read(crossing, T0 + SECOND);
      if (crossedMs !== null) rig.read({ book: 'A', bids: [[102, 0]] }, T0 + 2 * SECOND);
      rig.read({ book: 'A', bids: [[98, 1]] }, T0 + 60 * SECOND);
      expect(rig.books()).toEqual(['+A']);
    }
  });
});

describe('keyframes', () => {
  test('are the book out of our own hand: levels, sequence of the last change, depth, no checksum', () => {
    const rig = bookRig('sent', {}, { keyframeMs: 60_000 });
    rig.read({ ...WHOLE, depth: 10, at: T0 - 5 }, T0);
    rig.read(
      {
        book: 'A',
        seq: 6,
        prev: 5,
        depth: 10,
        bids: [
          [99, 0],
          [98, 3],
        ],
        asks: [[100.5, 1]],
        at: T0 + 7,
      },
      T0 + 9,
    ); // prettier-ignore
    rig.session.look?.(T0 + 60 * SECOND, (event) => rig.events.push(event));
    const row = rig.events.findLast((event) => event.kind === 'orderbook');
    if (row?.kind !== 'orderbook') throw new Error('no keyframe');
    const { market: _, bids: _b, asks: _a, ...fields } = row;
    expect(fields).toEqual({
      kind: 'orderbook',
      timestamp: T0 + 7,
      received_at: T0 + 60 * SECOND,
      stream_type: 'KEYFRAME',
      type: 'SNAPSHOT',
      sequence: 6,
      prev_sequence: null,
      depth: 10,
      checksum: null,
      checksum_ok: null,
    });
    expect(sidesOf(row)).toEqual({
      bids: [[98, 3]],
      asks: [
        [100.5, 1],
        [101, 2],
      ],
    });
  });

  test('go out for every code within the interval, again at the same pace, and not all at once', () => {
    const rig = bookRig('sent', {}, { keyframeMs: 60_000 });
    const codes = Array.from({ length: 50 }, (_, n) => `C${n}`);
    for (const book of codes) rig.read({ ...WHOLE, book }, T0);
    const sent = new Map<string, number[]>(codes.map((code) => [code, []]));
    let most = 0;
    for (let second = 1; second <= 180; second++) {
      let now = 0;
      rig.session.look?.(T0 + second * SECOND, (event) => {
        if (event.kind !== 'orderbook') return;
        now++;
        sent.get(event.market.symbol)?.push(second);
      });
      most = Math.max(most, now);
    }
    for (const [first = Number.NaN, second = Number.NaN, third = Number.NaN, ...more] of sent.values()) {
      expect(first).toBeLessThanOrEqual(60);
      expect([second - first, third - second, more]).toEqual([60, 60, []]);
    }
    expect(most).toBeLessThan(5);
  });

  test('one follows the book that heals a break at once', () => {
    const rig = bookRig('sent', {}, { keyframeMs: 60_000 });
    rig.read(WHOLE);
    rig.read({ book: 'A', seq: 9, prev: 8 });
    rig.read({ ...WHOLE, seq: 12 });
    expect(rig.rows()).toEqual(['S5', 'S12', 'K12']);
  });

  test('none of a broken book, none where every frame is whole, none where they are switched off', () => {
    for (const [start, keyframeMs] of [
      ['sent', 60_000],
      ['whole', 60_000],
      ['sent', 0],
    ] as const) {
      const rig = bookRig(start, {}, { keyframeMs });
      rig.read(WHOLE);
      if (start === 'sent' && keyframeMs > 0) rig.read({ book: 'A', seq: 9, prev: 8 });
      const before = rig.events.length;
      for (let minute = 1; minute < 5; minute++)
        rig.session.look?.(T0 + minute * 61 * SECOND, (event) => rig.events.push(event));
      expect(rig.events.length).toBe(before);
    }
  });
});

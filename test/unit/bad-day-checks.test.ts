import { describe, expect, test } from 'bun:test';
import { notDeleted } from '../long/checks/audit.ts';
import { type GapEvent, lastTold, neverEnded, withoutCause } from '../long/checks/gaps.ts';
import { memoryOver } from '../long/checks/memory.ts';
import { type ReadySample, readinessOver } from '../long/checks/readiness.ts';
import {
  disordered,
  keptByFence,
  missingOutsideGaps,
  neverSent,
  type ReadGap,
  type ReadRow,
  repeated,
  type SentRow,
} from '../long/checks/rows.ts';
import { waits } from '../long/checks/waits.ts';

/** What looks at the bad day has to see what is wrong. Each case plants one fault into a run that is right. */

const STREAM = 'upbit trade KRW-BTC';
const TICKERS = 'upbit ticker KRW-BTC';
const ids = ['1', '2', '3', '4', '5'];
const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

/** A trade a second from 1 s on. */
function sentRow(id: string, more: Partial<SentRow> = {}): SentRow {
  return { stream: STREAM, id, at: Number(id) * 1000, sent: true, snapshot: false, ...more };
}

/** Received 1 ms and written 50 ms after it was sent. */
function readRow(id: string, more: Partial<ReadRow> = {}): ReadRow {
  const at = Number.parseInt(id, 10) * 1000;
  const topic = 'trade-data.korea';
  return { stream: STREAM, id, topic, received: (at + 1) * 1000, appended: at + 50, fence: 1, ...more };
}

function gapOf(from: number, to: number | null, more: Partial<ReadGap> = {}): ReadGap {
  return {
    id: 'a',
    stream: STREAM,
    from: from * 1000,
    to: to === null ? null : to * 1000,
    cause: 'cut',
    ...more,
  };
}

const sent = ids.map((id) => sentRow(id));
const read = ids.map((id) => readRow(id));
const without = (id: string) => read.filter((row) => row.id !== id);

describe('rows', () => {
  test('a run that is right has nothing wrong', () => {
    expect(missingOutsideGaps(sent, read, [])).toEqual({ missing: 0, untold: [] });
    expect(neverSent(sent, read)).toEqual([]);
    expect(repeated(sent, read, [])).toEqual([]);
    expect(disordered(sent, read)).toEqual([]);
  });

  test('one that is missing is seen, unless a gap of its own code and type has it', () => {
    const untold = (gaps: readonly ReadGap[]) => idsOf(missingOutsideGaps(sent, without('3'), gaps).untold);
    expect(untold([])).toEqual(['3']);
    expect(untold([gapOf(2900, 3100)])).toEqual([]);
    expect(untold([gapOf(3000, 3000)])).toEqual([]);
    expect(untold([gapOf(2900, null)])).toEqual([]);
    expect(untold([gapOf(3002, 3100)])).toEqual(['3']);
    expect(untold([gapOf(2900, 2998)])).toEqual(['3']);
    expect(untold([gapOf(2900, 3100, { stream: TICKERS })])).toEqual(['3']);
    expect(untold([gapOf(2900, 3100, { stream: 'upbit trade KRW-ETH' })])).toEqual(['3']);
  });

  test('one that went to nobody is missing too, and once, though a later answer told it again', () => {
    const swallowed = [
      ...sent.slice(0, 2),
      sentRow('3', { sent: false }),
      sentRow('3', { at: 9000, snapshot: true }),
    ];
    const found = missingOutsideGaps(swallowed, [readRow('1'), readRow('2')], [gapOf(8000, 9100)]);
    expect(found.missing).toBe(1);
    expect(found.untold.map(({ at }) => at)).toEqual([3000]);
  });

  test('a ticker is told from its neighbours by close and time, and its answer to a subscription is none', () => {
    const tickers = [
      sentRow('10 1000', { stream: TICKERS, at: 1000 }),
      sentRow('10 2000', { stream: TICKERS, at: 2000 }),
      sentRow('10 3000', { stream: TICKERS, at: 3000, snapshot: true }),
    ];
    const { untold } = missingOutsideGaps(tickers, [readRow('10 1000', { stream: TICKERS })], []);
    expect(idsOf(untold)).toEqual(['10 2000']);
  });

  test('one that was never sent, or went to nobody, is foreign', () => {
    expect(idsOf(neverSent(sent, [...read, readRow('6')]))).toEqual(['6']);
    expect(idsOf(neverSent([sentRow('1', { sent: false })], [readRow('1')]))).toEqual(['1']);
  });

  test('one that comes twice is seen, unless the collector was started anew in between', () => {
    const twice = [...read, readRow('3', { appended: 7000 })];
    expect(idsOf(repeated(sent, twice, []))).toEqual(['3']);
    expect(
      idsOf(
        repeated(sent, twice, [
          { from: 1000, to: 2000 },
          { from: 7500, to: 8000 },
        ]),
      ),
    ).toEqual(['3']);
    expect(repeated(sent, twice, [{ from: 5000, to: 6000 }])).toEqual([]);
    expect(repeated(sent, twice, [{ from: 3040, to: 4000 }])).toEqual([]);
  });

  test('a ticker may come as often as it was sent', () => {
    const ticker = sentRow('10 1000', { stream: TICKERS, at: 1000 });
    const copy = readRow('10 1000', { stream: TICKERS });
    expect(repeated([ticker, ticker], [copy, copy], [])).toEqual([]);
    expect(repeated([ticker, ticker], [copy, copy, copy], [])).toHaveLength(1);
  });

  test('one behind a later one of its code is out of order; a repeat is not', () => {
    const order = (names: string) =>
      idsOf(
        disordered(
          sent,
          [...names].map((id) => readRow(id)),
        ),
      );
    expect(order('12435')).toEqual(['3']);
    expect(order('123345')).toEqual([]);
    expect(order('123412345')).toEqual([]);
    expect(
      idsOf(
        disordered(
          [...sent, sentRow('1', { stream: TICKERS })],
          [...read, readRow('1', { stream: TICKERS })],
        ),
      ),
    ).toEqual([]);
  });

  test('a reader drops a fence below the highest of its key', () => {
    const rows = [
      readRow('1', { fence: 5 }),
      readRow('2', { fence: 4 }),
      readRow('3', { fence: 6, stream: TICKERS }),
      readRow('4', { fence: 5 }),
    ];
    expect(idsOf(keptByFence(rows))).toEqual(['1', '3', '4']);
  });
});

describe('waits', () => {
  const beyond = (row: ReadRow, suffered: Parameters<typeof waits>[1]) => waits([row], suffered)[0]?.beyond;
  const late = readRow('1', { appended: 11_001 });

  test('a late row is seen', () => {
    expect(beyond(readRow('1'), [])).toBe(49);
    expect(beyond(late, [])).toBe(10_000);
  });

  test('what was done to it is taken off, once, and only where it concerns the topic', () => {
    const outage = { name: 'outage', from: 3000, to: 9000 };
    expect(beyond(late, [outage])).toBe(4000);
    expect(beyond(late, [outage, { ...outage, from: 4000 }, { ...outage, from: 8000, to: 10_000 }])).toBe(
      3000,
    );
    expect(beyond(late, [{ ...outage, topics: ['trade-data.asia'] }])).toBe(10_000);
    expect(beyond(late, [{ ...outage, topics: ['trade-data.korea'] }])).toBe(4000);
    expect(
      beyond(late, [
        { ...outage, from: 0, to: 500 },
        { ...outage, from: 12_000, to: 20_000 },
      ]),
    ).toBe(10_000);
  });
});

test('what an independent client waited at the time is taken off once, and no more', () => {
  const late = readRow('1', { appended: 11_001 });
  const beats = [0, 200, 400, 5000, 5200].map((from) => ({ from, to: from + 300 }));
  const beyond = (spans: Parameters<typeof waits>[2]) => waits([late], [], spans)[0]?.beyond;
  expect(beyond(beats)).toBe(9700);
  expect(beyond([...beats, { from: 4000, to: 8000 }])).toBe(6000);
  expect(beyond([{ from: 13_000, to: 18_000 }])).toBe(10_000);
  expect(beyond([{ from: 0, to: 18_000 }])).toBe(0);
});

describe('gaps', () => {
  const told = (to: number | null, codes = ['KRW-BTC'], gap_id = 'a'): GapEvent => ({
    kind: 'gap',
    target: { exchange: 'kraken', request_type: 'trade' },
    gap: { gap_id, from: 1_000_000, to, cause: 'cut', codes },
  });
  const symbols = new Map([['kraken KRW-BTC', 'BTC/KRW']]);

  test('what was told last counts, code by code', () => {
    const gaps = lastTold([told(null, ['KRW-BTC', 'KRW-ETH']), told(2_000_000)], symbols);
    expect(gaps.map(({ stream, to }) => [stream, to])).toEqual([
      ['kraken trade BTC/KRW', 2_000_000],
      ['kraken trade KRW-ETH', null],
    ]);
  });

  test('two of a code are two, with ids or without', () => {
    const times = (events: readonly GapEvent[]) =>
      lastTold(events, symbols).map(({ from, to }) => [from, to]);
    const nameless = (from: number, to: number | null): GapEvent => ({
      ...told(to),
      gap: { from, to, cause: 'cut', codes: ['KRW-BTC'] },
    });
    expect(times([told(2_000_000), told(3_000_000, ['KRW-BTC'], 'b')])).toHaveLength(2);
    expect(times([nameless(1, null), nameless(5, 6), nameless(1, 2)])).toEqual([
      [1, 2],
      [5, 6],
    ]);
  });

  test('one that never ends is seen', () => {
    expect(
      neverEnded(lastTold([told(2_000_000), told(null, ['KRW-BTC'], 'b')], symbols)).map(({ id }) => id),
    ).toEqual(['b']);
    expect(neverEnded(lastTold([told(null), told(2_000_000)], symbols))).toEqual([]);
  });

  test('one that comes of nothing is seen', () => {
    const gap = gapOf(50_000, 51_000);
    expect(withoutCause([gap], [], 5000)).toEqual([gap]);
    expect(withoutCause([gap], [{ from: 30_000, to: 44_000 }], 5000)).toEqual([gap]);
    expect(withoutCause([gap], [{ from: 30_000, to: 46_000 }], 5000)).toEqual([]);
    expect(withoutCause([gap], [{ from: 51_500, to: 60_000 }], 5000)).toEqual([gap]);
    expect(withoutCause([gap], [{ from: 50_500, to: 60_000 }], 5000)).toEqual([]);
  });
});

describe('/readyz', () => {
  /**
   * A letter a second: r ready, w ready with a new warning, o with one that was there before all, p with the same of fewer codes,
   * u not ready, - no answer.
   */
  const samples = (letters: string): ReadySample[] =>
    [...letters].map((letter, second) => ({
      at: second * 1000,
      status: { u: 503, '-': 0 }[letter] ?? 200,
      said:
        {
          w: ['warning: {"what":"binance trade","why":"no data: A (1 of 3)"}'],
          o: ['warning: {"what":"binance trade","why":"not received: A, B (2 of 3)"}'],
          p: ['warning: {"what":"binance trade","why":"not received: B (1 of 3)"}'],
        }[letter] ?? [],
    }));
  const over = (letters: string, from: number, to: number, until?: number) =>
    readinessOver(samples(letters), { from: from * 1000, to: to * 1000 }, until && until * 1000);

  test('is timed from the beginning and from the end', () => {
    expect(over('rrruuuuurr', 2, 6)).toEqual({ toldAfterMs: 1000, toldShare: 1, readyAfterMs: 2000 });
    expect(over('rr--uurr', 2, 6)).toEqual({ toldAfterMs: 0, toldShare: 1, readyAfterMs: 0 });
    expect(over('rrrwwwrr', 2, 6)).toMatchObject({ toldAfterMs: 1000, readyAfterMs: 0 });
  });

  test('that says nothing, too late, or only what it said before, tells nothing', () => {
    expect(over('rrrrrrrrrr', 2, 6)).toEqual({ toldAfterMs: null, toldShare: 0, readyAfterMs: 0 });
    expect(over('rrrrrruuur', 2, 6).toldAfterMs).toBeNull();
    expect(over('roooooorrr', 2, 6).toldAfterMs).toBeNull();
    expect(over('roopporrrr', 2, 6).toldAfterMs).toBeNull();
    expect(over('roopwworrr', 2, 6).toldAfterMs).toBe(2000);
  });

  test('that takes it back is seen', () => {
    expect(over('rruruurrrr', 2, 6).toldShare).toBe(0.75);
  });

  test('that is ready for a moment only is not ready', () => {
    expect(over('rruuuururrr', 2, 5).readyAfterMs).toBe(3000);
    expect(over('rruuuuuuuuu', 2, 5).readyAfterMs).toBeNull();
    expect(over('rruuuuuurrr', 2, 5, 8).readyAfterMs).toBeNull();
    expect(over('rruuuurruuu', 2, 5, 8).readyAfterMs).toBe(1000);
  });
});

describe('memory', () => {
  const sample = (second: number, bytes: number, startedAt = 0) => ({ at: second * 1000, bytes, startedAt });
  const quiet = [
    { from: 0, to: 22_000 },
    { from: 28_000, to: 29_000 },
    { from: 31_000, to: 60_000 },
    { from: 62_000, to: 70_000 },
  ];

  test('a process is compared with itself, the least of its quiet times, and not while it is young', () => {
    const samples = [
      ...[sample(2, 5), sample(16, 100), sample(20, 140), sample(24, 900), sample(28, 115)],
      ...[sample(31, 9, 30_000), sample(50, 200, 30_000), sample(54, 260, 30_000), sample(64, 190, 30_000)],
    ];
    expect(memoryOver(samples, quiet)).toEqual({ peak: 900, settled: 260, growth: 15 });
  });

  test('one that grows is not hidden by another that starts small', () => {
    const samples = [sample(16, 100), sample(28, 400), sample(50, 120, 30_000), sample(64, 121, 30_000)];
    expect(memoryOver(samples, quiet).growth).toBe(300);
  });

  test('one quiet time tells nothing of growth', () => {
    expect(memoryOver([sample(16, 100)], quiet)).toEqual({ peak: 100, settled: 100, growth: null });
  });
});

describe('audit', () => {
  const region = () => 'korea';
  const found = { kind: 'minute', exchange: 'upbit', request_type: 'trade', from: 60_000_000 };
  const deleted = [{ topic: 'trade-data.korea', until: 90_000 }];

  test('what is gone with a topic is its doing, nothing else', () => {
    expect(notDeleted([found], deleted, region)).toEqual([]);
    const others = [
      { ...found, from: 120_000_000 },
      { ...found, request_type: 'ticker' },
      { ...found, kind: 'hole' },
    ];
    expect(notDeleted(others, deleted, region)).toEqual(others);
    expect(notDeleted([found], deleted, () => 'asia')).toEqual([found]);
  });
});

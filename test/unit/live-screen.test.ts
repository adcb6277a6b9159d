import { describe, expect, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import type { Figures } from '../../src/cli/live/figures.ts';
import { cut, duration, type Look, SORTS, screen } from '../../src/cli/live/screen.ts';
import { keysOf } from '../../src/cli/live/terminal.ts';

const LOOK: Look = { columns: 79, lines: 20, sort: 'name', filter: '', typing: false, offset: 0 };

function figures(exchange: string, type: string, more: Partial<Figures> = {}): Figures {
  return {
    ...{ exchange, type, state: 'live', codes: 20, rowsPerS: 12.34, last: 'KRW-BTC 106691000', ageS: 0.3 },
    ...{ waitS: 0.05, acknowledged: 123_456_789, ...more },
  } as Figures;
}

const all = EXCHANGES.flatMap(({ id }) => [figures(id, 'ticker'), figures(id, 'trade')]);

describe('22 streams on 80 columns and 24 lines', () => {
  test('fit, head, totals and keys included; no line is wider than the terminal', () => {
    const lines = screen(all, LOOK);
    expect(lines.length).toBeLessThanOrEqual(20);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(79);
    expect(lines[0]).toStartWith('stream');
    expect(lines.at(-2)).toStartWith('22 of 22 live · 440 codes · 271.5 rows/s');
    for (const { id } of EXCHANGES) expect(lines.join('\n')).toContain(`${id} ticker+trade`);
  });

  test('the last column is there where something of it can be read, and else not', () => {
    const head = (columns: number): string => screen(all, { ...LOOK, columns })[0] ?? '';
    expect(head(120)).toEndWith('last');
    expect(head(79)).toEndWith('acknowledged');
    expect(
      screen(all, LOOK)
        .slice(0, -2)
        .filter((line) => line.endsWith('…')),
    ).toEqual([]);
  });

  test('a larger terminal shows each', () => {
    const lines = screen(all, { ...LOOK, columns: 159, lines: 40 });
    expect(lines).toHaveLength(22 + 3);
    expect(lines.join('\n')).toContain('upbit trade');
  });

  test('a smaller one scrolls, to the end and no further', () => {
    const small = { ...LOOK, lines: 7 };
    expect(screen(all, small)).toHaveLength(7);
    expect(screen(all, small).at(-1)).toContain('1–4 of 11');
    expect(screen(all, { ...small, offset: 99 }).at(-1)).toContain('8–11 of 11');
  });

  test.each([1, 20, 79, 200])('%i columns are never passed', (columns) => {
    const odd = [figures('upbit', 'trade', { last: '김치-프리미엄 1e-7'.repeat(9) })];
    for (const line of screen(odd, { ...LOOK, columns }))
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  });
});

test('a fold is as grave as its worst, as old as its newest row', () => {
  const folded = screen(
    [
      figures('upbit', 'ticker', { state: 'stale', ageS: 300, waitS: 2 }),
      figures('upbit', 'trade'),
      ...all.filter(({ exchange }) => exchange !== 'upbit'),
    ],
    LOOK,
  ).find((line) => line.startsWith('upbit'));
  expect(folded).toMatch(/^upbit ticker\+trade\s+stale\s+40\s+24\.7\s+0\.3 s\s+2\.0 s/);
});

test('find and sort', () => {
  expect(screen(all, { ...LOOK, filter: 'UPB' })).toHaveLength(2 + 3);
  const quick = [
    figures('a', 'trade'),
    figures('b', 'trade', { rowsPerS: 99 }),
    figures('c', 'trade', { ageS: null, waitS: 9 }),
  ];
  const first = (sort: Look['sort']): string => screen(quick, { ...LOOK, sort })[1]?.slice(0, 1) ?? '';
  expect(SORTS.map(first)).toEqual(['a', 'b', 'c', 'c']);
  expect(screen(all, { ...LOOK, typing: true, filter: 'x' }).at(-1)).toBe('/x▏');
});

test.each([
  [0.04, '0.0 s'],
  [9.94, '9.9 s'],
  [75, '75 s'],
  [300, '5 min'],
  [10_800, '3 h'],
])('%p s are %s', (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

test('what is cut says so', () => {
  expect(cut('kor-coin-stream', 8)).toBe('kor-coi…');
  expect(cut('김치프리미엄', 6)).toBe('김치…');
  expect(cut('short', 8)).toBe('short');
});

test('keys that come in one piece are keys all the same', () => {
  expect(keysOf('/krak\r')).toEqual(['/', 'k', 'r', 'a', 'k', '\r']);
  expect(keysOf('\u001b[B\u001b[Bs\u001b')).toEqual(['\u001b[B', '\u001b[B', 's', '\u001b']);
  expect(keysOf('')).toEqual([]);
});

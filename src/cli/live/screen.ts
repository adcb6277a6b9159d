import { escapeControls } from '../../common/log-text.ts';
import { type Figures, foldByExchange, sum } from './figures.ts';

export const SORTS = ['name', 'rows/s', 'last data', 'oldest'] as const;
export type Sort = (typeof SORTS)[number];

/** How the table is looked at. */
export interface Look {
  readonly columns: number;
  /** Lines that the table may have. */
  readonly lines: number;
  readonly sort: Sort;
  readonly filter: string;
  /** Whether the filter is being typed. */
  readonly typing: boolean;
  /** Lines that were scrolled past. */
  readonly offset: number;
}

/** Head, totals and keys. */
const FRAME_LINES = 3;
const COLUMNS = [
  'stream',
  'state',
  'codes',
  'rows/s',
  'last data',
  'oldest',
  'acknowledged',
  'last',
] as const;
const RIGHT = new Set<string>(['codes', 'rows/s', 'last data', 'oldest', 'acknowledged']);
const GAP = 2;
/** The last column is left out where no more of it could be shown. */
const LEAST_LAST = 8;

/**
 * The table of all streams: its head, a line for each, totals, keys. No line is wider than the terminal, and there are
 * never more than it has room for: exchanges are folded first, then it scrolls.
 */
export function screen(all: readonly Figures[], look: Look): string[] {
  const found = all.filter(({ exchange, type }) => `${exchange} ${type}`.includes(look.filter.toLowerCase()));
  const room = Math.max(1, look.lines - FRAME_LINES);
  const shown = found.length > room ? foldByExchange(found) : [...found];
  shown.sort(order(look.sort));
  const most = Math.max(0, shown.length - room);
  const from = Math.min(look.offset, most);
  const body = shown.slice(from, from + room).map(cells);
  const widths = COLUMNS.map((head, i) => Math.max(head.length, ...body.map((row) => row[i]?.length ?? 0)));
  const fixed = widths.slice(0, -1).reduce((all, width) => all + width + GAP, 0);
  const fitting = look.columns - fixed < LEAST_LAST ? -1 : undefined;
  const line = (row: readonly string[]): string =>
    row
      .slice(0, fitting)
      .map((cell, i) =>
        RIGHT.has(COLUMNS[i] ?? '') ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join(' '.repeat(GAP))
      .trimEnd();
  return [line(COLUMNS), ...body.map(line), totals(all), keys(look, from, shown.length, room)].map((text) =>
    cut(text, look.columns),
  );
}

function order(sort: Sort): (a: Figures, b: Figures) => number {
  const name = (one: Figures): string => `${one.exchange} ${one.type}`;
  return (a, b) => {
    if (sort === 'rows/s') return b.rowsPerS - a.rowsPerS;
    if (sort === 'last data') return (b.ageS ?? Number.MAX_VALUE) - (a.ageS ?? Number.MAX_VALUE);
    if (sort === 'oldest') return b.waitS - a.waitS;
    return name(a) < name(b) ? -1 : 1;
  };
}

function cells({
  exchange,
  type,
  state,
  codes,
  rowsPerS,
  last,
  ageS,
  waitS,
  acknowledged,
}: Figures): string[] {
  return [
    `${exchange} ${type}`,
    state,
    String(codes),
    rowsPerS.toFixed(1),
    ageS === null ? '-' : duration(ageS),
    duration(waitS),
    String(acknowledged),
    last === null ? '-' : escapeControls(last),
  ];
}

function totals(all: readonly Figures[]): string {
  const live = all.filter(({ state }) => state === 'live').length;
  const waits = Math.max(0, ...all.map(({ waitS }) => waitS));
  return [
    `${live} of ${all.length} live`,
    `${sum(all, 'codes')} codes`,
    `${sum(all, 'rowsPerS').toFixed(1)} rows/s`,
    `oldest ${duration(waits)}`,
    `${sum(all, 'acknowledged')} acknowledged`,
  ].join(' · ');
}

function keys({ typing, filter, sort }: Look, from: number, all: number, room: number): string {
  if (typing) return `/${filter}▏`;
  const place = all > room ? ` · ↑ ↓ ${from + 1}–${Math.min(all, from + room)} of ${all}` : '';
  return `q ends · / finds${filter === '' ? '' : ` (${filter})`} · s sorts: ${sort}${place}`;
}

/** 0.3 s, 12 s, 5 min, 3 h: as short as it is exact enough. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** At most so many columns of a terminal, where some characters take two. */
export function cut(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let kept = '';
  let width = 1;
  for (const character of text) {
    width += Bun.stringWidth(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept}…`;
}

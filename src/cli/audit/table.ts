import type { AuditReport, CodeReport, Finding } from '../../core/audit/findings.ts';

/** Findings that people are shown. */
const SHOWN = 40;

const HEADS = [
  ...['exchange', 'type', 'code', 'rows', 'late', 'fenced', 'repeats', 'order'],
  ...['holes', 'missing', 'filled', 'links', 'unexplained'],
];
/** Of these words stand left, figures right. */
const WORDS = 3;

/** The report for people. */
export function tableOf(report: AuditReport): string {
  const { codes, streams, findings, notes, unexplained, rows, messages } = report;
  const minutes = streams.reduce((sum, one) => sum + one.minutes, 0);
  const shown = findings.slice(0, SHOWN);
  const more = unexplained - shown.length;
  const found = unexplained === 0 ? 'nothing is unexplained' : `${unexplained} unexplained`;
  return [
    ...aligned([HEADS, ...codes.map(cellsOf)]),
    '',
    `${streams.length} streams, ${minutes} minutes held against ws.metrics.processing`,
    ...notes,
    ...shown.map(lineOf),
    ...(more > 0 ? [`… and ${more} more`] : []),
    `${rows} rows of ${codes.length} codes in ${messages} messages: ${found}`,
  ].join('\n');
}

function cellsOf(code: CodeReport): string[] {
  const { exchange, request_type, code: name, rows, late, fenced, repeats, disordered } = code;
  const { holes, missing, filled, links, unexplained } = code;
  const figures = [rows, late, fenced, repeats, disordered, holes, missing, filled, links, unexplained];
  return [exchange, request_type, name, ...figures.map((figure) => (figure === null ? '-' : String(figure)))];
}

function lineOf({ kind, exchange, request_type, code, from, told }: Finding): string {
  const at = from === null ? '' : `${new Date(from / 1000).toISOString()}  `;
  const where = [exchange, request_type, code].filter((part) => part !== null && part !== '').join(' ');
  return `${kind.padEnd(7)} ${at}${where}${where === '' ? '' : ': '}${told}`;
}

function aligned(lines: readonly string[][]): string[] {
  const widths = HEADS.map((_, at) =>
    lines.reduce((most, cells) => Math.max(most, cells[at]?.length ?? 0), 0),
  );
  return lines.map((cells) =>
    cells
      .map((cell, at) => (at < WORDS ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

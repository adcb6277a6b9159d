import type {
  LiveCode,
  LiveExchange,
  LiveFinding,
  LiveReport,
  LiveStream,
} from '../../../core/live-check/findings.ts';

/** The report for people. */
export function textOfReport({ version, at, seconds, exchanges, findings }: LiveReport): string {
  const head = `kor-coin-stream ${version}, ${new Date(at / 1000).toISOString()}, ${seconds} s`;
  const parts = exchanges.map((one) =>
    exchangeText(
      one,
      findings.filter(({ exchange }) => exchange === one.exchange),
    ),
  );
  const end = findings.length === 0 ? 'everything is as it should be' : `${findings.length} findings`;
  return [head, '', ...parts, end].join('\n');
}

function exchangeText(
  { exchange, reached, clock_ms, clock_unsure_ms, streams, notes }: LiveExchange,
  findings: readonly LiveFinding[],
): string {
  const clock =
    clock_ms === null ? '' : `, its clock ${signed(Math.round(clock_ms))} ms (±${clock_unsure_ms ?? 0})`;
  const lines = [
    `${findings.length === 0 ? 'ok   ' : 'FAIL '} ${exchange}${reached ? clock : ': not reached'}`,
    ...streams.flatMap(streamLines),
    ...notes.map((note) => `      note: ${note}`),
    ...findings.map(findingLine),
    '',
  ];
  return lines.join('\n');
}

function streamLines(stream: LiveStream): string[] {
  const { request_type, frames, rows, rejected, control, opens, silence_s, lag_ms } = stream;
  const parts = [
    `${frames} frames, ${rows} rows, ${rejected} rejected, ${control} of control`,
    opens > 1 ? `${opens} sockets` : '',
    silence_s === null ? '' : `quiet for ${silence_s} s at most`,
    lag_ms === null ? '' : `${lag_ms} ms old`,
  ];
  return [
    `      ${request_type.padEnd(9)} ${parts.filter((part) => part !== '').join(', ')}`,
    ...stream.codes.map((code) => `        ${code.code.padEnd(12)} ${codeText(code)}`),
  ];
}

function codeText({
  rows,
  trades_same,
  visible_s,
  books,
  books_exact,
  levels,
  prices_same,
}: LiveCode): string {
  const parts = [`${rows} rows`];
  if (trades_same) parts.push(`${trades_same} trades are the same on REST`);
  if (visible_s?.seen != null) parts.push(`there after ${visible_s.seen} s`);
  if (visible_s?.unseen) parts.push(`not yet after ${visible_s.unseen} s`);
  if (books)
    parts.push(`${books} books of REST, ${books_exact} of the very state, ${levels} levels compared`);
  if (prices_same) parts.push(`${prices_same} prices of REST came`);
  if (!(trades_same || books || prices_same)) parts.push('not compared with REST');
  return parts.join(', ');
}

function findingLine({ kind, request_type, code, count, told }: LiveFinding): string {
  const where = [request_type, code].filter((part) => part !== null).join(' ');
  return `      ${kind}${where === '' ? '' : ` ${where}`}: ${told}${count > 1 ? ` (${count})` : ''}`;
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

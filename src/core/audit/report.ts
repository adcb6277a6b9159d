import type { Micros } from '../market/market.ts';
import { MINUTE } from '../pipeline/minute-stats.ts';
import type { Audit, StreamSeen } from './audit.ts';
import type { CodeAudit } from './code-audit.ts';
import type { AuditReport, CodeReport, Finding, StreamReport } from './findings.ts';
import type { GapRecords } from './gap-records.ts';
import type { Verdict } from './judge.ts';
import type { MinuteCount } from './minutes.ts';

/** Findings that are listed; the rest is counted. */
const LISTED = 1000;

/** What an audit found, by what is on record by now. */
export function reportOf(audit: Audit, notes: readonly string[]): AuditReport {
  const { findings, verdicts } = audit.judge.all(audit.codes.values());
  const streams = [...audit.streams.values()].map((stream) =>
    streamReport(stream, audit.gaps, findings, (at) => audit.within(at)),
  );
  for (const [topic, count] of audit.unreadable) findings.push(unreadable(topic, count));
  const own = new Map<string, number>();
  for (const finding of findings) own.set(nameOf(finding), (own.get(nameOf(finding)) ?? 0) + 1);
  const codes = [...audit.codes.values()].map((code) =>
    codeReport(code, verdicts.get(code), own.get(nameOf(code.identity)) ?? 0),
  );
  return {
    from: audit.options.from,
    to: audit.options.to,
    messages: audit.messages,
    rows: audit.rows,
    codes: codes.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    streams: streams.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    findings: findings.slice(0, LISTED),
    left_off: Math.max(0, findings.length - LISTED) + audit.judge.overflow,
    notes,
    unexplained: findings.length + audit.judge.overflow,
  };
}

function nameOf(one: { exchange: string; request_type: string; code?: string | null }): string {
  return `${one.exchange} ${one.request_type} ${one.code ?? ''}`;
}

function codeReport(code: CodeAudit, verdict: Verdict | undefined, unexplained: number): CodeReport {
  const counted = code.holes !== null;
  const books = code.identity.request_type === 'orderbook';
  return {
    ...code.identity,
    rows: code.rows,
    fenced: code.fenced,
    late: code.late,
    repeats: code.repeats,
    repeats_unexplained: verdict?.repeatsUnexplained ?? 0,
    disordered: code.disordered,
    holes: counted ? (verdict?.holes ?? 0) : null,
    missing: counted ? (verdict?.missing ?? 0) : null,
    filled: counted ? code.filled : null,
    holes_unexplained: counted ? (verdict?.holesUnexplained ?? 0) : null,
    links: books ? code.links : null,
    links_unexplained: books ? (verdict?.linksUnexplained ?? 0) : null,
    unexplained,
  };
}

/** Whether a time lies in the interval that is looked at. */
type Within = (at: Micros) => boolean;

function streamReport(
  stream: StreamSeen,
  gaps: GapRecords,
  findings: Finding[],
  within: Within,
): StreamReport {
  const { exchange, region, requestType, minutes, knownFrom } = stream;
  const told = minutes.told.filter(({ start }) => start >= knownFrom);
  let rowsMissing = 0;
  let rowsBeyond = 0;
  let unexplained = 0;
  for (const minute of told) {
    const missing = Math.max(0, minute.acknowledged - minute.all);
    const beyond = Math.max(0, minute.once - minute.made);
    rowsMissing += missing;
    rowsBeyond += beyond;
    if (missing > 0) findings.push(minuteFinding(exchange, requestType, minute, missing, MISSING));
    // A collector that was killed had no time to tell of its last minutes.
    const died = gaps.changed(`${exchange}|${requestType}`, minute.start, minute.start + MINUTE);
    if (beyond > 0 && !died) findings.push(minuteFinding(exchange, requestType, minute, beyond, BEYOND));
    unexplained += (missing > 0 ? 1 : 0) + (beyond > 0 && !died ? 1 : 0);
  }
  for (const at of gaps.untoldLosses(`${exchange}|${requestType}`).filter(within)) {
    unexplained++;
    findings.push({
      ...{ kind: 'loss', exchange, request_type: requestType, code: null, from: at, to: at },
      ...{ first_id: null, last_id: null, count: 1 },
      told: 'a connection was lost, and no gap record tells what was not received',
    });
  }
  return {
    ...{ exchange, region, request_type: requestType, minutes: told.length },
    ...{ rows_missing: rowsMissing, rows_beyond: rowsBeyond, unexplained },
  };
}

const MISSING = 'that Kafka acknowledged are not there';
const BEYOND = 'are there beyond those that the collector made';

function minuteFinding(
  exchange: string,
  request_type: string,
  { start }: MinuteCount,
  count: number,
  what: string,
): Finding {
  const minute = new Date(start / 1000).toISOString().slice(0, 16);
  return {
    ...{ kind: 'minute', exchange, request_type, code: null, from: start, to: start + MINUTE },
    ...{ first_id: null, last_id: null, count },
    told: `${count} rows of the minute ${minute}Z ${what}`,
  };
}

function unreadable(topic: string, count: number): Finding {
  return {
    ...{ kind: 'unreadable', exchange: '', request_type: '', code: null, from: null, to: null },
    ...{ first_id: null, last_id: null, count },
    told: `${count} messages of ${topic} cannot be decoded`,
  };
}

import type { Micros } from '../market/market.ts';
import { MINUTE } from '../pipeline/minute-stats.ts';
import { FenceRule, standingOf } from '../reading/fence-rule.ts';
import { type AuditRow, CodeAudit, type Identity, type TradeIds } from './code-audit.ts';
import type { AuditReport } from './findings.ts';
import { type EventValue, GapRecords } from './gap-records.ts';
import { Judge } from './judge.ts';
import { Minutes, type MinutesValue } from './minutes.ts';
import { reportOf } from './report.ts';

/** A data message, decoded. */
export interface DataValue extends Identity {
  readonly ticket_id: string;
  readonly data: readonly AuditRow[];
}

export interface AuditOptions {
  /** Rows received from here on; null: all. */
  readonly from: Micros | null;
  /** Rows received before this; null: all. */
  readonly to: Micros | null;
  /** Null where the exchange is not looked at. */
  tradeIds(exchange: string): TradeIds | null;
  /** Types that are looked at. */
  readonly types: readonly string[];
}

/** A stream as the audit sees it. */
export interface StreamSeen {
  readonly exchange: string;
  readonly region: string;
  readonly requestType: string;
  readonly minutes: Minutes;
  /** From when on all that was written is there to be read, µs. */
  knownFrom: Micros;
}

/**
 * Looks through what lies in the topics as a reader by the rules does, once, in the order of each partition: what
 * `ws.event` tells and the minutes of `ws.metrics.processing` first, then the rows, then what was told meanwhile. Its
 * memory is that of codes, holes, gap records and minutes, not of rows.
 */
export class Audit {
  readonly options: AuditOptions;
  readonly gaps = new GapRecords();
  readonly codes = new Map<string, CodeAudit>();
  readonly streams = new Map<string, StreamSeen>();
  readonly judge = new Judge(this.gaps);
  /** Messages that cannot be decoded, by topic. */
  readonly unreadable = new Map<string, number>();
  messages = 0;
  rows = 0;
  /** The latest time at which a minute of the interval was told, ms. */
  lastMinuteMs = 0;
  readonly #fences = new FenceRule();
  readonly #tickets = new Set<string>();

  constructor(options: AuditOptions) {
    this.options = options;
  }

  /** @param atMs Kafka's time of the message */
  event(value: EventValue, atMs: number): void {
    this.gaps.take(value, atMs);
  }

  /** A message of `ws.metrics.processing`. */
  minutes(value: MinutesValue, atMs: number): void {
    const { exchange, region, request_type, batch } = value;
    if (!this.#wanted(exchange, request_type) || this.#tickets.has(batch.ticket_id)) return;
    this.#tickets.add(batch.ticket_id);
    const { minutes } = this.#stream(exchange, region, request_type);
    for (const { minute_start_ts_kst, total_processed, total_acknowledged } of batch.items) {
      const start = minute_start_ts_kst * 1_000_000;
      if (!this.within(start) || !this.within(start + MINUTE - 1)) continue;
      this.lastMinuteMs = Math.max(this.lastMinuteMs, atMs);
      minutes.tell(start, total_processed, total_acknowledged);
    }
  }

  /** A message of a data topic, decoded. @param at topic and key */
  data(at: string, headers: Readonly<Record<string, string>>, value: DataValue): void {
    const { exchange, region, request_type, data } = value;
    if (!this.#wanted(exchange, request_type)) return;
    this.messages++;
    const standing = standingOf(headers);
    const late = standing.late !== null;
    const kept = this.#fences.keeps(at, standing);
    const code = this.#code(at, value);
    const { minutes } = this.#stream(exchange, region, request_type);
    const first = !kept || code.message(value.ticket_id, standing, data[0]?.received_at ?? 0);
    for (const row of data) {
      const within = this.within(row.received_at);
      if (!within && !late && row.stream_type !== 'BACKFILL') continue;
      this.rows++;
      if (!kept) code.fenced++;
      const fate = !kept ? 'dropped' : first ? code.take(row, late) : code.again(row);
      // The minutes of a collector are of what its sockets brought.
      if (within && row.stream_type !== 'BACKFILL') minutes.row(row.received_at, fate === 'once');
    }
  }

  /** A message of a topic that is no message. */
  unread(topic: string): void {
    this.unreadable.set(topic, (this.unreadable.get(topic) ?? 0) + 1);
  }

  /** Rows of the region that were received before are no longer there. */
  begins(region: string, type: string, at: Micros): void {
    for (const stream of this.streams.values())
      if (stream.region === region && stream.requestType === type)
        stream.knownFrom = Math.max(stream.knownFrom, at);
  }

  /** What was found, by what is on record by now. */
  report(notes: readonly string[] = []): AuditReport {
    return reportOf(this, notes);
  }

  #wanted(exchange: string, type: string): boolean {
    return this.options.types.includes(type) && this.options.tradeIds(exchange) !== null;
  }

  /** Whether what was received then is looked at. */
  within(at: Micros): boolean {
    const { from, to } = this.options;
    return (from === null || at >= from) && (to === null || at < to);
  }

  #stream(exchange: string, region: string, requestType: string): StreamSeen {
    const name = `${exchange}|${requestType}`;
    let stream = this.streams.get(name);
    if (!stream) {
      stream = { exchange, region, requestType, minutes: new Minutes(), knownFrom: 0 };
      this.streams.set(name, stream);
    }
    return stream;
  }

  #code(at: string, { exchange, region, request_type, symbol, code }: DataValue): CodeAudit {
    let audit = this.codes.get(at);
    if (!audit) {
      const ids = this.options.tradeIds(exchange) ?? 'unordered';
      audit = new CodeAudit({ exchange, region, request_type, symbol, code }, ids, this.judge);
      this.codes.set(at, audit);
    }
    return audit;
  }
}

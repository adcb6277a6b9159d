import type { Target } from '../../core/events.ts';
import { MINUTE, MinuteStats } from '../../core/pipeline/minute-stats.ts';
import type { Family, Message } from '../../core/ports.ts';

/** Version of the counting rules; docs/metrics.md states them. */
const RULES_VERSION = 1;
const BUCKET_S = 60;

/** How many codes a stream carried at the end of a minute, and how many of them had fallen silent. */
export interface CodeStates {
  readonly subscribed: number;
  readonly stale: number;
}

/** A minute of a stream in which nothing arrived. */
export function silentMinute(start: number): MinuteStats {
  return new MinuteStats(start);
}

/** One minute of one stream as its three messages. */
export function minuteMessages(target: Target, minute: MinuteStats, codes: CodeStates): Message[] {
  return [
    message('ws.metrics.reception', target, minute, {
      total_received: minute.frames,
      total_parsed: minute.parsed,
      total_parse_failed: minute.failed,
      bytes_received: minute.bytes,
    }),
    message('ws.metrics.processing', target, minute, {
      total_processed: minute.rows,
      total_failed: minute.rejected,
      total_acknowledged: minute.acked,
      details: rowsByCode(minute),
    }),
    message('ws.metrics.quality', target, minute, quality(minute, codes)),
  ];
}

function message(
  family: Family,
  { region, exchange, request_type }: Target,
  { start }: MinuteStats,
  figures: Readonly<Record<string, unknown>>,
): Message {
  const second = start / 1_000_000;
  return {
    family,
    region,
    key: `${region}|${exchange}|${request_type}`,
    correlationId: null,
    value: {
      ticket_id: crypto.randomUUID(),
      region,
      exchange,
      request_type,
      batch: {
        ticket_id: crypto.randomUUID(),
        range_start_ts_kst: second,
        range_end_ts_kst: second + BUCKET_S - 1,
        bucket_size_sec: BUCKET_S,
        items: [{ minute_start_ts_kst: second, ...figures }],
        version: RULES_VERSION,
      },
    },
  };
}

function rowsByCode({ codes }: MinuteStats): Record<string, number> {
  const rows: Record<string, number> = {};
  for (const count of codes) rows[count.market.code] = (rows[count.market.code] ?? 0) + count.rows;
  return rows;
}

/** The quality layer of a minute. */
export function quality(minute: MinuteStats, codes: CodeStates): Record<string, number | null> {
  const { network, delivery } = minute;
  const coverage = new Set(minute.codes.map(({ market }) => market.code)).size;
  const measured = network.count > 0;
  return {
    data_completeness: round(completeness(minute), 4),
    symbol_coverage: coverage,
    avg_latency_ms: ms(delivery.mean),
    p95_latency_ms: ms(delivery.percentile(0.95)),
    p99_latency_ms: ms(delivery.percentile(0.99)),
    avg_exchange_latency_ms: measured ? ms(network.mean) : null,
    p95_exchange_latency_ms: measured ? ms(network.percentile(0.95)) : null,
    p99_exchange_latency_ms: measured ? ms(network.percentile(0.99)) : null,
    codes_subscribed: codes.subscribed,
    codes_stale: codes.stale,
    health_score: round(health(minute, coverage, codes), 1),
  };
}

/** Rows that reached Kafka, of those that should have: repeats need not, what could not be read should have. */
function completeness({ rows, repeats, rejected, acked }: MinuteStats): number {
  const due = rows - repeats + rejected;
  return due === 0 ? 1 : Math.min(1, acked / due);
}

/** Mean arrival → acknowledgement up to which the score is full, and from which on it has nothing; µs. */
const GOOD_LATENCY = 250_000;
const BAD_LATENCY = 2_000_000;

/**
 * 0 where nothing came; else 60 for completeness, 30 for latency, 10 for the codes that brought rows, and of that the
 * part of the codes that have not fallen silent: a stream that has as a whole scores 0 before its first empty minute.
 */
function health(minute: MinuteStats, coverage: number, { subscribed, stale }: CodeStates): number {
  if (minute.rows === 0) return 0;
  const slow = (minute.delivery.mean - GOOD_LATENCY) / (BAD_LATENCY - GOOD_LATENCY);
  const latency = 30 * (1 - Math.min(1, Math.max(0, slow)));
  const wanted = Math.max(1, Math.min(3, subscribed));
  const score =
    60 * completeness(minute) + (minute.acked === 0 ? 0 : latency) + 10 * Math.min(1, coverage / wanted);
  return score * (1 - stale / Math.max(1, subscribed));
}

/** µs → ms, 2 decimals. */
function ms(micros: number): number {
  return round(micros / 1000, 2);
}

function round(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}

/** The start of the minute that `at` lies in. */
export function minuteOf(at: number): number {
  return at - (at % MINUTE);
}

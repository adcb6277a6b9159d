import type { FillFigures } from '../../application/backfill/fill-parts.ts';
import type { RunningStream } from '../../application/streams/stream.ts';
import type { CodeSnapshot } from '../../core/connection/snapshot.ts';
import type { Lane } from '../../core/pipeline/lane.ts';
import type { OutboxState } from '../kafka/recover/open-spool.ts';
import { type Reason, readiness, warnings } from './health.ts';
import type { Observed } from './observed.ts';
import { waiting } from './unacknowledged.ts';

/** Everything a person or script may ask about the collector, as JSON with times in epoch µs. */
export function status(observed: Observed): Record<string, unknown> {
  const { version, collectorId, drivers, clock, orchestrator, messaging, store, budget } = observed;
  const { ready, reasons }: { ready: boolean; reasons: readonly Reason[] } = readiness(observed);
  const streams = orchestrator.streams();
  const { outbox, ...told } = messaging.state();
  const exchanges = [...new Set(streams.map(({ target }) => target.exchange))];
  return {
    ...version,
    collector_id: collectorId,
    now: clock.micros(),
    uptime_s: Math.round(Date.now() / 1000 - observed.process.startedAt),
    ready,
    reasons,
    warnings: warnings(observed),
    drivers: {
      messaging: drivers.messaging,
      messaging_reason: drivers.messagingReason,
      state: drivers.state,
      state_reason: drivers.stateReason,
      use_avro: drivers.useAvro,
    },
    oldest_unacknowledged_s: oldest(observed),
    messaging: { bootstrap: messaging.bootstrap, ...told },
    outbox: outboxStatus(outbox, clock.micros()),
    schemas: observed.schemas(),
    store: { driver: drivers.state, available: store.available, reason: store.reason },
    leases: orchestrator.leases(),
    backfill: Object.fromEntries(
      observed.backfill.figures().map(({ exchange, figures }) => [exchange, figures]),
    ),
    budget: { used_bytes: budget.used, total_bytes: budget.total, stream_share_bytes: budget.share },
    breakers: observed.breakers(),
    errors: Object.fromEntries(observed.errors()),
    exchanges: Object.fromEntries(exchanges.map((id) => [id, exchangeStatus(observed, id)])),
    streams: streams.map((stream) => streamStatus(observed, stream)),
  };
}

function outboxStatus(outbox: OutboxState | null, now: number): Record<string, unknown> | null {
  if (outbox === null) return null;
  const { oldestAt } = outbox;
  return {
    state: outbox.state,
    reason: outbox.reason || null,
    messages: outbox.messages,
    bytes: outbox.bytes,
    oldest_s: oldestAt === null ? null : tenths(Math.max(0, now - oldestAt) / 1000),
    disk_left_bytes: outbox.diskLeft,
    spilling: outbox.spilling,
    comparing: outbox.comparing,
    trouble: outbox.trouble,
    totals: {
      appended: outbox.appended,
      bytes_written: outbox.bytesWritten,
      released: outbox.released,
      not_kept: outbox.notKept,
      lost: outbox.lost,
      spilled: outbox.shelved,
      read_back: outbox.readBack,
    },
  };
}

/** How long the oldest row, and the oldest message about the data, have been waiting; 0 where none waits. */
function oldest(observed: Observed): Record<string, number> {
  const { rowsMs, messagesMs } = waiting(observed);
  return { rows: tenths(rowsMs), messages: tenths(messagesMs) };
}

/** ms → s, to a tenth. */
function tenths(ms: number): number {
  return Math.round(ms / 100) / 10;
}

function exchangeStatus({ lists, offsets, clock }: Observed, id: string): Record<string, unknown> {
  const { error, refreshedAt, listed } = lists.state(id);
  return {
    markets: listed,
    market_list_error: error,
    market_list_age_s: refreshedAt === null ? null : Math.round((clock.now() - refreshedAt) / 1000),
    clock_offset: offsets.of(id),
  };
}

/** One stream down to its codes. */
export function streamStatus(observed: Observed, stream: RunningStream): Record<string, unknown> {
  const { target, stats, desired } = stream;
  const { rows, acked, bytes } = observed.live.of(target);
  const { network, delivery } = stats.recent();
  const shards = stream.shards();
  const lanes = new Map(Array.from(stream.lanes, (lane) => [lane.market.symbol, lane]));
  return {
    ...target,
    state: stream.state,
    reason: shards.find(({ connection }) => connection.reason !== null)?.connection.reason ?? null,
    paused: stream.paused,
    connection_id: stream.connectionId,
    correlation_id: desired.correlation_id,
    started_at: stream.startedAt,
    selector: desired.selector,
    queued_bytes: stream.queuedBytes,
    oldest_unacknowledged_s: tenths(stream.waitedMs),
    rates: { rows_per_s: rows, acked_per_s: acked, bytes_per_s: bytes },
    totals: {
      frames: stats.frames,
      bytes: stats.bytes,
      parsed: stats.parsed,
      failed: stats.failed,
      rejected: stats.rejected,
      rows: stats.rows,
      repeats: stats.repeats,
      acknowledged: stats.acked,
      undelivered: stats.undelivered,
      missing_trades: stats.missing,
      sockets_opened: stats.sockets,
    },
    latency_ms: {
      exchange: percentiles(network),
      acknowledged: percentiles(delivery),
    },
    backfill: target.request_type === 'trade' ? backfillOf(observed, target.exchange) : null,
    shards: shards.map(({ shard, connection: { codes, lastError, retryAt, ...connection } }) => ({
      shard,
      ...connection,
      retry_at: retryAt,
      last_error: lastError,
      codes: codes.length,
    })),
    shards_elsewhere: observed.orchestrator.elsewhere(target),
    codes: shards.flatMap(({ shard, connection }) =>
      connection.codes.map((code) =>
        codeStatus(code, shard, lanes.get(code.symbol), observed.clock.micros()),
      ),
    ),
    gaps: observed.gaps.latest(target).map(({ gap }) => gap),
  };
}

/** Null where the past trades of the exchange are not fetched. */
function backfillOf({ backfill }: Observed, id: string): FillFigures | null {
  return backfill.figures().find(({ exchange }) => exchange === id)?.figures ?? null;
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

/** p50, p95 and p99 in milliseconds; null where there was no row. */
function percentiles(of: {
  count: number;
  percentile(fraction: number): number;
}): Record<string, number> | null {
  if (of.count === 0) return null;
  const ms = (fraction: number): number => Math.round(of.percentile(fraction) / 10) / 100;
  return { p50: ms(0.5), p95: ms(0.95), p99: ms(0.99) };
}

function codeStatus(
  { symbol, code, confirmed, refused, unconfirmed, stale, missing, lastDataAt: live, breaks }: CodeSnapshot,
  shard: number,
  lane: Lane | undefined,
  now: number,
): Record<string, unknown> {
  // What an exchange repeats when it is subscribed is no news: it counts where there was nothing else.
  const lastDataAt = live ?? (lane?.lastReceivedAt || null);
  return {
    code,
    symbol,
    shard,
    confirmed,
    refused,
    unconfirmed,
    stale,
    in_gap: missing,
    last_data_at: lastDataAt,
    fresh_s: lastDataAt === null ? null : Math.max(0, Math.round((now - lastDataAt) / 1e5) / 10),
    last_price: lane && Number.isFinite(lane.lastPrice) ? lane.lastPrice : null,
    bid: finite(lane?.book.bid),
    ask: finite(lane?.book.ask),
    breaks,
    received: lane?.received ?? 0,
    repeats: lane?.repeats ?? 0,
    acknowledged: lane?.acked ?? 0,
    missing_trades: lane?.missing ?? 0,
  };
}

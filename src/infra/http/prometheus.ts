import type { RunningStream } from '../../application/streams/stream.ts';
import { ERRORS } from '../../common/errors.ts';
import { Exposition } from '../../common/metrics.ts';
import type { ConnectionSnapshot } from '../../core/connection/snapshot.ts';
import { FILL_STATES, GAP_CAUSES, type StreamState } from '../../core/events.ts';
import type { OutboxState } from '../kafka/recover/open-spool.ts';
import { maxFiles, openFiles } from '../process/open-files.ts';
import { dependencyReasons, readiness } from './health.ts';
import { METRICS, type MetricName } from './metric-table.ts';
import type { Observed } from './observed.ts';
import { waiting as unacknowledged } from './unacknowledged.ts';

/** Upper bounds in seconds. */
const DELAYS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const LAGS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

const STATES: readonly StreamState[] = ['connecting', 'live', 'stale', 'backoff', 'blocked', 'stopped'];
const BREAKER_STATES = ['closed', 'open', 'half_open'];

type Out = Exposition<MetricName>;

/** Everything countable, in the Prometheus text format. */
export function prometheus(observed: Observed): string {
  const out = new Exposition(METRICS);
  const { version, collectorId } = observed;
  const leases = observed.orchestrator.leases();
  const { version: release, commit, bun, librdkafka } = version;
  const build = { version: release, commit, bun, librdkafka: librdkafka ?? '', collector_id: collectorId };
  out.add('kcs_build_info', 1, build);
  out.add('kcs_ready', readiness(observed).ready ? 1 : 0);
  addTotals(out, observed);
  for (const stream of observed.orchestrator.streams()) addStream(out, stream, observed.codeLabels);
  if (leases) {
    out.add('kcs_collectors', leases.collectors.length);
    out.add('kcs_leases_held', leases.held);
    out.add('kcs_leases_lost_total', leases.lost);
    out.add('kcs_leases_handed_over_total', leases.given);
  }
  addExchanges(out, observed);
  addBackfill(out, observed);
  addKafka(out, observed);
  addProcess(out, observed);
  return out.text();
}

/** Totals of a stream go on after it was stopped, as counters do. */
function addTotals(out: Out, { figures, gaps }: Observed): void {
  for (const { target, stats } of figures.all()) {
    const labels = { exchange: target.exchange, request_type: target.request_type };
    out.add('kcs_frames_received_total', stats.frames, labels);
    out.add('kcs_frames_parsed_total', stats.parsed, labels);
    out.add('kcs_frames_failed_total', stats.failed, labels);
    out.add('kcs_received_bytes_total', stats.bytes, labels);
    out.add('kcs_rows_received_total', stats.rows, labels);
    out.add('kcs_rows_rejected_total', stats.rejected, labels);
    out.add('kcs_rows_repeated_total', stats.repeats, labels);
    out.add('kcs_rows_acknowledged_total', stats.acked, labels);
    out.add('kcs_rows_undelivered_total', stats.undelivered, labels);
    out.add('kcs_batches_acknowledged_total', stats.batches, labels);
    out.add('kcs_acknowledged_bytes_total', stats.ackedBytes, labels);
    out.add('kcs_trades_missing_total', stats.missing, labels);
    out.add('kcs_sockets_opened_total', stats.sockets, labels);
    out.add('kcs_answers_dropped_total', stats.unanswered, labels);
    out.addHistogram('kcs_exchange_delay_seconds', stats.network().clipped, DELAYS, labels);
    out.addHistogram('kcs_acknowledge_delay_seconds', stats.delivery(), DELAYS, labels);
    // A counter that begins at its first increase hides it, so that every one begins at 0.
    for (const cause of GAP_CAUSES) {
      const { gaps: count, codeSeconds } = gaps.of(target, cause);
      out.add('kcs_gaps_total', count, { ...labels, cause });
      out.add('kcs_gap_code_seconds_total', codeSeconds, { ...labels, cause });
    }
  }
}

function addStream(out: Out, stream: RunningStream, perCode: boolean): void {
  const { exchange, request_type } = stream.target;
  const labels = { exchange, request_type };
  const connections = stream.snapshots();
  out.addState('kcs_stream_state', STATES, stream.state, labels);
  out.add('kcs_stream_sockets', connections.flatMap(({ sockets }) => sockets).length, labels);
  for (const [status, count] of Object.entries(codeCounts(connections)))
    out.add('kcs_stream_codes', count, { ...labels, status });
  out.add('kcs_stream_paused', stream.paused ? 1 : 0, labels);
  out.add('kcs_stream_queued_bytes', stream.queuedBytes, labels);
  out.add('kcs_stream_oldest_unacknowledged_seconds', stream.waitedMs / 1000, labels);
  let last = 0;
  for (const lane of stream.lanes) {
    last = Math.max(last, lane.lastReceivedAt);
    if (!perCode) continue;
    const code = { ...labels, code: lane.market.code };
    out.add('kcs_code_last_row_timestamp_seconds', lane.lastReceivedAt / 1e6, code);
    out.add('kcs_code_rows_received_total', lane.received, code);
  }
  out.add('kcs_stream_last_row_timestamp_seconds', last === 0 ? null : last / 1e6, labels);
}

/** How many codes of the connections are what. */
export function codeCounts(connections: readonly ConnectionSnapshot[]) {
  const counts = { subscribed: 0, confirmed: 0, refused: 0, unconfirmed: 0, stale: 0, in_gap: 0 };
  for (const { codes } of connections) {
    for (const code of codes) {
      counts.subscribed++;
      if (code.confirmed) counts.confirmed++;
      if (code.refused !== null) counts.refused++;
      if (code.unconfirmed !== null) counts.unconfirmed++;
      if (code.stale) counts.stale++;
      if (code.missing) counts.in_gap++;
    }
  }
  return counts;
}

function addExchanges(out: Out, { figures, lists, offsets, clock, breakers }: Observed): void {
  for (const exchange of new Set(figures.all().map(({ target }) => target.exchange))) {
    const { error, refreshedAt, listed } = lists.state(exchange);
    const age = refreshedAt === null ? null : (clock.now() - refreshedAt) / 1000;
    const clocks = offsets.of(exchange);
    out.add('kcs_market_list_up', error === null && refreshedAt !== null ? 1 : 0, { exchange });
    out.add('kcs_market_list_age_seconds', age, { exchange });
    out.add('kcs_market_list_markets', listed, { exchange });
    out.add('kcs_exchange_clock_offset_seconds', clocks?.offset ?? null, { exchange });
    out.add('kcs_exchange_clock_uncertainty_seconds', clocks?.uncertainty ?? null, { exchange });
  }
  for (const { host, state } of breakers())
    out.addState('kcs_host_breaker_state', BREAKER_STATES, state, { host });
}

function addBackfill(out: Out, { backfill, clock }: Observed): void {
  for (const { exchange, figures } of backfill.figures()) {
    const { oldest } = figures;
    out.add('kcs_backfill_queued', figures.queued, { exchange });
    out.add('kcs_backfill_waiting', figures.waiting, { exchange });
    const age = oldest === null ? 0 : Math.max(0, (clock.micros() - oldest) / 1e6);
    out.add('kcs_backfill_oldest_seconds', age, { exchange });
    out.add('kcs_backfill_rows_total', figures.rows, { exchange });
    out.add('kcs_backfill_requests_total', figures.requests, { exchange });
    out.add('kcs_backfill_refused_total', figures.refused, { exchange });
    for (const state of FILL_STATES) out.add('kcs_backfill_codes_total', figures[state], { exchange, state });
  }
}

function addKafka(out: Out, observed: Observed): void {
  const { messaging, budget } = observed;
  const { rowsMs, messagesMs } = unacknowledged(observed);
  const { breaker, waiting, inFlight, delivered, retried, refused, dropped, renewed, outbox, client } =
    messaging.state();
  out.add('kcs_oldest_unacknowledged_seconds', rowsMs / 1000, { what: 'rows' });
  out.add('kcs_oldest_unacknowledged_seconds', messagesMs / 1000, { what: 'messages' });
  out.add('kcs_budget_bytes', budget.used);
  out.add('kcs_budget_limit_bytes', budget.total);
  if (breaker) {
    out.addState('kcs_kafka_breaker_state', BREAKER_STATES, breaker.state);
    out.add('kcs_kafka_breaker_opened_total', breaker.opened);
  }
  out.add('kcs_kafka_waiting_messages', waiting.messages);
  out.add('kcs_kafka_waiting_bytes', waiting.bytes);
  out.add('kcs_kafka_in_flight_messages', inFlight.messages);
  out.add('kcs_kafka_in_flight_bytes', inFlight.bytes);
  out.add('kcs_kafka_delivered_messages_total', delivered.messages);
  out.add('kcs_kafka_delivered_bytes_total', delivered.bytes);
  out.add('kcs_kafka_retried_messages_total', retried);
  out.add('kcs_kafka_refused_messages_total', refused.messages);
  out.add('kcs_kafka_refused_rows_total', refused.rows);
  for (const [topic, count] of dropped) out.add('kcs_kafka_dropped_messages_total', count, { topic });
  out.add('kcs_kafka_producers_renewed_total', renewed);
  if (outbox) addOutbox(out, outbox, observed.clock.micros());
  if (!client) return;
  out.add('kcs_kafka_client_queue_messages', client.queuedMessages);
  out.add('kcs_kafka_client_queue_bytes', client.queuedBytes);
  out.add('kcs_kafka_client_sent_messages_total', client.sentMessages);
  out.add('kcs_kafka_client_sent_bytes_total', client.sentBytes);
  out.add('kcs_kafka_client_requests_total', client.requests);
  for (const { name, state, rttAvgMs, rttP99Ms, requestErrors } of client.brokers) {
    const labels = { broker: name };
    out.add('kcs_kafka_broker_up', state === 'UP' ? 1 : 0, labels);
    out.add('kcs_kafka_broker_rtt_seconds', rttAvgMs / 1000, labels);
    out.add('kcs_kafka_broker_rtt_p99_seconds', rttP99Ms / 1000, labels);
    out.add('kcs_kafka_broker_request_errors_total', requestErrors, labels);
  }
}

function addOutbox(out: Out, outbox: OutboxState, now: number): void {
  const { oldestAt } = outbox;
  out.add('kcs_outbox_up', outbox.state === 'ok' ? 1 : 0);
  out.add('kcs_outbox_messages', outbox.messages);
  out.add('kcs_outbox_bytes', outbox.bytes);
  out.add('kcs_outbox_oldest_seconds', oldestAt === null ? 0 : Math.max(0, now - oldestAt) / 1e6);
  out.add('kcs_outbox_disk_free_bytes', outbox.diskLeft);
  out.add('kcs_outbox_spilling_topics', outbox.spilling.length);
  out.add('kcs_outbox_appended_messages_total', outbox.appended);
  out.add('kcs_outbox_written_bytes_total', outbox.bytesWritten);
  out.add('kcs_outbox_released_messages_total', outbox.released);
  out.add('kcs_outbox_not_kept_messages_total', outbox.notKept);
  out.add('kcs_outbox_lost_messages_total', outbox.lost);
  out.add('kcs_outbox_spilled_messages_total', outbox.shelved);
  out.add('kcs_outbox_read_back_messages_total', outbox.readBack);
}

function addProcess(out: Out, observed: Observed): void {
  const { process: own, drivers, errors, commands } = observed;
  const away = new Set(dependencyReasons(observed).map(({ what }) => what));
  for (const dependency of [drivers.messaging, drivers.state])
    out.add('kcs_dependency_up', away.has(dependency) ? 0 : 1, { dependency });
  const { repeated, ...outcomes } = commands.counts;
  for (const [outcome, count] of Object.entries(outcomes)) out.add('kcs_commands_total', count, { outcome });
  out.add('kcs_commands_repeated_total', repeated);
  out.add('kcs_commands_waiting', commands.waiting ? 1 : 0);
  const counted = errors();
  for (const code of Object.keys(ERRORS)) out.add('kcs_errors_total', counted.get(code) ?? 0, { code });
  const schemas = observed.schemas();
  if (schemas) {
    out.add('kcs_schema_registry_up', schemas.away === null ? 1 : 0);
    out.add('kcs_schemas_wrong', schemas.wrong.length);
  }
  out.add('kcs_log_lines_dropped_total', own.droppedLogLines());
  out.addHistogram('kcs_event_loop_lag_seconds', own.lag, LAGS);
  out.add('kcs_process_start_time_seconds', own.startedAt);
  out.add('kcs_process_cpu_seconds_total', own.cpuSeconds());
  out.add('kcs_process_resident_memory_bytes', own.residentBytes());
  const { used, external } = own.heap();
  out.add('kcs_process_heap_bytes', used);
  out.add('kcs_process_external_memory_bytes', external);
  out.add('kcs_process_open_fds', openFiles());
  out.add('kcs_process_max_fds', maxFiles());
}

import type { MetricDefinition } from '../../common/metrics.ts';

function counter(help: string, ...labels: string[]): MetricDefinition {
  return { type: 'counter', help, labels };
}

function gauge(help: string, ...labels: string[]): MetricDefinition {
  return { type: 'gauge', help, labels };
}

function histogram(help: string, ...labels: string[]): MetricDefinition {
  return { type: 'histogram', help, labels };
}

const STREAM = ['exchange', 'request_type'] as const;

/** Every Prometheus metric of the program; docs/metrics.md holds the same table. Counters count since the start. */
export const METRICS = {
  kcs_build_info: gauge(
    'Always 1; the labels say what is running.',
    'version',
    'commit',
    'bun',
    'librdkafka',
    'collector_id',
  ),
  kcs_ready: gauge('1 while /readyz says so.'),
  kcs_dependency_up: gauge('1 while the broker, or the state store, can be used.', 'dependency'),

  kcs_frames_received_total: counter('Frames that arrived.', ...STREAM),
  kcs_frames_parsed_total: counter('Frames read without fault.', ...STREAM),
  kcs_frames_failed_total: counter('Frames with something unreadable in them.', ...STREAM),
  kcs_received_bytes_total: counter('Payload bytes of frames, as they came.', ...STREAM),
  kcs_rows_received_total: counter('Rows made out of frames, repeats included.', ...STREAM),
  kcs_rows_rejected_total: counter('Frames, or elements of them, that did not become a row.', ...STREAM),
  kcs_rows_repeated_total: counter('Rows that had come before, over another socket or again.', ...STREAM),
  kcs_rows_acknowledged_total: counter('Rows that Kafka acknowledged.', ...STREAM),
  kcs_rows_undelivered_total: counter(
    'Rows given up on: refused for good, or at the stop deadline.',
    ...STREAM,
  ),
  kcs_batches_acknowledged_total: counter('Messages of rows that Kafka acknowledged.', ...STREAM),
  kcs_acknowledged_bytes_total: counter(
    'Bytes of the messages of rows that Kafka acknowledged, uncompressed.',
    ...STREAM,
  ),
  kcs_trades_missing_total: counter('Trades that never came, by the holes in their ids.', ...STREAM),
  kcs_gaps_total: counter(
    'Intervals in which codes were not received, counted when they are over.',
    ...STREAM,
    'cause',
  ),
  kcs_gap_code_seconds_total: counter(
    'Seconds that codes were not received, times the codes, counted when the interval is over.',
    ...STREAM,
    'cause',
  ),
  kcs_backfill_queued: gauge('Codes of gaps whose missed trades are to be fetched.', 'exchange'),
  kcs_backfill_waiting: gauge('Of those, codes that have not traded since their gap.', 'exchange'),
  kcs_backfill_oldest_seconds: gauge(
    'Since when the oldest gap is to be filled of a code that has traded since; 0 where there is none.',
    'exchange',
  ),
  kcs_backfill_rows_total: counter(
    'Trades that were fetched afterwards and that Kafka acknowledged.',
    'exchange',
  ),
  kcs_backfill_requests_total: counter('Pages of past trades that were asked for.', 'exchange'),
  kcs_backfill_refused_total: counter('Pages of past trades that were not had.', 'exchange'),
  kcs_backfill_codes_total: counter(
    'Codes of gaps by what became of them: complete, partial, impossible.',
    'exchange',
    'state',
  ),
  kcs_sockets_opened_total: counter('Sockets opened or tried.', ...STREAM),
  kcs_answers_dropped_total: counter(
    'Answers the exchange asked for that were not sent: a later one stood for them, or its limits forbade it.',
    ...STREAM,
  ),
  kcs_stream_state: gauge('1 for the state the stream is in.', ...STREAM, 'state'),
  kcs_stream_sockets: gauge('Sockets that are open or opening.', ...STREAM),
  kcs_stream_codes: gauge(
    'Codes that are subscribed, and those of them that are confirmed, refused, unconfirmed, stale, in_gap.',
    ...STREAM,
    'status',
  ),
  kcs_stream_paused: gauge('1 while the byte budget keeps the stream from reading.', ...STREAM),
  kcs_stream_queued_bytes: gauge('Bytes received and not acknowledged.', ...STREAM),
  kcs_stream_oldest_unacknowledged_seconds: gauge(
    'How long the oldest row has been waiting for its acknowledgement; 0 while none waits.',
    ...STREAM,
  ),
  kcs_stream_last_row_timestamp_seconds: gauge('When a row arrived last.', ...STREAM),
  kcs_exchange_delay_seconds: histogram(
    'Exchange event to arrival of acknowledged rows, by both clocks; below 0 counts as 0.',
    ...STREAM,
  ),
  kcs_acknowledge_delay_seconds: histogram('Arrival of a row to its acknowledgement by Kafka.', ...STREAM),
  kcs_code_last_row_timestamp_seconds: gauge('When a row of the code arrived last.', ...STREAM, 'code'),
  kcs_code_rows_received_total: counter('Rows of the code since its stream started.', ...STREAM, 'code'),

  kcs_market_list_up: gauge('1 where the last refresh of the market list succeeded.', 'exchange'),
  kcs_market_list_age_seconds: gauge('Time since the market list was read.', 'exchange'),
  kcs_market_list_markets: gauge('Markets in the market list.', 'exchange'),
  kcs_exchange_clock_offset_seconds: gauge("How far the exchange's clock is ahead of ours.", 'exchange'),
  kcs_exchange_clock_uncertainty_seconds: gauge('The clock offset is true to this, either way.', 'exchange'),
  kcs_host_breaker_state: gauge('1 for the state of the breaker before a host.', 'host', 'state'),

  kcs_collectors: gauge('Collectors that are alive on this state store, this one included.'),
  kcs_leases_held: gauge('Shards that this collector streams.'),
  kcs_leases_lost_total: counter('Shards that another collector took while this one streamed them.'),
  kcs_leases_handed_over_total: counter('Shards given to a collector that had fewer.'),

  kcs_oldest_unacknowledged_seconds: gauge(
    'How long the oldest has been waiting for its acknowledgement: of all rows, of the messages about the data.',
    'what',
  ),
  kcs_budget_bytes: gauge('Bytes received and not acknowledged, of all streams.'),
  kcs_budget_limit_bytes: gauge('Bytes at which all reading stops.'),
  kcs_kafka_breaker_state: gauge('1 for the state of the breaker before Kafka.', 'state'),
  kcs_kafka_breaker_opened_total: counter('How often the breaker before Kafka opened.'),
  kcs_kafka_waiting_messages: gauge('Messages that wait for the breaker or the producer.'),
  kcs_kafka_waiting_bytes: gauge('Bytes that wait for the breaker or the producer.'),
  kcs_kafka_in_flight_messages: gauge('Messages the producer has and no broker acknowledged yet.'),
  kcs_kafka_in_flight_bytes: gauge('Bytes the producer has and no broker acknowledged yet.'),
  kcs_kafka_delivered_messages_total: counter('Messages Kafka acknowledged, those about the data included.'),
  kcs_kafka_delivered_bytes_total: counter('Bytes of the messages Kafka acknowledged, uncompressed.'),
  kcs_kafka_retried_messages_total: counter('Messages that were sent again.'),
  kcs_kafka_refused_messages_total: counter('Messages that Kafka will never take.'),
  kcs_kafka_refused_rows_total: counter('Rows in messages that Kafka will never take.'),
  kcs_kafka_dropped_messages_total: counter(
    'Messages about the data that gave way because Kafka took none for long.',
    'topic',
  ),
  kcs_kafka_producers_renewed_total: counter('Producers replaced after a fatal error.'),
  kcs_outbox_up: gauge('1 while the outbox takes messages.'),
  kcs_outbox_messages: gauge('Messages on disk that Kafka has not acknowledged.'),
  kcs_outbox_bytes: gauge('Size of the files of the outbox.'),
  kcs_outbox_oldest_seconds: gauge('How long the oldest message has been on disk; 0 while there is none.'),
  kcs_outbox_disk_free_bytes: gauge('What the file system of the outbox has left for it.'),
  kcs_outbox_spilling_topics: gauge('Topics of which messages lie on disk alone.'),
  kcs_outbox_appended_messages_total: counter('Messages given to the outbox.'),
  kcs_outbox_written_bytes_total: counter('Bytes written by the outbox.'),
  kcs_outbox_released_messages_total: counter('Messages that are at their end.'),
  kcs_outbox_not_kept_messages_total: counter('Messages that the outbox did not take, or could not write.'),
  kcs_outbox_lost_messages_total: counter('Messages that cannot be read any more.'),
  kcs_outbox_spilled_messages_total: counter('Messages that memory let go of.'),
  kcs_outbox_read_back_messages_total: counter('Messages that were read back.'),
  kcs_kafka_client_queue_messages: gauge("Messages in librdkafka's queues."),
  kcs_kafka_client_queue_bytes: gauge("Bytes in librdkafka's queues."),
  kcs_kafka_client_sent_messages_total: counter('Messages librdkafka sent to brokers.'),
  kcs_kafka_client_sent_bytes_total: counter('Bytes librdkafka sent, compressed.'),
  kcs_kafka_client_requests_total: counter('Requests librdkafka sent.'),
  kcs_kafka_broker_up: gauge('1 while librdkafka is connected to the broker.', 'broker'),
  kcs_kafka_broker_rtt_seconds: gauge('Round trip of requests to the broker, mean.', 'broker'),
  kcs_kafka_broker_rtt_p99_seconds: gauge('Round trip of requests to the broker, 99th percentile.', 'broker'),
  kcs_kafka_broker_request_errors_total: counter('Requests to the broker that failed.', 'broker'),

  kcs_commands_total: counter('Records of ws.command: accepted, noop, refused, foreign.', 'outcome'),
  kcs_commands_repeated_total: counter('Records that came again and were given the same reply.'),
  kcs_commands_waiting: gauge('1 while commands wait for the state store.'),
  kcs_errors_total: counter('Errors of the error table, before they are folded.', 'code'),
  kcs_schema_registry_up: gauge('1 while the schema registry answers; asked beside the data.'),
  kcs_schemas_wrong: gauge('Schemas that the registry does not give back under the id that messages bear.'),
  kcs_log_lines_dropped_total: counter('Log lines that were dropped because nobody read them in time.'),
  kcs_event_loop_lag_seconds: histogram('How late a timer of the event loop was.'),
  kcs_process_start_time_seconds: gauge('When the process started.'),
  kcs_process_cpu_seconds_total: counter('CPU time of the process.'),
  kcs_process_resident_memory_bytes: gauge('Resident memory.'),
  kcs_process_heap_bytes: gauge('JavaScript heap in use.'),
  kcs_process_external_memory_bytes: gauge('Buffers that JavaScript holds outside its heap.'),
  kcs_process_open_fds: gauge('Open files and sockets.'),
  kcs_process_max_fds: gauge('The most files and sockets that may be open.'),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

-- Trades of one region in ksqlDB (0.29). The columns are declared: ksqlDB would look for the subject
-- trade-data.korea-value, and the schema is registered as trade-data-value. Times of a row are epoch microseconds.
SET 'auto.offset.reset' = 'earliest';

CREATE STREAM trade_batches (
  message_key STRING KEY,
  `exchange` STRING,
  `symbol` STRING,
  `code` STRING,
  `data` ARRAY<STRUCT<`timestamp` BIGINT, `received_at` BIGINT, `trade_id` STRING, `price` DOUBLE, `volume` DOUBLE, `amount` DOUBLE, `side` STRING>>,
  `headers` ARRAY<STRUCT<key STRING, value BYTES>> HEADERS
) WITH (KAFKA_TOPIC = 'trade-data.korea', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO');

-- Repeats are passed over by whoever reads `trades`: a row whose (exchange, symbol, trade_id) it has had. ksqlDB has no
-- running maximum beside the rows: where several collectors run, filter by fence in the consumer (reader.py, Reader.java).
CREATE STREAM trades AS
  SELECT message_key, `exchange`, `symbol`, `code`, EXPLODE(`data`) AS trade FROM trade_batches EMIT CHANGES;

SELECT `exchange`, `code`, SUM(trade->`volume`) AS volume FROM trades GROUP BY `exchange`, `code` EMIT CHANGES;

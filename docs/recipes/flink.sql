-- Trades of one region in Flink SQL (1.20, Kafka connector, avro-confluent format), by the reader's rules.
-- Flink's Avro format reads no enums: `side` and `stream_type` are left out. From JSON topics (messaging.use_avro: false,
-- 'value.format' = 'json') they can be declared as STRING. Times of a row are epoch microseconds.
CREATE TABLE trade_batches (
  `exchange` STRING,
  `symbol` STRING,
  `code` STRING,
  `data` ARRAY<ROW<`timestamp` BIGINT, `received_at` BIGINT, `trade_id` STRING, `price` DOUBLE, `volume` DOUBLE, `amount` DOUBLE>>,
  `headers` MAP<STRING, BYTES> METADATA VIRTUAL,
  `fence` AS CASE WHEN `headers`['late'] IS NULL THEN CAST(DECODE(`headers`['fence'], 'UTF-8') AS BIGINT) END,
  `read_at` AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'trade-data.korea',
  'properties.bootstrap.servers' = 'kafka:9092',
  'properties.group.id' = 'flink',
  'scan.startup.mode' = 'earliest-offset',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = 'http://registry:8081'
);

-- Rules 1 and 2, fences: only messages that are not below the highest fence of their key so far, and those without one;
-- those that are late count as such.
CREATE TEMPORARY VIEW fresh_batches AS
SELECT * FROM (
  SELECT *, MAX(`fence`) OVER (
    PARTITION BY `exchange`, `code` ORDER BY `read_at` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `highest` FROM trade_batches
) WHERE `fence` IS NULL OR `fence` >= `highest`;

-- Rule 3, repeats: the first of each trade. Bound what is remembered: SET 'table.exec.state.ttl' = '1 h'.
CREATE TEMPORARY VIEW trades AS
SELECT `exchange`, `symbol`, `code`, `trade_id`, `timestamp`, `price`, `volume`, `amount` FROM (
  SELECT b.`exchange`, b.`symbol`, b.`code`, t.`trade_id`, t.`timestamp`, t.`price`, t.`volume`, t.`amount`,
    ROW_NUMBER() OVER (PARTITION BY b.`exchange`, b.`symbol`, t.`trade_id` ORDER BY b.`read_at`) AS `nth`
  FROM fresh_batches AS b
  CROSS JOIN UNNEST(b.`data`) AS t (`timestamp`, `received_at`, `trade_id`, `price`, `volume`, `amount`)
) WHERE `nth` = 1;

SELECT `exchange`, `code`, SUM(`volume`) AS `volume`, SUM(`amount`) AS `amount` FROM trades GROUP BY `exchange`, `code`;

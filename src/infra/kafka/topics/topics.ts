import { REGIONS, type Region, type RequestType } from '../../../core/market/market.ts';
import type { Family } from '../../../core/ports.ts';
import type { SchemaFile } from '../../avro/schemas.ts';

/** Families of the data topics. */
export type DataFamily = `${RequestType}-data`;
/** A topic's name without its region. */
export type TopicFamily = DataFamily | Family | 'ws.command';

export interface TopicPolicy {
  /** One topic per region, `{family}.{region}`, or one for all. */
  readonly regional: boolean;
  /** `avro` becomes JSON with the same fields where `messaging.use_avro` is false; `json` is always JSON. */
  readonly format: 'avro' | 'json';
  /** File in schemas/ of an Avro topic. */
  readonly schema: SchemaFile | null;
  /** How keys are made. */
  readonly key: string;
  /** Partitions when we create it; `setting`: `kafka.partitions`. */
  readonly partitions: number | 'setting';
  /** `retention.ms` when we create it. */
  readonly retentionMs: number;
  readonly access: 'write' | 'read';
}

const DAY = 86_400_000;
const STREAM_KEY = '{exchange}|{region}|{request_type}';

function data(schema: SchemaFile): TopicPolicy {
  return {
    regional: true,
    format: 'avro',
    schema,
    key: '{exchange}|{code}',
    partitions: 'setting',
    retentionMs: 7 * DAY,
    access: 'write',
  };
}

function control(key: string, retentionDays: number, schema: SchemaFile | null = null): TopicPolicy {
  return {
    regional: schema !== null,
    format: schema === null ? 'json' : 'avro',
    schema,
    key,
    partitions: 1,
    retentionMs: retentionDays * DAY,
    access: 'write',
  };
}

/**
 * Every topic of the program. Control topics have one partition, so that what is said about a stream is read in
 * the order in which it was said; data topics keep order per key.
 */
export const TOPICS: Readonly<Record<TopicFamily, TopicPolicy>> = {
  'ticker-data': data('ticker_batch.avsc'),
  'trade-data': data('trade_batch.avsc'),
  'orderbook-data': data('orderbook_batch.avsc'),
  'ws.connect_success': control('{exchange}|{region}|{request_type}|{code}', 7, 'connect_success.avsc'),
  'ws.metrics.reception': control('{region}|{exchange}|{request_type}', 30, 'reception_metrics.avsc'),
  'ws.metrics.processing': control('{region}|{exchange}|{request_type}', 30, 'processing_metrics.avsc'),
  'ws.metrics.quality': control('{region}|{exchange}|{request_type}', 30, 'quality_metrics.avsc'),
  'ws.command': { ...control('{region}|{exchange}|{request_type}', 7), access: 'read' },
  'ws.event': control(STREAM_KEY, 30),
  'ws.error': control('none', 30),
  'ws.dlq': control(`key of the command, else ${STREAM_KEY}`, 30),
  'ws.backpressure.events': control('{producer_name}', 7),
  'monitoring.batch.performance': control('{region}:{exchange}:{request_type}', 7),
};

export const TOPIC_FAMILIES = Object.keys(TOPICS) as readonly TopicFamily[];

/** Where rows of each type go. */
export const DATA_FAMILIES: Readonly<Record<RequestType, DataFamily>> = {
  ticker: 'ticker-data',
  trade: 'trade-data',
  orderbook: 'orderbook-data',
};

/** Made once: a text made anew for each message would be hashed for each. */
const NAMES = Object.fromEntries(
  TOPIC_FAMILIES.map((family) => [
    family,
    Object.fromEntries(
      REGIONS.map((region) => [region, TOPICS[family].regional ? `${family}.${region}` : family]),
    ),
  ]),
) as Readonly<Record<TopicFamily, Readonly<Record<Region, string>>>>;

/** `ticker-data.korea`, `ws.event`. A family without regions ignores the region. */
export function topicName(family: TopicFamily, region: Region | null): string {
  return region === null ? family : NAMES[family][region];
}

/** The registry's subject of an Avro family: `ticker-data-value`. */
export function subjectOf(family: TopicFamily): string {
  return `${family}-value`;
}

/** The families whose messages are Avro, and their schema files. */
export function avroFamilies(): { family: TopicFamily; schema: SchemaFile }[] {
  return TOPIC_FAMILIES.flatMap((family) => {
    const { schema } = TOPICS[family];
    return schema === null ? [] : [{ family, schema }];
  });
}

export interface TopicSpec {
  readonly topic: string;
  readonly family: TopicFamily;
  readonly policy: TopicPolicy;
}

/** Every topic that a collector of these regions uses. */
export function topicsFor(regions: readonly Region[]): TopicSpec[] {
  return TOPIC_FAMILIES.flatMap((family) => {
    const policy = TOPICS[family];
    const names = policy.regional ? regions.map((region) => topicName(family, region)) : [family];
    return names.map((topic) => ({ topic, family, policy }));
  });
}

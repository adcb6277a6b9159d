import type { Row } from '../../../core/market/rows.ts';
import type { Batch } from '../../../core/ports.ts';
import { batchValue, plainBatchValue } from '../../avro/batch-value.ts';
import { avroCodec, type Codec, jsonCodec, parseSchema } from '../../avro/codec.ts';
import { SCHEMA_FILES } from '../../avro/schemas.ts';
import { TOPIC_FAMILIES, TOPICS, type TopicFamily } from '../topics/topics.ts';
import { headerSets } from './headers.ts';

/** How messages of one family are written. */
export interface Encoding {
  readonly codec: Codec;
  readonly headers: ReturnType<typeof headerSets>;
  /** The value of a data message. */
  batchValue(batch: Batch, rows: readonly Row[], nowMicros: number): object;
  /** Rows of a value that the codec has read, as it writes them. */
  again(rows: readonly Row[]): readonly object[];
}

export type Encodings = ReadonlyMap<TopicFamily, Encoding>;

/** What the registry knows of a family's schema. */
export interface SchemaVersion {
  readonly id: number;
  readonly version: number;
}

/** The encodings of all families. @param schemas of the Avro families; null turns all of them into JSON */
export function encodings(schemas: ReadonlyMap<TopicFamily, SchemaVersion> | null): Encodings {
  return new Map(TOPIC_FAMILIES.map((family) => [family, made(family, schemas?.get(family))]));
}

/** The encoding of a topic; undefined where it is none of ours. */
export function encodingOf(all: Encodings, topic: string): Encoding | undefined {
  const family = TOPIC_FAMILIES.find((one) => topic === one || topic.startsWith(`${one}.`));
  return family && all.get(family);
}

function made(family: TopicFamily, registered: SchemaVersion | undefined): Encoding {
  const { schema } = TOPICS[family];
  if (schema === null || !registered)
    return {
      ...{ codec: jsonCodec, headers: headerSets(jsonCodec) },
      ...{ batchValue: plainBatchValue, again: (rows) => rows },
    };
  const type = parseSchema(SCHEMA_FILES[schema], schema);
  const codec = avroCodec(type, registered.id, registered.version);
  return { codec, headers: headerSets(codec), batchValue, again: (rows) => rows.map(flat) };
}

/** Levels are lists of objects where they were read, and one flat list where they are written. */
function flat(row: object): object {
  const { bids, asks } = row as { bids?: unknown; asks?: unknown };
  return Array.isArray(bids) && Array.isArray(asks)
    ? { ...row, bids: flatLevels(bids), asks: flatLevels(asks) }
    : row;
}

function flatLevels(levels: readonly { readonly price: number; readonly size: number }[]): Float64Array {
  return Float64Array.from(levels.flatMap(({ price, size }) => [price, size]));
}

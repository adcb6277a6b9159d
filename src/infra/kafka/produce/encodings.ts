import { type Market, REQUEST_TYPES } from '../../../core/market/market.ts';
import type { Row } from '../../../core/market/rows.ts';
import type { Batch, PackedRows } from '../../../core/ports.ts';
import { batchValue, emptyBatchValue, plainBatchValue } from '../../avro/batch-value.ts';
import { avroCodec, type Codec, jsonCodec, parseSchema } from '../../avro/codec.ts';
import { withFlatLevels } from '../../avro/flat-levels.ts';
import { AvroRows } from '../../avro/packed-rows.ts';
import { SCHEMA_FILES } from '../../avro/schemas.ts';
import { DATA_FAMILIES, TOPIC_FAMILIES, TOPICS, type TopicFamily } from '../topics/topics.ts';
import { headerSets } from './headers.ts';

/** How messages of one family are written. */
export interface Encoding {
  readonly codec: Codec;
  readonly headers: ReturnType<typeof headerSets>;
  /** Rows of a code that are encoded as they come; null where they are encoded with their message. */
  pack(market: Market): PackedRows | null;
  /**
   * The value of a data message. @param rows null: all of the batch
   * @throws {Error} where one of them does not fit the schema
   */
  value(batch: Batch, rows: readonly Row[] | null, nowMicros: number): Buffer;
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
      pack: () => null,
      value: (batch, rows, nowMicros) =>
        jsonCodec.encode(plainBatchValue(batch, rows ?? batch.rows, nowMicros)),
      again: (rows) => rows,
    };
  const type = parseSchema(SCHEMA_FILES[schema], schema);
  const codec = avroCodec(type, registered.id, registered.version);
  const { packing } = codec;
  const kind = REQUEST_TYPES.find((one) => family === DATA_FAMILIES[one]);
  return {
    ...{ codec, headers: headerSets(codec) },
    pack: (market) => (packing && kind ? packing.open(kind, market) : null),
    value(batch, rows, nowMicros) {
      const { packed } = batch;
      if (packing && rows === null && packed instanceof AvroRows)
        return packing.encode(emptyBatchValue(batch, packed.length, nowMicros), packed);
      return codec.encode(batchValue(batch, rows ?? batch.rows, nowMicros));
    },
    again: (rows) => rows.map(withFlatLevels),
  };
}

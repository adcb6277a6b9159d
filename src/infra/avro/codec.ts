import avro from 'avsc';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Market, RequestType } from '../../core/market/market.ts';
import { flatLevelsHook } from './flat-levels.ts';
import { nullableHook } from './nullable.ts';
import { AvroRows, SpareMemory } from './packed-rows.ts';

/** Turns the values of one topic family into message values, and says so in the headers. */
export interface Codec {
  readonly contentType: 'application/avro' | 'application/json';
  /** The registry's version of the schema; `0` for JSON. */
  readonly schemaVersion: string;
  /** The bytes are the caller's to keep. @throws {Error} where the value does not fit the schema */
  encode(value: object): Buffer;
  /** For values that end with `data`, rows that are encoded as they come; null where the codec has none. */
  readonly packing: Packing | null;
  /** What a value of this codec says; null where it is of another one, or schema. */
  decode(value: Uint8Array): unknown;
}

/** Encodes rows one by one, and puts a message together of them. */
export interface Packing {
  open(kind: RequestType, market: Market): AvroRows;
  /**
   * The same bytes as `encode` with these rows as the value's `data`.
   * @param value with no rows in `data`
   * @throws {Error} where it does not fit the schema
   */
  encode(value: object, rows: AvroRows): Buffer;
}

/** Types that are written faster than avsc would, byte for byte the same. */
function typeHook(schema: unknown, options: unknown): avro.Type | undefined {
  return nullableHook(schema, options) ?? flatLevelsHook(schema, options);
}

/** Slabs that messages are encoded into one after the other; a message longer than this gets a slab of its own. */
const SLAB_BYTES = 256 * 1024;
/** Zero, then the schema's id as four bytes, big end first. */
const FRAME_BYTES = 5;
/** Of the number of rows, with the end of the array, bytes. */
const LONGEST_COUNT = 6;

/**
 * Parses a schema file. Unions are plain values (`null` or a number), never wrapped in an object.
 * @throws {Fault} schema_invalid, naming the file
 */
export function parseSchema(text: string, file: string): avro.Type {
  try {
    return avro.Type.forSchema(JSON.parse(text), { wrapUnions: 'never', typeHook });
  } catch (error) {
    throw new Fault('schema_invalid', file, messageOf(error), 'Mend the schema file.', error);
  }
}

/**
 * Avro in the Confluent wire format. Fields that the schema does not name are left out. Messages share slabs of
 * memory, so that one costs no allocation but the view onto it.
 */
export function avroCodec(type: avro.Type, id: number, version: number): Codec {
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  let free = 0;
  const item = itemOf(type);
  const spare = new SpareMemory();

  /** Where the value ends that was written behind the frame's bytes, with so many bytes free behind it. */
  function write(value: object, room: number): number {
    const end = type.encode(value, slab, free + FRAME_BYTES);
    if (end >= 0 && end + room <= slab.length) return end;
    const needed = end < 0 ? slab.length - free - end : end - free;
    slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed + room));
    free = 0;
    return type.encode(value, slab, FRAME_BYTES);
  }

  function message(end: number): Buffer {
    const start = free;
    free = end;
    slab[start] = 0;
    slab.writeUInt32BE(id, start + 1);
    return slab.subarray(start, end);
  }

  return {
    contentType: 'application/avro',
    schemaVersion: String(version),
    encode: (value) => message(write(value, 0)),
    packing: item && {
      open: (kind, market) => new AvroRows(item, spare, kind, market),
      encode(value, rows) {
        const { length, byteLength } = rows;
        // An array without items is its end alone; ours begins in its place.
        let end = write(value, LONGEST_COUNT + byteLength) - 1;
        end = writeCount(slab, end, length);
        rows.moveTo(slab, end);
        end += byteLength;
        slab[end++] = 0;
        return message(end);
      },
    },
    decode(value) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      if (bytes.length < FRAME_BYTES || bytes[0] !== 0 || bytes.readUInt32BE(1) !== id) return null;
      return type.fromBuffer(bytes.subarray(FRAME_BYTES));
    },
  };
}

/** A count as Avro has it: zigzag, seven bits a byte, low ones first. @returns its end */
function writeCount(into: Buffer, at: number, count: number): number {
  let end = at;
  let left = count * 2;
  for (; left >= 128; left = Math.floor(left / 128)) into[end++] = (left % 128) + 128;
  into[end++] = left;
  return end;
}

/** The type of the rows of a schema that ends with their array; null where it does not. */
function itemOf(type: avro.Type): avro.Type | null {
  const last = type instanceof avro.types.RecordType ? type.fields.at(-1) : undefined;
  return last?.name === 'data' && last.type instanceof avro.types.ArrayType ? last.type.itemsType : null;
}

const BRACE = 0x7b;

/** JSON with the fields as they are. */
export const jsonCodec: Codec = {
  contentType: 'application/json',
  schemaVersion: '0',
  encode: (value) => Buffer.from(JSON.stringify(value)),
  packing: null,
  decode: (value) => (value[0] === BRACE ? JSON.parse(Buffer.from(value).toString()) : null),
};

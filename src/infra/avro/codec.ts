import avro from 'avsc';
import { Fault, messageOf } from '../../common/errors.ts';
import { flatLevelsHook } from './flat-levels.ts';
import { nullableHook } from './nullable.ts';

/** Turns the values of one topic family into message values, and says so in the headers. */
export interface Codec {
  readonly contentType: 'application/avro' | 'application/json';
  /** The registry's version of the schema; `0` for JSON. */
  readonly schemaVersion: string;
  /** The bytes are the caller's to keep. @throws {Error} where the value does not fit the schema */
  encode(value: object): Buffer;
  /** What a value of this codec says; null where it is of another one, or schema. */
  decode(value: Uint8Array): unknown;
}

/** Types that are written faster than avsc would, byte for byte the same. */
function typeHook(schema: unknown, options: unknown): avro.Type | undefined {
  return nullableHook(schema, options) ?? flatLevelsHook(schema, options);
}

/** Slabs that messages are encoded into one after the other; a message longer than this gets a slab of its own. */
const SLAB_BYTES = 256 * 1024;
/** Zero, then the schema's id as four bytes, big end first. */
const FRAME_BYTES = 5;

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
  return {
    contentType: 'application/avro',
    schemaVersion: String(version),
    encode(value) {
      let end = type.encode(value, slab, free + FRAME_BYTES);
      if (end < 0) {
        const needed = slab.length - free - end;
        slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed));
        free = 0;
        end = type.encode(value, slab, FRAME_BYTES);
      }
      const start = free;
      free = end;
      slab[start] = 0;
      slab.writeUInt32BE(id, start + 1);
      return slab.subarray(start, end);
    },
    decode(value) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      if (bytes.length < FRAME_BYTES || bytes[0] !== 0 || bytes.readUInt32BE(1) !== id) return null;
      return type.fromBuffer(bytes.subarray(FRAME_BYTES));
    },
  };
}

const BRACE = 0x7b;

/** JSON with the fields as they are. */
export const jsonCodec: Codec = {
  contentType: 'application/json',
  schemaVersion: '0',
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (value) => (value[0] === BRACE ? JSON.parse(Buffer.from(value).toString()) : null),
};

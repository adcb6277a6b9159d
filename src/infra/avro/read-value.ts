import type { Type } from 'avsc';
import { Fault } from '../../common/errors.ts';
import { parseSchema } from './codec.ts';
import type { Registry } from './registry.ts';

/** Reads a message's value, whatever it is: at once, or where its schema has to be fetched first, by a promise. */
export type ReadValue = (value: Uint8Array | null) => unknown;

/** Zero, then the schema's id as four bytes, big end first. */
const FRAME_BYTES = 5;

/**
 * A reader of values that says what it sees: Avro in the Confluent wire format by the schema of its id, else JSON,
 * else `{"base64":…}`. Schemas are fetched once.
 * @param registry null: Avro stays base64
 */
export function valueReader(registry: Pick<Registry, 'byId'> | null): ReadValue {
  const types = new Map<number, Type>();

  async function fetchType(id: number, from: Pick<Registry, 'byId'>): Promise<Type> {
    const text = await from.byId(id);
    if (text === null) {
      throw new Fault(
        'schema_missing',
        `schema ${id}`,
        'The registry has no schema of this id.',
        'Register it.',
      );
    }
    const type = parseSchema(text, `schema ${id}`);
    types.set(id, type);
    return type;
  }

  return (value) => {
    if (value === null) return null;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (bytes[0] === 0 && bytes.length > FRAME_BYTES) {
      if (registry === null) return { base64: bytes.toString('base64') };
      const id = bytes.readUInt32BE(1);
      const body = bytes.subarray(FRAME_BYTES);
      const known = types.get(id);
      return known ? known.fromBuffer(body) : fetchType(id, registry).then((type) => type.fromBuffer(body));
    }
    try {
      return JSON.parse(bytes.toString()) as unknown;
    } catch {
      return { base64: bytes.toString('base64') };
    }
  };
}

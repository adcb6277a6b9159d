import type { Type } from 'avsc';
import { Fault } from '../../common/errors.ts';
import { parseSchema } from './codec.ts';
import type { Registry } from './registry.ts';

/** Reads a message's value, whatever it is. */
export type ReadValue = (value: Uint8Array | null) => Promise<unknown>;

/** Zero, then the schema's id as four bytes, big end first. */
const FRAME_BYTES = 5;

/**
 * A reader of values that says what it sees: Avro in the Confluent wire format by the schema of its id, else JSON,
 * else `{"base64":…}`. Schemas are fetched once.
 * @param registry null: Avro stays base64
 */
export function valueReader(registry: Pick<Registry, 'byId'> | null): ReadValue {
  const types = new Map<number, Promise<Type>>();

  function typeOf(id: number, from: Pick<Registry, 'byId'>): Promise<Type> {
    const known = types.get(id);
    if (known) return known;
    const fetched = from.byId(id).then((text) => {
      if (text !== null) return parseSchema(text, `schema ${id}`);
      throw new Fault(
        'schema_missing',
        `schema ${id}`,
        'The registry has no schema of this id.',
        'Register it.',
      );
    });
    types.set(id, fetched);
    fetched.catch(() => types.delete(id));
    return fetched;
  }

  return async (value) => {
    if (value === null) return null;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (bytes[0] === 0 && bytes.length > FRAME_BYTES) {
      if (registry === null) return { base64: bytes.toString('base64') };
      const type = await typeOf(bytes.readUInt32BE(1), registry);
      return type.fromBuffer(bytes.subarray(FRAME_BYTES));
    }
    try {
      return JSON.parse(bytes.toString()) as unknown;
    } catch {
      return { base64: bytes.toString('base64') };
    }
  };
}

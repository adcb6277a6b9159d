import avro from 'avsc';

/** The part of avsc's output cursor that a type writes through; its own typings leave it out. */
interface Tap {
  buf: Uint8Array;
  pos: number;
  writeDouble(value: number): void;
}

type UnionConstructor = new (schema: readonly unknown[], options: unknown) => avro.Type;

/**
 * `["null", "double"]`, byte for byte as avsc's own union writes it, without looking the branch up by the value's
 * type name: two thirds of what a ticker row costs otherwise.
 */
class NullableDouble extends (avro.types.UnwrappedUnionType as unknown as UnionConstructor) {
  _write(tap: Tap, value: unknown): void {
    if (value === null) {
      tap.buf[tap.pos++] = 0;
    } else if (typeof value === 'number') {
      tap.buf[tap.pos++] = 2;
      tap.writeDouble(value);
    } else {
      throw new TypeError(`expected a number or null, not ${String(value)}`);
    }
  }
}

/** avsc's `typeHook`: takes over unions of null and double, leaves everything else to avsc. */
export function nullableDoubleHook(schema: unknown, options: unknown): avro.Type | undefined {
  if (!Array.isArray(schema) || schema.length !== 2) return undefined;
  if (schema[0] !== 'null' || schema[1] !== 'double') return undefined;
  return new NullableDouble(schema, options);
}

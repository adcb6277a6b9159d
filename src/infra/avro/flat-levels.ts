import avro from 'avsc';

/** The part of avsc's output cursor that a type writes through; its own typings leave it out. */
interface Tap {
  writeLong(value: number): void;
  writeDouble(value: number): void;
}

type ArrayConstructor = new (schema: object, options: unknown) => avro.Type;

/**
 * An array of levels, byte for byte as avsc's own array of records writes it, out of the flat list that rows have:
 * no level ever becomes an object.
 */
class FlatLevels extends (avro.types.ArrayType as unknown as ArrayConstructor) {
  _write(tap: Tap, value: unknown): void {
    if (!(value instanceof Float64Array)) throw new TypeError(`expected flat levels, not ${String(value)}`);
    if (value.length > 0) {
      tap.writeLong(value.length / 2);
      for (let at = 0; at < value.length; at++) tap.writeDouble(value[at] as number);
    }
    tap.writeLong(0);
  }
}

/** avsc's `typeHook`: takes over arrays of `Level`, leaves everything else to avsc. */
export function flatLevelsHook(schema: unknown, options: unknown): avro.Type | undefined {
  return isArrayOfLevels(schema) ? new FlatLevels(schema, options) : undefined;
}

function isArrayOfLevels(schema: unknown): schema is { items: unknown } {
  if (typeof schema !== 'object' || schema === null || !('items' in schema)) return false;
  const { items } = schema;
  const name = typeof items === 'object' && items !== null && 'name' in items ? items.name : items;
  return name === 'Level' || name === 'kor_coin_stream.Level';
}

/** Levels are lists of objects where they were read, and one flat list where they are written. */
export function withFlatLevels<Read extends object>(row: Read): Read {
  const { bids, asks } = row as { bids?: unknown; asks?: unknown };
  return Array.isArray(bids) && Array.isArray(asks)
    ? { ...row, bids: flatLevels(bids), asks: flatLevels(asks) }
    : row;
}

function flatLevels(levels: readonly { readonly price: number; readonly size: number }[]): Float64Array {
  return Float64Array.from(levels.flatMap(({ price, size }) => [price, size]));
}

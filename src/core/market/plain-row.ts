import { type Level, plainLevels } from './levels.ts';
import { FIELDS, type Row } from './rows.ts';

export type PlainValue = string | number | boolean | null | Level[];
export type PlainRow = Record<string, PlainValue>;

/** A row's own fields in their order, null included, as JSON has them: levels are `{price, size}`. */
export function plainRow(row: Row, into: PlainRow = {}): PlainRow {
  const source = row as unknown as Readonly<Record<string, PlainValue | Float64Array>>;
  for (const field of FIELDS[row.kind]) {
    const value = source[field] ?? null;
    into[field] = value instanceof Float64Array ? plainLevels(value) : value;
  }
  return into;
}

import { z } from 'zod';

/** What a setting says about itself beside its type; the reference table and `--help` are made of it. */
export interface SettingMeta {
  /** What it does, with its unit. */
  readonly help: string;
  /** Environment variables that set it, the first one being the name to use. */
  readonly env?: readonly string[];
  /** Never printed. */
  readonly secret?: boolean;
}

const metas = z.registry<SettingMeta>();

/** Declares one setting: everything that is known about it stands in this one place. */
export function setting<T extends z.ZodType>(type: T, help: string, more: Omit<SettingMeta, 'help'> = {}): T {
  // A type of its own, since several settings may be declared with the same one.
  const own = type.clone() as T;
  metas.add(own, { help, ...more });
  return own;
}

/** One setting as the reference shows it. */
export interface Declared extends SettingMeta {
  /** `kafka.bootstrap_servers`. */
  readonly path: string;
  readonly type: string;
  /** As YAML would write it; empty where there is none. */
  readonly standard: string;
}

/** Every setting below `schema`, in the order of its declaration. */
export function declared(schema: z.ZodType, path: readonly string[] = []): Declared[] {
  const meta = metas.get(schema);
  const inner = unwrap(schema);
  if (!meta && inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([key, child]) =>
      declared(child as z.ZodType, [...path, key]),
    );
  }
  if (!meta) return [];
  return [{ path: path.join('.'), type: typeName(inner), standard: standardOf(schema), ...meta }];
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodNullable) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  // What is read leniently shows as what it is read into.
  if (schema instanceof z.ZodPipe) return unwrap(schema.out as z.ZodType);
  return schema;
}

function typeName(schema: z.ZodType): string {
  if (schema instanceof z.ZodEnum) return schema.options.join(' \\| ');
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodBoolean) return 'true \\| false';
  if (schema instanceof z.ZodArray) return 'list';
  if (schema instanceof z.ZodRecord || schema instanceof z.ZodObject) return 'map';
  return 'text';
}

function standardOf(schema: z.ZodType): string {
  const read = schema.safeParse(undefined);
  if (!read.success || read.data === null || read.data === undefined) return '';
  return typeof read.data === 'object' ? JSON.stringify(read.data) : String(read.data);
}

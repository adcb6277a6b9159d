import { FOREIGN_KEYS } from './yaml.ts';

/** Settings before they are validated. */
export type Tree = { [key: string]: unknown };

/** `a.b.c`, v → {a: {b: {c: v}}}. */
export function treeOf(path: string, value: unknown): Tree {
  return keysOf(path).reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Tree;
}

/** `kafka.options.sasl.password` → kafka, options, sasl.password: librdkafka's names have dots of their own. */
export function keysOf(path: string): string[] {
  if (!path.startsWith(FOREIGN_KEYS)) return path.split('.');
  return [...FOREIGN_KEYS.split('.').slice(0, -1), path.slice(FOREIGN_KEYS.length)];
}

/** Maps are merged, everything else is replaced. No key has a meaning here, `__proto__` is one like any other. */
export function merge(under: Tree, over: Tree): Tree {
  const merged = new Map(Object.entries(under));
  for (const [key, value] of Object.entries(over)) {
    const old = merged.get(key);
    merged.set(key, isTree(old) && isTree(value) ? merge(old, value) : value);
  }
  return Object.fromEntries(merged);
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

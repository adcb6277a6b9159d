import type { Right } from '../services/kafka-wire.ts';

/** The flags of a line that `topics` prints: `--topic a --partitions 2` → {topic: 'a', partitions: '2'}; of flags given twice, as one text. */
export function flagsOf(line: string): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const [, name = '', value = ''] of line.matchAll(/--([\w-]+) '?([^\s'-][^\s']*)'?/g))
    flags[name] = name in flags ? `${flags[name]},${value}` : value;
  return flags;
}

/** The rights that one `kafka-acls` line gives. */
export function rightsOf(flags: Record<string, string>): Right[] {
  const { 'allow-principal': principal, operation = '', topic, group } = flags;
  if (principal === undefined) return [];
  const place =
    topic === undefined ? { on: 'group' as const, name: group ?? '' } : { on: 'topic' as const, name: topic };
  return operation.split(',').map((one) => ({ principal, operation: one as Right['operation'], ...place }));
}

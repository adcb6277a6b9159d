import { avroFamilies, subjectOf, type TopicFamily } from '../kafka/topics/topics.ts';
import { parseSchema } from './codec.ts';
import type { Registered, Registry } from './registry.ts';
import { SCHEMA_FILES } from './schemas.ts';

/** A schema id that we write into messages and by which a reader would not find our schema. */
export interface WrongId {
  readonly subject: string;
  readonly id: number;
  /** `is not in the registry`, `is another schema there`. */
  readonly why: string;
}

/**
 * Looks every id up as readers of our messages do.
 * @throws {Fault} registry_unavailable
 */
export async function wrongIds(
  registry: Pick<Registry, 'byId'>,
  registered: ReadonlyMap<TopicFamily, Registered>,
): Promise<WrongId[]> {
  const found = await Promise.all(
    avroFamilies().map(async ({ family, schema }) => {
      const id = registered.get(family)?.id;
      if (id === undefined) return null;
      const text = await registry.byId(id);
      if (text !== null && isSame(text, SCHEMA_FILES[schema])) return null;
      const why = text === null ? 'is not in the registry' : 'is another schema there';
      return { subject: subjectOf(family), id, why };
    }),
  );
  return found.filter((wrong) => wrong !== null);
}

/** `trade-data-value: id 3 is another schema there` */
export function inWords(wrong: readonly WrongId[]): string {
  return wrong.map(({ subject, id, why }) => `${subject}: id ${id} ${why}`).join('; ');
}

/** Whether two schemas read and write the same bytes under the same names: registries lay the text out anew. */
function isSame(theirs: string, ours: string): boolean {
  try {
    return parseSchema(theirs, '').fingerprint().equals(parseSchema(ours, '').fingerprint());
  } catch {
    // What is not Avro is not our schema.
    return false;
  }
}

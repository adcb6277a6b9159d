import type { Codec } from '../../avro/codec.ts';
import type { Header } from './outgoing.ts';

/** Sets of headers kept; one per stream and lease in a long life, so an old set is dropped by starting over. */
const MAX_SETS = 2_000;

interface HeaderSet {
  readonly correlationId: string | null;
  readonly fence: number | null;
  readonly late: string | undefined;
  readonly headers: readonly Header[];
}

/** The headers of messages of one codec. Streams say the same things all the time, so the arrays are kept and shared. */
export function headerSets(
  codec: Codec,
): (correlationId: string | null, fence: number | null, late?: string) => readonly Header[] {
  const own = [{ 'content-type': codec.contentType }, { 'schema-version': codec.schemaVersion }];
  const sets = new Map<string, readonly Header[]>();
  /** Messages of one stream follow each other, so that it nearly always is this one again. */
  let last: HeaderSet = { correlationId: null, fence: null, late: undefined, headers: own };

  function setOf(correlationId: string | null, fence: number | null, late?: string): readonly Header[] {
    if (correlationId === null && fence === null && late === undefined) return own;
    const name = `${fence ?? ''}|${late ?? ''}|${correlationId ?? ''}`;
    const known = sets.get(name);
    if (known) return known;
    const headers: Header[] = [...own];
    if (correlationId !== null) headers.push({ 'correlation-id': correlationId });
    if (fence !== null) headers.push({ fence: String(fence) });
    if (late !== undefined) headers.push({ late });
    if (sets.size >= MAX_SETS) sets.clear();
    sets.set(name, headers);
    return headers;
  }

  return (correlationId, fence, late) => {
    if (last.correlationId !== correlationId || last.fence !== fence || last.late !== late)
      last = { correlationId, fence, late, headers: setOf(correlationId, fence, late) };
    return last.headers;
  };
}

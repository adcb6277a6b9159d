import { sameSet } from './same-set.ts';
import { type DesiredStream, isRunning } from './stream.ts';

/**
 * What holds of a stream where the store says less than is known of it: it was emptied, or lost this record.
 * @param stored what the store has of it; null: nothing
 * @param known what is known of it
 * @param late commands were carried out in the store's new memory before anybody wrote this back
 * @returns `stored` or `known` where one of them holds as it is, else both in one, a version later
 */
export function recall(stored: DesiredStream | null, known: DesiredStream, late: boolean): DesiredStream {
  if (!stored) return known;
  if (stored.version >= known.version) return stored;
  if (!late) return known;
  const version = known.version + 1;
  // Somebody stopped it, and was told so.
  return isRunning(stored) ? { ...merged(stored, known), version } : { ...stored, version };
}

/** Both run. Whoever has a place in a shard that runs keeps it. */
function merged(stored: DesiredStream, known: DesiredStream): DesiredStream {
  const running = new Set(known.codes);
  const codes = [...known.codes, ...stored.codes.filter((symbol) => !running.has(symbol))];
  const added = stored.shards
    .map((shard) => shard.filter((symbol) => !running.has(symbol)))
    .filter((shard) => shard.length > 0);
  const owners = new Set(stored.pins.map(({ collector }) => collector));
  const wanted = new Set(codes);
  return {
    ...known,
    selector: known.selector ?? stored.selector,
    exceptions: [...new Set([...known.exceptions, ...stored.exceptions])].filter(
      (symbol) => !wanted.has(symbol),
    ),
    codes,
    pinned: [...new Set([...known.pinned, ...stored.pinned])],
    pins: [...stored.pins, ...known.pins.filter(({ collector }) => !owners.has(collector))],
    configured: [...new Set([...known.configured, ...stored.configured])].filter(
      (symbol) => !asked(known, symbol) && !asked(stored, symbol),
    ),
    shards: [...known.shards, ...added],
    origin: stored.origin ?? known.origin,
    correlation_id: stored.correlation_id ?? known.correlation_id,
  };
}

/** Whether a command asked for it. */
function asked({ codes, selector, configured }: DesiredStream, symbol: string): boolean {
  const has = symbol === '*' ? selector !== null : codes.includes(symbol);
  return has && !configured.includes(symbol);
}

/** Whether two records of one version say the same. */
export function sameStream(a: DesiredStream, b: DesiredStream): boolean {
  return (
    a === b ||
    (a.version === b.version &&
      a.selector === b.selector &&
      a.origin === b.origin &&
      sameSet(a.codes, b.codes) &&
      sameSet(a.exceptions, b.exceptions) &&
      JSON.stringify([a.shards, a.pins]) === JSON.stringify([b.shards, b.pins]))
  );
}

import type { Markets } from '../market/markets.ts';
import { maxCodes, type StreamRules } from './rules.ts';
import { sameSet } from './same-set.ts';
import { assignShards } from './shards.ts';
import type { DesiredStream } from './stream.ts';

export interface Reselected {
  /** The very object that was given where nothing changes; else the next version. */
  readonly desired: DesiredStream;
  readonly joined: readonly string[];
  readonly left: readonly string[];
  /** Listed symbols that the exchange's limits leave no place for. */
  readonly omitted: readonly string[];
  /** Symbols that no list has any more and that still bring data. */
  readonly kept: readonly string[];
}

/**
 * Holds a stream against a fresh market list and the limits as they are now: under the selector new listings join
 * and removed ones leave, and shards that have become too large are spread anew. What was asked for by name stays.
 * @param stays whether a symbol that the list has not is to stay all the same: it still brings data
 */
export function reselect(
  desired: DesiredStream,
  markets: Markets,
  rules: StreamRules,
  stays: (symbol: string) => boolean = () => false,
): Reselected {
  const { codes, omitted, kept } =
    desired.selector === '*' && markets.known
      ? selected(desired, markets, maxCodes(rules), stays)
      : { codes: desired.codes, omitted: [], kept: [] };
  const shards = assignShards(desired.shards, codes, rules.codesPerSocket);
  const same = sameSet(codes, desired.codes) && sameShards(shards, desired.shards);
  const before = new Set(desired.codes);
  const after = new Set(codes);
  const joined = codes.filter((symbol) => !before.has(symbol));
  const byConfiguration = desired.configured.includes('*') ? joined : [];
  const configured = desired.configured.filter((symbol) => symbol === '*' || after.has(symbol));
  return {
    desired: same
      ? desired
      : {
          ...desired,
          version: desired.version + 1,
          codes,
          configured: [...configured, ...byConfiguration],
          shards,
        },
    joined,
    left: desired.codes.filter((symbol) => !after.has(symbol)),
    omitted,
    kept,
  };
}

function selected(
  { codes, exceptions, pinned, pins }: DesiredStream,
  markets: Markets,
  allowed: number | null,
  stays: (symbol: string) => boolean,
): Pick<Reselected, 'omitted' | 'kept'> & { readonly codes: readonly string[] } {
  const wanted = new Set(markets.all().map(({ symbol }) => symbol));
  for (const symbol of exceptions) wanted.delete(symbol);
  for (const symbol of [...pinned, ...pins.flatMap(({ symbols }) => symbols)])
    if (symbol !== '*') wanted.add(symbol);
  const out = new Set(exceptions);
  const kept = codes.filter((symbol) => !wanted.has(symbol) && !out.has(symbol) && stays(symbol));
  for (const symbol of kept) wanted.add(symbol);
  const staying = codes.filter((symbol) => wanted.delete(symbol));
  const joining = [...wanted];
  const places = allowed === null ? joining.length : Math.max(0, allowed - staying.length);
  return { codes: [...staying, ...joining.slice(0, places)], omitted: joining.slice(places), kept };
}

function sameShards(a: readonly (readonly string[])[], b: readonly (readonly string[])[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      (shard, at) => shard.length === b[at]?.length && shard.every((symbol, i) => symbol === b[at]?.[i]),
    )
  );
}

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
}

/**
 * Holds a stream against a fresh market list and the limits as they are now: under the selector new listings join
 * and removed ones leave, and shards that have become too large are spread anew. What was asked for by name stays.
 */
export function reselect(desired: DesiredStream, markets: Markets, rules: StreamRules): Reselected {
  const { codes, omitted } =
    desired.selector === '*' && markets.known
      ? selected(desired, markets, maxCodes(rules))
      : { codes: desired.codes, omitted: [] };
  const shards = assignShards(desired.shards, codes, rules.codesPerSocket);
  const same = sameSet(codes, desired.codes) && sameShards(shards, desired.shards);
  const before = new Set(desired.codes);
  const after = new Set(codes);
  return {
    desired: same ? desired : { ...desired, version: desired.version + 1, codes, shards },
    joined: codes.filter((symbol) => !before.has(symbol)),
    left: desired.codes.filter((symbol) => !after.has(symbol)),
    omitted,
  };
}

function selected(
  { codes, exceptions, pinned }: DesiredStream,
  markets: Markets,
  allowed: number | null,
): { codes: readonly string[]; omitted: readonly string[] } {
  const wanted = new Set(markets.all().map(({ symbol }) => symbol));
  for (const symbol of exceptions) wanted.delete(symbol);
  for (const symbol of pinned) if (symbol !== '*') wanted.add(symbol);
  const kept = codes.filter((symbol) => wanted.delete(symbol));
  const joining = [...wanted];
  const places = allowed === null ? joining.length : Math.max(0, allowed - kept.length);
  return { codes: [...kept, ...joining.slice(0, places)], omitted: joining.slice(places) };
}

function sameShards(a: readonly (readonly string[])[], b: readonly (readonly string[])[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      (shard, at) => shard.length === b[at]?.length && shard.every((symbol, i) => symbol === b[at]?.[i]),
    )
  );
}

/**
 * Spreads symbols over shards of at most `perShard`. Whoever has a place keeps it, whoever is not wanted leaves it,
 * and newcomers take the first free places, then new shards: so a change moves nobody but those that join or leave.
 */
export function assignShards(
  before: readonly (readonly string[])[],
  wanted: readonly string[],
  perShard: number,
): string[][] {
  const homeless = new Set(wanted);
  const shards = before.map((shard) => {
    const kept: string[] = [];
    for (const symbol of shard) {
      if (kept.length < perShard && homeless.delete(symbol)) kept.push(symbol);
    }
    return kept;
  });
  let at = 0;
  for (const symbol of homeless) {
    while ((shards[at]?.length ?? 0) >= perShard) at++;
    const shard = shards[at];
    if (shard) shard.push(symbol);
    else shards.push([symbol]);
  }
  while (shards.length > 0 && shards[shards.length - 1]?.length === 0) shards.pop();
  return shards;
}

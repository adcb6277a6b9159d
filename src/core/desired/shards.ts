/**
 * Spreads symbols over shards of at most `perShard`. Whoever has a place keeps it, whoever is not wanted leaves it,
 * and newcomers take the first free places, then empty shards, then new ones: so a change moves nobody but those that
 * join or leave, and nothing is opened while an open socket has room.
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
  const open = shards.filter((shard) => shard.length > 0);
  const rooms = [...open, ...shards.filter((shard) => shard.length === 0)];
  let at = 0;
  for (const symbol of homeless) {
    while ((rooms[at]?.length ?? 0) >= perShard) at++;
    const room = rooms[at] ?? [];
    if (at === rooms.length) {
      rooms.push(room);
      shards.push(room);
    }
    room.push(symbol);
  }
  while (shards.length > 0 && shards[shards.length - 1]?.length === 0) shards.pop();
  return shards;
}

import { type ShardKey, shardKey } from '../state-store.ts';

/** A collector as far as sharing goes. */
export interface Peer {
  readonly id: string;
  readonly exchanges: readonly string[];
}

/** A shard that shall run somewhere. */
export interface Sharable {
  readonly shard: ShardKey;
  /** Null where nobody holds it. */
  readonly holder: string | null;
  /** How long nobody has held it, as far as it was seen here, in ms. */
  readonly freeMs: number;
}

export interface ShareQuestion {
  readonly me: Peer;
  /** The other collectors that are alive and take shards. */
  readonly others: readonly Peer[];
  readonly shards: readonly Sharable[];
  /** What nobody took for this long is anybody's, in ms. */
  readonly patienceMs: number;
}

/** Handed over at once; the others wait for the next look, so that a stream is never gone from everywhere. */
const MAX_GIVEN = 4;
/** Sums of thirds are not whole. */
const EPSILON = 1e-9;

/**
 * Free shards that a collector should take: up to its share, which is equal for all who may run a shard; the shard that
 * rounding leaves over only when nobody has less; and what nobody else took. Every collector looks at them in an order
 * of its own, so that two who look at once rarely want the same.
 */
export function toTake({ me, others, shards, patienceMs }: ShareQuestion): ShardKey[] {
  const free = shards.filter(({ holder, shard }) => holder === null && me.exchanges.includes(shard.exchange));
  const share = shareOf(me, others, shards);
  const whole = Math.floor(share + EPSILON);
  const behind = others.some((peer) => heldBy(peer, shards) < whole);
  const quota = Math.max(0, (behind ? whole : Math.ceil(share - EPSILON)) - heldBy(me, shards));
  const ordered = free
    .map((one) => ({ ...one, rank: Bun.hash(`${me.id} ${shardKey(one.shard)}`) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ordered
    .filter(({ freeMs }, at) => at < quota || freeMs >= patienceMs || others.length === 0)
    .map(({ shard }) => shard);
}

/**
 * Shards that a collector should hand over: a few at a time to the one that has least, as long as it has two less,
 * and never below its own share. None while shards are free, for somebody is about to take those.
 */
export function toGive({ me, others, shards }: ShareQuestion): ShardKey[] {
  if (shards.some(({ holder }) => holder === null)) return [];
  const mine = shards.filter(({ holder }) => holder === me.id);
  const spare = mine.length - Math.floor(shareOf(me, others, shards) + EPSILON);
  const offers = others.map((peer) => ({
    fit: mine.filter(({ shard }) => peer.exchanges.includes(shard.exchange)),
    less: mine.length - heldBy(peer, shards),
  }));
  const best = offers.filter(({ fit }) => fit.length > 0).sort((a, b) => b.less - a.less)[0];
  if (!best || best.less < 2) return [];
  return spread(best.fit).slice(0, Math.max(0, Math.min(MAX_GIVEN, spare, Math.floor(best.less / 2))));
}

/**
 * Shards that wait here for the end of a ban, to be handed to others that the exchange has not shut out: a few at a time,
 * and only where there is one. Whoever has handed them on takes none of that exchange before its ban is over, so that
 * they go nowhere twice.
 */
export function toHandOn(waiting: readonly ShardKey[], others: readonly Peer[]): ShardKey[] {
  return waiting
    .filter(({ exchange }) => others.some(({ exchanges }) => exchanges.includes(exchange)))
    .slice(0, MAX_GIVEN);
}

/** Exchanges that a collector may run now. */
export function without(exchanges: readonly string[], barred: readonly string[] = []): string[] {
  return exchanges.filter((exchange) => !barred.includes(exchange));
}

function heldBy({ id }: Peer, shards: readonly Sharable[]): number {
  return shards.filter(({ holder }) => holder === id).length;
}

/** How many shards a collector would have if they could be split. */
function shareOf(me: Peer, others: readonly Peer[], shards: readonly Sharable[]): number {
  return shards
    .filter(({ shard }) => me.exchanges.includes(shard.exchange))
    .reduce((sum, { shard }) => {
      const rivals = others.filter(({ exchanges }) => exchanges.includes(shard.exchange)).length;
      return sum + 1 / (1 + rivals);
    }, 0);
}

/** From the exchange that has most of them first: sockets of one address are what exchanges limit. */
function spread(shards: readonly Sharable[]): ShardKey[] {
  const byExchange = [...Map.groupBy(shards, ({ shard }) => shard.exchange).values()];
  const taken: ShardKey[] = [];
  while (taken.length < shards.length) {
    byExchange.sort((a, b) => b.length - a.length);
    const last = byExchange[0]?.pop();
    if (!last) break;
    taken.push(last.shard);
  }
  return taken;
}

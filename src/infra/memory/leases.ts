import {
  type CollectorInfo,
  type Collectors,
  type Covered,
  type Holding,
  type Leases,
  type ShardKey,
  shardKey,
  type Taken,
} from '../../application/state-store.ts';
import type { Clock } from '../../common/clock.ts';
import { streamKey } from '../../core/desired/stream.ts';

interface Held {
  readonly collector: string;
  readonly fence: number;
  readonly until: number;
}

/**
 * Leases of this process alone.
 * @param nudge told of the stream of every lease that is given back
 * @param versionOf of a stream's desired state; undefined where there is none
 */
export function memoryLeases(
  clock: Clock,
  nudge: (stream: string) => void,
  versionOf: (stream: string) => number | undefined,
): Leases {
  const leases = new Map<string, Held>();
  const ends = new Map<string, { readonly shard: ShardKey } & NonNullable<Taken['before']>>();
  const takers = new Map<string, string>();
  let fence = 0;
  const heldOf = (shard: ShardKey): Held | null => {
    const held = leases.get(shardKey(shard));
    return held && held.until > clock.now() ? held : null;
  };
  const isHeld = ({ lease }: Holding): boolean => heldOf(lease.shard)?.fence === lease.fence;

  function keep({ collector, shard }: Holding['lease'], covered: readonly Covered[] | null): void {
    if (covered?.length === 0) ends.delete(shardKey(shard));
    else if (covered) ends.set(shardKey(shard), { shard, collector, covered });
  }

  return {
    acquire: async (shards, collector, ttlMs, heirOf, above = 0) =>
      shards.map(({ version, ...shard }) => {
        const held = heldOf(shard);
        if (held && !heirOf.includes(held.collector)) return null;
        const desired = versionOf(streamKey(shard));
        if (desired !== undefined && version !== undefined && desired !== version) return 'outdated';
        fence = Math.max(fence + 1, above + 1, Math.floor(clock.micros() / 1000));
        const key = shardKey(shard);
        leases.set(key, { collector, fence, until: clock.now() + ttlMs });
        const { shard: _, ...before } = ends.get(key) ?? { shard: null };
        const last = takers.get(key) ?? null;
        takers.set(key, collector);
        const beside = [...ends].flatMap(([other, end]) =>
          other !== key && streamKey(end.shard) === streamKey(shard) ? end.covered : [],
        );
        return {
          lease: { shard, collector, fence },
          before: 'covered' in before ? before : null,
          last,
          beside,
        };
      }),
    renew: async (holdings, ttlMs) => {
      fence = Math.max(fence, ...holdings.map(({ lease }) => lease.fence));
      return holdings.map((holding) => {
        if (!isHeld(holding)) return false;
        const { shard, collector, fence: own } = holding.lease;
        leases.set(shardKey(shard), { collector, fence: own, until: clock.now() + ttlMs });
        keep(holding.lease, holding.covered);
        return true;
      });
    },
    // It takes every write.
    provisional: async (shards) => shards.map(() => null),
    async release(holdings) {
      for (const holding of holdings.filter(isHeld)) {
        leases.delete(shardKey(holding.lease.shard));
        keep(holding.lease, holding.covered);
        nudge(streamKey(holding.lease.shard));
      }
    },
    holders: async (shards) =>
      shards.map((shard) => {
        const held = heldOf(shard);
        return held && { collector: held.collector, fence: held.fence };
      }),
    async recorded(streams) {
      const asked = new Set(streams.map(streamKey));
      return [...ends.values()].flatMap(({ shard }) => (asked.has(streamKey(shard)) ? [shard] : []));
    },
    async records(streams) {
      const asked = new Set(streams.map(streamKey));
      const own = [...ends.values()].filter(({ shard }) => asked.has(streamKey(shard)));
      return own.map(({ shard, covered }) => ({ shard, covered }));
    },
  };
}

/** The collectors that were announced in this process. */
export function memoryCollectors(clock: Clock): Collectors {
  const announced = new Map<string, { readonly info: CollectorInfo; readonly until: number }>();
  return {
    announce: async (id, info, ttlMs) => void announced.set(id, { info, until: clock.now() + ttlMs }),
    others: async () => null,
    alive: async () =>
      [...announced]
        .filter(([, { until }]) => until > clock.now())
        .map(([id, { info }]) => ({ id, info }))
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    async leave(ids) {
      for (const id of ids) announced.delete(id);
    },
  };
}

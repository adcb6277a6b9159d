import type { Collectors, Leases, ShardKey } from '../../application/state-store.ts';
import type { Clock } from '../../common/clock.ts';
import { streamKey } from '../../core/desired/stream.ts';

interface Held {
  readonly collector: string;
  readonly fence: number;
  readonly until: number;
}

/** Leases of this process alone. */
export function memoryLeases(clock: Clock): Leases {
  const leases = new Map<string, Held>();
  let fence = 0;
  const keyOf = (shard: ShardKey) => `${streamKey(shard)}|${shard.shard}`;
  const heldOf = (shard: ShardKey): Held | null => {
    const held = leases.get(keyOf(shard));
    return held && held.until > clock.now() ? held : null;
  };
  return {
    async acquire(shard, collector, ttlMs) {
      const held = heldOf(shard);
      if (held && held.collector !== collector) return null;
      fence++;
      leases.set(keyOf(shard), { collector, fence, until: clock.now() + ttlMs });
      return { shard, collector, fence };
    },
    async renew(lease, ttlMs) {
      const held = heldOf(lease.shard);
      if (held?.collector !== lease.collector || held.fence !== lease.fence) return false;
      leases.set(keyOf(lease.shard), { ...held, until: clock.now() + ttlMs });
      return true;
    },
    async release(lease) {
      if (heldOf(lease.shard)?.fence === lease.fence) leases.delete(keyOf(lease.shard));
    },
    async holder(shard) {
      const held = heldOf(shard);
      return held && { collector: held.collector, fence: held.fence };
    },
  };
}

/** The collectors that were announced in this process. */
export function memoryCollectors(clock: Clock): Collectors {
  const until = new Map<string, number>();
  return {
    announce: async (id, _info, ttlMs) => void until.set(id, clock.now() + ttlMs),
    alive: async () => [...until].flatMap(([id, end]) => (end > clock.now() ? [id] : [])).sort(),
    leave: async (id) => void until.delete(id),
  };
}

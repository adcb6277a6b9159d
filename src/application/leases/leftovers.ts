import type { Clock } from '../../common/clock.ts';
import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { Micros } from '../../core/market/market.ts';
import {
  type AskedShard,
  type Covered,
  type Lease,
  type Leases,
  type ShardKey,
  shardKey,
} from '../state-store.ts';

export interface LeftoversDeps {
  readonly leases: Leases;
  readonly clock: Clock;
  readonly id: string;
  readonly exchanges: readonly string[];
  readonly ttlMs: number;
}

/** Whoever knows what shall run, and tells of what was lost. */
export interface LeftoversHost {
  /** Every stream that ever was to run, with the version of its desired state. */
  known(): (StreamKey & { readonly version: number })[];
  /**
   * Nobody received these codes since then, and nobody wants them any more. Resolves when the broker has the gaps.
   * @param to when that was found
   */
  gone(shard: ShardKey, since: readonly Covered[], to: Micros): Promise<void>;
}

/**
 * What is on record of shards that nobody shall run any more: whoever had one ended before all that it had been sent was
 * delivered. No next holder tells of that, so anybody does, under the lease of the shard.
 */
export class Leftovers {
  readonly #deps: LeftoversDeps;
  /** Those that are being told. */
  readonly #telling = new Set<string>();

  constructor(deps: LeftoversDeps) {
    this.#deps = deps;
  }

  /**
   * Looks for them.
   * @param wanted keys of the shards that shall run or are held here
   * @param above a fence that every new one exceeds
   */
  async look(host: LeftoversHost, wanted: ReadonlySet<string>, above: number): Promise<void> {
    const { leases, exchanges, id, ttlMs } = this.#deps;
    const streams = host.known().filter(({ exchange }) => exchanges.includes(exchange));
    const versions = new Map(streams.map((stream) => [streamKey(stream), stream.version]));
    const recorded = await leases.recorded(streams);
    const asked = recorded.flatMap((shard): AskedShard[] => {
      const key = shardKey(shard);
      const version = versions.get(streamKey(shard));
      if (version === undefined || wanted.has(key) || this.#telling.has(key)) return [];
      return [{ ...shard, version }];
    });
    if (asked.length === 0) return;
    // One that is held is being left by its holder.
    for (const taken of await leases.acquire(asked, id, ttlMs, [], above)) {
      if (taken === null || taken === 'outdated') continue;
      void this.#tell(host, taken.lease, taken.before?.covered ?? []);
    }
  }

  async #tell(host: LeftoversHost, lease: Lease, since: readonly Covered[]): Promise<void> {
    const key = shardKey(lease.shard);
    this.#telling.add(key);
    try {
      await host.gone(lease.shard, since, this.#deps.clock.micros());
      await this.#deps.leases.release([{ lease, covered: [] }]);
    } catch {
      // It stays on record, for the next look once the lease has ended.
    } finally {
      this.#telling.delete(key);
    }
  }
}

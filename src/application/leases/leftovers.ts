import type { Clock } from '../../common/clock.ts';
import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { Micros } from '../../core/market/market.ts';
import {
  type AskedShard,
  type Covered,
  type Lease,
  type Leases,
  type ShardKey,
  type ShardRecord,
  shardKey,
} from '../state-store.ts';
import { ofThese, type WantedShard, wantedOf } from './held.ts';

export interface LeftoversDeps {
  readonly leases: Leases;
  readonly clock: Clock;
  readonly id: string;
  readonly exchanges: readonly string[];
  readonly ttlMs: number;
}

/** Whoever knows what shall run, and tells of what was lost. */
export interface LeftoversHost {
  /** Every shard that shall run somewhere. */
  wanted(): WantedShard[];
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
    const concerned = new Set(asked.map(streamKey));
    const records = await leases.records(streams.filter((stream) => concerned.has(streamKey(stream))));
    const over = asked.filter((shard) => {
      const own = records.filter((one) => shardKey(one.shard) === shardKey(shard));
      const beside = records.filter((one) => streamKey(one.shard) === streamKey(shard) && !own.includes(one));
      return left(coveredOf(own), coveredOf(beside), wantedOf(host, shard)).over;
    });
    if (over.length === 0) return;
    // One that is held is being left by its holder.
    for (const taken of await leases.acquire(over, id, ttlMs, [], above)) {
      if (taken === null || taken === 'outdated') continue;
      const { lease, before, beside } = taken;
      void this.#tell(host, lease, left(before?.covered ?? [], beside, wantedOf(host, lease.shard)));
    }
  }

  async #tell(host: LeftoversHost, lease: Lease, { gone, kept }: Left): Promise<void> {
    const key = shardKey(lease.shard);
    this.#telling.add(key);
    try {
      await host.gone(lease.shard, gone, this.#deps.clock.micros());
      await this.#deps.leases.release([{ lease, covered: kept }]);
    } catch {
      // It stays on record, for the next look once the lease has ended.
    } finally {
      this.#telling.delete(key);
    }
  }
}

/** What is on record of a shard that nobody shall run. */
interface Left {
  /** What nobody wants any more. */
  readonly gone: readonly Covered[];
  /** What other shards are to have, and nobody has taken there. */
  readonly kept: readonly Covered[];
  /** Whether anything is not to be kept. */
  readonly over: boolean;
}

/**
 * @param beside what is on record of the other shards: whoever took a code there since has seen what is on record here
 * @param wanted symbols of the stream
 */
function left(own: readonly Covered[], beside: readonly Covered[], wanted: readonly string[]): Left {
  const here = fencesOf(own);
  const there = fencesOf(beside);
  const untaken = [...here].filter(([symbol, fence]) => fence >= (there.get(symbol) ?? 0));
  const desired = new Set(wanted);
  const awaited = untaken.filter(([symbol, fence]) => fence > 0 && desired.has(symbol));
  const kept = new Set(awaited.map(([symbol]) => symbol));
  const gone = untaken.flatMap(([symbol]) => (kept.has(symbol) ? [] : [symbol]));
  return {
    gone: ofThese(own, gone),
    kept: ofThese(own, [...kept]),
    over: kept.size < here.size || here.size === 0,
  };
}

/** The highest fence under which each symbol is on record; 0 where none is known. */
function fencesOf(covered: readonly Covered[]): Map<string, number> {
  const fences = new Map<string, number>();
  for (const { symbols, fence = 0 } of covered)
    for (const symbol of symbols) fences.set(symbol, Math.max(fence, fences.get(symbol) ?? 0));
  return fences;
}

function coveredOf(records: readonly ShardRecord[]): Covered[] {
  return records.flatMap(({ covered }) => covered);
}

import type { Clock } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { type Collectors, type Leases, shardKey, type Taken } from '../state-store.ts';
import type { WantedShard } from './held.ts';

export interface ProvisionalDeps {
  readonly leases: Pick<Leases, 'provisional'>;
  readonly collectors: Pick<Collectors, 'others'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly id: string;
  /** Why the store takes no writes while it can be read, else null; left out: that is not known. */
  readonly refusal?: () => string | null;
  onFault(fault: Fault): void;
}

/**
 * What a store that is the only one says of itself: full, unable to write its disk, or without a right. One that says
 * READONLY or NOREPLICAS may have been replaced by another, at which other collectors are.
 */
const ALONE_BY_ITSELF = /\b(OOM|MISCONF|NOPERM)\b|can't run this command/;
/** So long nobody else must have been seen: whoever has lost its connection is back by then. */
const ALONE_MS = 10_000;

/**
 * A start while the store takes no writes: nobody can take a lease, so shards that nobody has would stand still. Where no
 * other collector listens at the store, they are taken without a lease, under fences above all that the store knows; when
 * it takes writes again they get their leases, as those do that ran out while it was away.
 */
export class Provisional {
  readonly #deps: ProvisionalDeps;
  readonly #fences = new Set<number>();
  #aloneSinceMs: number | null = null;

  constructor(deps: ProvisionalDeps) {
    this.#deps = deps;
  }

  /**
   * Those of the shards that may run here without a lease; to be asked at each look that failed. Never fails.
   * @param highest fence that was seen
   */
  async take(shards: readonly WantedShard[], highest: number): Promise<(readonly [WantedShard, Taken])[]> {
    const { clock, leases, collectors, id } = this.#deps;
    if (!ALONE_BY_ITSELF.test(this.#deps.refusal?.() ?? '')) {
      this.#aloneSinceMs = null;
      return [];
    }
    const others = await collectors.others().catch(() => null);
    this.#aloneSinceMs = others === 0 ? (this.#aloneSinceMs ?? clock.now()) : null;
    if (this.#aloneSinceMs === null || clock.now() - this.#aloneSinceMs < ALONE_MS) return [];
    const taken = shards.length === 0 ? [] : await leases.provisional(shards, id, highest).catch(() => []);
    const mine = shards.flatMap((shard, at) => {
      const one = taken[at];
      return one ? [[shard, one] as const] : [];
    });
    for (const [, { lease }] of mine) this.#fences.add(lease.fence);
    if (mine.length > 0) this.#tell(mine.map(([shard]) => shardKey(shard)));
    return mine;
  }

  /** Whether a shard with this fence has no lease. */
  has(fence: number): boolean {
    return this.#fences.has(fence);
  }

  /** The store has said who has what: these have leases now, or are another's. */
  over(): void {
    this.#fences.clear();
    this.#aloneSinceMs = null;
  }

  #tell(shards: readonly string[]): void {
    const { log, onFault } = this.#deps;
    const why = this.#deps.refusal?.() ?? '';
    log.warn(
      { phase: 'lease', taken: shards.length },
      `shards run provisionally, without leases: ${shards.length}`,
    );
    onFault(
      new Fault(
        'redis_unavailable',
        'leases',
        `Redis takes no writes (${why}); no other collector is there, so that these run provisionally: ${shards.join(', ')}.`,
        'Mend Redis before you start another collector.',
      ),
    );
  }
}

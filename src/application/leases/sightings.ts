import type { Clock } from '../../common/clock.ts';
import { type CollectorInfo, type ShardKey, shardKey } from '../state-store.ts';
import type { Sharable } from './share.ts';

export interface Holder {
  readonly collector: string;
  readonly fence: number;
}

/** What the last look showed: who is there, who holds what, and since when what nobody holds has been seen free. */
export class Sightings {
  readonly #clock: Clock;
  readonly #freeSince = new Map<string, number>();
  #holders = new Map<string, Holder>();
  #collectors: readonly { readonly id: string; readonly info: CollectorInfo }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(
    shards: readonly ShardKey[],
    holders: readonly (Holder | null)[],
    collectors: readonly { readonly id: string; readonly info: CollectorInfo }[],
  ): void {
    this.#collectors = collectors;
    this.#holders = new Map(
      shards.flatMap((shard, at) => {
        const holder = holders[at];
        return holder ? [[shardKey(shard), holder]] : [];
      }),
    );
  }

  get collectors(): readonly { readonly id: string; readonly info: CollectorInfo }[] {
    return this.#collectors;
  }

  holder(shard: ShardKey): Holder | null {
    return this.#holders.get(shardKey(shard)) ?? null;
  }

  /** @param holder whoever counts as its holder now */
  sharable(shard: ShardKey, holder: string | null): Sharable {
    const key = shardKey(shard);
    const nowMs = this.#clock.now();
    const since = this.#freeSince.get(key) ?? nowMs;
    if (holder === null) this.#freeSince.set(key, since);
    else this.#freeSince.delete(key);
    return { shard, holder, freeMs: nowMs - since };
  }
}

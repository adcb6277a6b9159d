import type { Clock } from '../../common/clock.ts';
import { type CollectorInfo, type ShardKey, shardKey } from '../state-store.ts';
import type { Sharable } from './share.ts';

export interface Holder {
  readonly collector: string;
  readonly fence: number;
}

/** A collector's last announcement, and when it was first seen, by `Clock.now()`. */
interface Beat {
  readonly beat: number | undefined;
  readonly sinceMs: number;
}

/** What the last look showed: who is there, who holds what, and since when what nobody holds has been seen free. */
export class Sightings {
  readonly #clock: Clock;
  readonly #freeSince = new Map<string, number>();
  #beats: ReadonlyMap<string, Beat> | null = null;
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
    this.#beats = this.#heard(collectors);
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

  /** For how long a collector has not announced itself anew, in ms; it may be for ever where it never did under our eyes. */
  stillMs(id: string): number {
    return this.#clock.now() - (this.#beats?.get(id)?.sinceMs ?? this.#clock.now());
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

  #heard(collectors: readonly { readonly id: string; readonly info: CollectorInfo }[]): Map<string, Beat> {
    const first = this.#beats === null;
    return new Map(
      collectors.map(({ id, info: { beat } }) => {
        const before = this.#beats?.get(id);
        if (before && before.beat === beat) return [id, before];
        return [id, { beat, sinceMs: first ? Number.NEGATIVE_INFINITY : this.#clock.now() }];
      }),
    );
  }
}

import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import { type Covered, type Holding, type Leases, shardKey, type Taken } from '../state-store.ts';
import type { HeldShard, HeldShards } from '../streams/stream-parts.ts';
import type { Fences } from './fences.ts';
import { Held, ofThese, type WantedShard, wantedOf } from './held.ts';
import type { Left, ShardHost } from './lease-parts.ts';

export interface HoldingsDeps {
  readonly leases: Leases;
  /** Told which fences are held, for whoever hands messages over. */
  readonly fences: Fences;
}

/** The shards whose leases are held here, from the taking to the giving back. */
export class Holdings {
  readonly #deps: HoldingsDeps;
  readonly #held = new Map<string, Held>();
  /** Shards that are being given up here. They are not taken again before their rows are delivered. */
  readonly #leaving = new Map<string, Promise<void>>();
  #highest = 0;

  constructor(deps: HoldingsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#held.size;
  }

  /** The highest fence that was seen. */
  get highest(): number {
    return this.#highest;
  }

  /** Whether any shard is being given up. */
  get anyLeaving(): boolean {
    return this.#leaving.size > 0;
  }

  get(key: string): Held | undefined {
    return this.#held.get(key);
  }

  leaving(key: string): boolean {
    return this.#leaving.has(key);
  }

  /** Those that are not being given up. */
  staying(): Held[] {
    return [...this.#held].flatMap(([key, held]) => (this.#leaving.has(key) ? [] : [held]));
  }

  all(): Held[] {
    return [...this.#held.values()];
  }

  /** What is to be streamed here of a stream. */
  of(stream: StreamKey): HeldShards {
    const own = this.staying().filter(({ shard }) => streamKey(shard) === streamKey(stream));
    return new Map<number, HeldShard>(own.map((held) => [held.shard.shard, held]));
  }

  saw(fence: number): void {
    this.#highest = Math.max(this.#highest, fence);
  }

  /** @param taker see `Held` */
  keep(taken: Taken, shard: WantedShard, missed: HeldShard['missed'], taker?: string | null): void {
    this.#held.set(shardKey(shard), new Held(taken, shard, missed, taker));
    this.#fenced(taken);
  }

  /** A lease that is held here already has a new fence. */
  renewed(held: Held, again: Taken, shard: WantedShard): void {
    held.renewed(again, shard);
    this.#fenced(again);
  }

  /** A lease is another's: what is still on its way under its fences is nobody's. */
  lose(held: Held): void {
    this.#deps.fences.end(held.fences);
    this.#held.delete(shardKey(held.shard));
  }

  /**
   * Gives a shard up, and its lease where it is still held.
   * @param last whether rows that are late keep the lease until `releaseAll`: the program stops
   * @param unwanted nobody shall take it up: where all of it is delivered nothing stays on record but what others are to have
   */
  leave(held: Held, host: ShardHost, reason: string, last: () => boolean, unwanted: boolean): Promise<void> {
    const key = shardKey(held.shard);
    const left = this.#letGo(held, host, reason, last, unwanted).finally(() => this.#leaving.delete(key));
    this.#leaving.set(key, left);
    return left;
  }

  /** Resolves when nothing is being given up any more. */
  async left(): Promise<void> {
    await Promise.all(this.#leaving.values());
  }

  /** Gives back what is still held, as it is. */
  async releaseAll(covered: (held: Held) => readonly Covered[] | null): Promise<void> {
    const held: Holding[] = this.all().map((one) => ({ lease: one.lease, covered: one.end ?? covered(one) }));
    for (const one of this.all()) this.lose(one);
    await this.#deps.leases.release(held);
  }

  #fenced({ lease }: Taken): void {
    this.saw(lease.fence);
    this.#deps.fences.add(lease.fence);
  }

  async #letGo(
    held: Held,
    host: ShardHost,
    reason: string,
    last: () => boolean,
    unwanted: boolean,
  ): Promise<void> {
    const left = await host.leave(held.shard, reason);
    if (this.#held.get(shardKey(held.shard)) !== held) return;
    const over = unwanted && left.delivered && left.complete;
    held.end = over ? awaited(left, wantedOf(host, held.shard)) : left.covered;
    if (!left.delivered && last()) return;
    // What is not delivered by now lies in the next holder's gap.
    this.lose(held);
    await this.#deps.leases.release([{ lease: held.lease, covered: held.end }]).catch(() => {
      // A lease that cannot be given back ends by itself.
    });
  }
}

/** Of a shard that is over: what is to stay on record of codes that it had until they went to another, and before. */
function awaited({ covered, kept }: Left, wanted: readonly string[]): Covered[] {
  const before = new Set(kept.flatMap(({ symbols }) => symbols));
  const now = wanted.filter((symbol) => !before.has(symbol));
  return [...kept, ...ofThese(covered ?? [], now)];
}

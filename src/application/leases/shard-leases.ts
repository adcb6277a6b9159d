import type { Cancel, Clock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import {
  type CollectorInfo,
  type Collectors,
  type Covered,
  type Lease,
  type Leases,
  type ProcessIdentity,
  type ShardKey,
  shardKey,
  type Taken,
} from '../state-store.ts';
import type { HeldShard, HeldShards } from '../stream.ts';
import { type ShareQuestion, toGive, toTake } from './share.ts';
import { type Holder, Sightings } from './sightings.ts';

export interface LeaseDeps {
  readonly leases: Leases;
  readonly collectors: Collectors;
  readonly clock: Clock;
  readonly log: Log;
  /** Id of this collector. */
  readonly id: string;
  /** Exchanges that it may run. */
  readonly exchanges: readonly string[];
  /** Life of a lease between renewals, in ms. */
  readonly ttlMs: number;
  readonly process: ProcessIdentity | null;
  /** Whether a process has ended for certain, so that nobody has to wait for its leases to. */
  ended(process: ProcessIdentity): boolean;
  onFault(fault: Fault): void;
}

/** Whoever streams the shards. */
export interface ShardHost {
  /** Every shard that shall run somewhere. */
  wanted(): ShardKey[];
  /** What is held here of the stream, or a fence of it, has changed. */
  changed(stream: string): void;
  /** How far a shard got that runs here; null where it does not run yet. */
  covered(shard: ShardKey): readonly Covered[] | null;
  /** Stops streaming a shard. Resolves, when its rows are delivered, with how far it got. */
  leave(shard: ShardKey, reason: string): Promise<readonly Covered[] | null>;
}

interface Held extends HeldShard {
  readonly shard: ShardKey;
  readonly lease: Lease;
  /** What the store had of its last holder when it was taken. */
  readonly before: Taken['before'];
}

/** What was seen at the last look. */
export interface LeaseView {
  readonly collectors: readonly string[];
  /** Leases held here. */
  readonly held: number;
  /** Leases that another collector took away. */
  readonly lost: number;
  /** Leases handed over to others. */
  readonly given: number;
}

/** After a look that failed, or that left shards free, the next is no later than this. */
const RETRY_MS = 1000;
/** A store that comes back is found again by everybody within so long: attempts are seconds apart, and differ. */
const RETURN_MS = 10_000;
/** Whoever left its share to others is not offered it again for so many lives of a lease. */
const LEFT_OVER_LIVES = 10;

/**
 * Which shards this collector streams. It looks at the leases of all of them three times in a lease's life, and at every
 * nudge: renews its own, takes its share of what is free, and hands some over to a collector that has less. Nothing of
 * it is on the way of the data, and while the store is away everything stays as it is.
 */
export class ShardLeases {
  readonly #deps: LeaseDeps;
  readonly #held = new Map<string, Held>();
  /** Shards that are being given up here. They are not taken again before their rows are delivered. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #seen: Sightings;
  #host: ShardHost | null = null;
  #startedMs = 0;
  /** Until then only what was lost is taken back, for the others have to find theirs again too. */
  #modestUntilMs = 0;
  #stopping = false;
  #ended = false;
  #nextGiveMs = 0;
  /** Shards are free: the next look is soon. */
  #soon = false;
  #lost = 0;
  #given = 0;
  #current: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;
  #cancelTimer: Cancel = () => {};

  constructor(deps: LeaseDeps) {
    this.#deps = deps;
    this.#seen = new Sightings(deps.clock);
  }

  /** Begins to look. */
  async start(host: ShardHost): Promise<void> {
    this.#host = host;
    this.#startedMs = this.#deps.clock.now();
    this.#nextGiveMs = this.#startedMs + this.#deps.ttlMs / 3;
    await this.look();
  }

  /** What is to be streamed here of a stream. */
  mine(stream: StreamKey): HeldShards {
    const mine = new Map<number, HeldShard>();
    for (const [key, held] of this.#held) {
      const own = streamKey(held.shard) === streamKey(stream) && !this.#leaving.has(key);
      if (own) mine.set(held.shard.shard, held);
    }
    return mine;
  }

  /** Who holds a shard, as it was last seen; null where nobody does. */
  holder(shard: ShardKey): Holder | null {
    const held = this.#held.get(shardKey(shard));
    if (held) return { collector: this.#deps.id, fence: held.lease.fence };
    return this.#seen.holder(shard);
  }

  view(): LeaseView {
    const collectors = this.#seen.collectors.map(({ id }) => id);
    return { collectors, held: this.#held.size, lost: this.#lost, given: this.#given };
  }

  /** Resolves when a look is over that began after this call. Never fails. */
  look(): Promise<void> {
    this.#queued ??= this.#current.then(() => {
      this.#queued = null;
      this.#current = this.#round();
      return this.#current;
    });
    return this.#queued;
  }

  /** A stream was stopped: whoever starts it again begins without a past. */
  async forget(stream: StreamKey): Promise<void> {
    await this.#deps.leases.forget(stream).catch(() => {
      // A store that is away keeps it, and the next run has a gap too many.
    });
  }

  /** Gives every shard back as soon as its rows are delivered; others may take them at once. */
  async leaveAll(): Promise<void> {
    this.#stopping = true;
    void this.look();
    for (const [key, held] of this.#held)
      if (!this.#leaving.has(key)) void this.#leave(held, 'the collector stops');
    await Promise.all(this.#leaving.values());
  }

  /** Ends it: what is still held is given back as it is. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#ended = true;
    this.#cancelTimer();
    await this.#current;
    const { leases, collectors, id } = this.#deps;
    const held = [...this.#held.values()].map(({ lease, shard }) => ({
      lease,
      covered: this.#host?.covered(shard) ?? null,
    }));
    this.#held.clear();
    await Promise.allSettled([collectors.leave([id]), leases.release(held)]);
  }

  async #round(): Promise<void> {
    if (!this.#host) return;
    const { clock, ttlMs } = this.#deps;
    this.#cancelTimer();
    let nextMs = Math.min(ttlMs / 3, RETRY_MS);
    try {
      await this.#see();
      if (!this.#soon) nextMs = ttlMs / 3;
    } catch (error) {
      if (!(error instanceof Fault)) {
        const words = `leases: ${messageOf(error)}`;
        this.#deps.log.error({ phase: 'lease', err: error }, words);
      }
      // The store says itself that it is away. Leases that nobody can take stay where they are.
    }
    if (this.#ended) return;
    this.#cancelTimer = clock.after(nextMs, () => void this.look());
  }

  async #see(): Promise<void> {
    const host = this.#host;
    if (!host) return;
    const { leases, collectors, id, ttlMs, exchanges, process } = this.#deps;
    const wanted = host.wanted();
    const before = [...this.#held];
    const info: CollectorInfo = { exchanges, stopping: this.#stopping, process };
    const [, kept, holders, alive] = await Promise.all([
      collectors.announce(id, info, ttlMs),
      leases.renew(
        before.map(([key, { lease, shard }]) => ({
          lease,
          covered: this.#leaving.has(key) ? null : host.covered(shard),
        })),
        ttlMs,
      ),
      leases.holders(wanted),
      collectors.alive(),
    ]);
    const alone = this.#seen.collectors.every((peer) => peer.id === id);
    this.#seen.take(wanted, holders, alive);
    const gone = before.flatMap(([key, held], at) =>
      kept[at] || this.#held.get(key) !== held || this.#leaving.has(key) ? [] : [held],
    );
    await this.#recover(gone, host, alone);
    if (this.#stopping) return;
    const running = new Set(host.wanted().map(shardKey));
    for (const [key, held] of this.#held)
      if (!running.has(key) && !this.#leaving.has(key)) void this.#leave(held, 'the stream was stopped', []);
    await this.#share(wanted);
  }

  /** Leases that ended, because the store was away or lost its memory, or that another took. */
  async #recover(gone: readonly Held[], host: ShardHost, alone: boolean): Promise<void> {
    if (gone.length === 0) return;
    const { leases, id, ttlMs, clock, log } = this.#deps;
    const taken = await leases.acquire(
      gone.map(({ shard }) => shard),
      id,
      ttlMs,
      [],
    );
    for (const [at, held] of gone.entries()) {
      const again = taken[at];
      const another = again ? holderSince(held, again) : this.#seen.holder(held.shard)?.collector;
      if (again && (another === undefined || another === id)) {
        if (!alone) this.#modestUntilMs = clock.now() + Math.max(ttlMs, RETURN_MS);
        this.#keep(again, null);
        host.changed(streamKey(held.shard));
        continue;
      }
      this.#lost++;
      // Another had it meanwhile and gave it up: its end of the stream is the beginning of a gap here.
      if (again) await leases.release([{ lease: again.lease, covered: null }]);
      this.#held.delete(shardKey(held.shard));
      const holder = another ?? 'another collector';
      log.warn(
        { phase: 'lease', ...held.shard, holder },
        `lease of ${shardKey(held.shard)} lost to ${holder}`,
      );
      if (holder === id) this.#twin();
      void this.#leave(held, `the lease was lost to ${holder}`);
    }
  }

  async #share(wanted: readonly ShardKey[]): Promise<void> {
    const { leases, id, exchanges, ttlMs, clock, log } = this.#deps;
    this.#soon = false;
    if (clock.now() < this.#modestUntilMs) return;
    const peers = this.#seen.collectors.filter((peer) => peer.id !== id);
    const dead = peers.filter(({ info }) => this.#isDead(info)).map((peer) => peer.id);
    const others = peers
      .filter((peer) => !peer.info.stopping && !dead.includes(peer.id))
      .map((peer) => ({ id: peer.id, exchanges: peer.info.exchanges }));
    // Leases of an earlier life of this collector, or of a process that is no more, need not end first.
    const heirOf = clock.now() - this.#startedMs < ttlMs ? [id, ...dead] : dead;
    const question: ShareQuestion = {
      me: { id, exchanges },
      others,
      shards: wanted.map((shard) => this.#seen.sharable(shard, this.#holderBut(shard, heirOf))),
      patienceMs: ttlMs,
    };
    const wish = toTake(question).filter((shard) => !this.#leaving.has(shardKey(shard)));
    const taken = (await leases.acquire(wish, id, ttlMs, heirOf)).filter((one) => one !== null);
    for (const one of taken) this.#keep(one, this.#missed(one, heirOf, others.length === 0));
    for (const stream of new Set(taken.map(({ lease }) => streamKey(lease.shard))))
      this.#host?.changed(stream);
    if (taken.length > 0)
      log.info(
        { phase: 'lease', taken: taken.length, held: this.#held.size },
        `leases taken: ${taken.length}`,
      );
    // Whoever has less goes first; what is left then is not to wait for long.
    this.#soon = question.shards.filter(({ holder }) => holder === null).length > taken.length;
    const leftOver = question.shards.some(({ holder, freeMs }) => holder === null && freeMs >= ttlMs);
    if (leftOver && others.length > 0) this.#nextGiveMs = clock.now() + LEFT_OVER_LIVES * ttlMs;
    if (clock.now() < this.#nextGiveMs || this.#leaving.size > 0) return;
    this.#nextGiveMs = clock.now() + ttlMs / 3;
    for (const shard of toGive(question)) {
      const held = this.#held.get(shardKey(shard));
      if (!held) continue;
      this.#given++;
      log.info({ phase: 'lease', ...shard }, `lease of ${shardKey(shard)} handed over`);
      void this.#leave(held, 'the shard is handed over to another collector');
    }
  }

  /** Who holds a shard; null also where it is one of those. */
  #holderBut(shard: ShardKey, heirOf: readonly string[]): string | null {
    if (this.#held.has(shardKey(shard))) return this.#deps.id;
    const seen = this.#seen.holder(shard)?.collector ?? null;
    return seen === null || heirOf.includes(seen) ? null : seen;
  }

  #keep({ lease, before }: Taken, missed: HeldShard['missed']): void {
    this.#held.set(shardKey(lease.shard), { shard: lease.shard, lease, fence: lease.fence, missed, before });
  }

  #missed({ before }: Taken, heirOf: readonly string[], alone: boolean): HeldShard['missed'] {
    if (!before) return null;
    const { clock, ttlMs } = this.#deps;
    const firstAlone = alone && clock.now() - this.#startedMs < ttlMs;
    const restart = firstAlone || heirOf.includes(before.collector) || before.collector === this.#deps.id;
    return { cause: restart ? 'restart' : 'takeover', since: before.covered };
  }

  /**
   * Gives a shard up, and its lease where it is still held.
   * @param covered how far it got, where that is not what the host says
   */
  #leave(held: Held, reason: string, covered?: readonly Covered[]): Promise<void> {
    const key = shardKey(held.shard);
    const left = this.#letGo(held, reason, covered).finally(() => {
      this.#leaving.delete(key);
      if (!this.#stopping) void this.look();
    });
    this.#leaving.set(key, left);
    return left;
  }

  async #letGo(held: Held, reason: string, covered?: readonly Covered[]): Promise<void> {
    const key = shardKey(held.shard);
    const got = await this.#host?.leave(held.shard, reason);
    if (this.#held.get(key) !== held) return;
    this.#held.delete(key);
    await this.#deps.leases.release([{ lease: held.lease, covered: covered ?? got ?? null }]).catch(() => {
      // A lease that cannot be given back ends by itself.
    });
  }

  #isDead({ process }: CollectorInfo): boolean {
    return process !== null && this.#deps.ended(process);
  }

  /** Two processes that believe to be each other's earlier life would take the shards from each other for ever. */
  #twin(): void {
    const { id, onFault } = this.#deps;
    this.#startedMs = Number.NEGATIVE_INFINITY;
    onFault(
      new Fault(
        'cache_conflict',
        `collector ${id}`,
        `Another process runs under the id ${id} and took its leases.`,
        'Give every collector a COLLECTOR_ID of its own.',
      ),
    );
  }
}

/** Who had a shard between the end of its lease here and now. The record of the holder before says nothing of that. */
function holderSince({ before }: Held, again: Taken): string | undefined {
  return JSON.stringify(again.before) === JSON.stringify(before) ? undefined : again.before?.collector;
}

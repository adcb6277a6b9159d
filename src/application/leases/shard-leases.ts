import type { Cancel } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import { type CollectorInfo, type ShardKey, shardKey } from '../state-store.ts';
import type { HeldShards } from '../streams/stream-parts.ts';
import { type Claimant, endedOf, holderSince, missedOf, twinFault } from './claims.ts';
import type { Held, WantedShard } from './held.ts';
import { Holdings } from './holdings.ts';
import type { Barred, LeaseDeps, LeaseView, ShardHost } from './lease-parts.ts';
import { Leftovers } from './leftovers.ts';
import { Provisional } from './provisional.ts';
import { type ShareQuestion, toGive, toHandOn, toTake, without } from './share.ts';
import { type Holder, Sightings } from './sightings.ts';
import { whileUnanswered } from './silence.ts';

/** After a look that failed, or that left shards free, the next is no later than this. */
const RETRY_MS = 1000;
/** A store that comes back is found again by everybody within so long: attempts are seconds apart, and differ. */
const RETURN_MS = 10_000;
/** Whoever left its share to others is not offered it again for so many lives of a lease. */
const LEFT_OVER_LIVES = 10;

/**
 * Which shards this collector streams. It looks at the leases of all of them three times in a lease's life, and at every
 * nudge: renews its own, takes its share of what is free, and hands some over to a collector that has less. Nothing of
 * it is on the way of the data, and while the store is away everything stays as it is. One file, however long: what a look
 * does is only right in its order.
 */
export class ShardLeases {
  readonly #deps: LeaseDeps;
  readonly #holdings: Holdings;
  readonly #leftovers: Leftovers;
  readonly #seen: Sightings;
  readonly #provisional: Provisional;
  #host: ShardHost | null = null;
  #startedMs = 0;
  /** Until then only what was lost is taken back, for the others have to find theirs again too. */
  #modestUntilMs = 0;
  #stopping = false;
  #ended = false;
  #nextGiveMs = 0;
  /** Shards are free, or were not had as they should: the next look is soon. */
  #soon = false;
  #beat = 0;
  #lost = 0;
  #given = 0;
  #current: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;
  #cancelTimer: Cancel = () => {};

  constructor(deps: LeaseDeps) {
    this.#deps = deps;
    this.#seen = new Sightings(deps.clock);
    this.#holdings = new Holdings(deps);
    this.#leftovers = new Leftovers(deps);
    this.#provisional = new Provisional(deps);
    deps.fences.onUnsure(() => void this.look());
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
    return this.#holdings.of(stream);
  }

  /** Who holds a shard, as it was last seen; null where nobody does. */
  holder(shard: ShardKey): Holder | null {
    const held = this.#holdings.get(shardKey(shard));
    if (held) return { collector: this.#deps.id, fence: held.lease.fence };
    return this.#seen.holder(shard);
  }

  view(): LeaseView {
    const collectors = this.#seen.collectors.map(({ id }) => id);
    return { collectors, held: this.#holdings.size, lost: this.#lost, given: this.#given };
  }

  /** Shards that run here without a lease, as the store takes no writes. */
  provisional(): ShardKey[] {
    return this.#holdings.all().flatMap(({ shard, fence }) => (this.#provisional.has(fence) ? [shard] : []));
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

  /**
   * Writes down how far the shards of a stream got that are held here, and what is about to be received of them. Where the
   * store is away the next look does it. Never fails.
   */
  async record(stream: StreamKey): Promise<void> {
    const { leases, ttlMs } = this.#deps;
    const own = this.#holdings.staying().filter(({ shard }) => streamKey(shard) === streamKey(stream));
    const holdings = own.map(({ lease, shard }) => ({ lease, covered: this.#host?.covered(shard) ?? null }));
    await leases.renew(holdings, ttlMs).catch(() => {});
  }

  /** Gives every shard back as soon as its rows are delivered; others may take them at once. */
  async leaveAll(): Promise<void> {
    this.#stopping = true;
    void this.look();
    for (const held of this.#holdings.staying()) void this.#leave(held, 'the collector stops');
    await this.#holdings.left();
  }

  /** Ends it: what is still held is given back as it is. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#ended = true;
    this.#cancelTimer();
    await this.#current;
    const { collectors, id } = this.#deps;
    const released = this.#holdings.releaseAll(({ shard }) => this.#host?.covered(shard) ?? null);
    await Promise.allSettled([collectors.leave([id]), released]);
  }

  async #round(): Promise<void> {
    if (!this.#host) return;
    const { clock, fences, ttlMs } = this.#deps;
    this.#cancelTimer();
    let nextMs = Math.min(ttlMs / 3, RETRY_MS);
    const answered = whileUnanswered(clock, ttlMs / 3, () => fences.away());
    try {
      await this.#see();
      if (!this.#soon) nextMs = ttlMs / 3;
    } catch (error) {
      if (!(error instanceof Fault)) {
        const words = `leases: ${messageOf(error)}`;
        this.#deps.log.error({ phase: 'lease', err: error }, words);
      }
      // The store says itself that it is away. Leases that nobody can take stay where they are.
      fences.away();
      await this.#takeProvisionally();
    } finally {
      answered();
    }
    if (this.#ended) return;
    this.#cancelTimer = clock.after(nextMs, () => void this.look());
  }

  async #takeProvisionally(): Promise<void> {
    if (!this.#host || this.#stopping) return;
    const free = this.#host.wanted().filter((shard) => {
      const key = shardKey(shard);
      return !this.#holdings.get(key) && !this.#holdings.leaving(key);
    });
    const taken = await this.#provisional.take(free, this.#holdings.highest);
    for (const [shard, one] of taken) {
      const missed = missedOf(one, shard.symbols, this.#claimant([], true));
      this.#holdings.keep(one, shard, missed, one.last);
    }
    for (const stream of new Set(taken.map(([shard]) => streamKey(shard)))) this.#host.changed(stream);
  }

  async #see(): Promise<void> {
    const host = this.#host;
    if (!host) return;
    const { leases, collectors, fences, id, ttlMs, exchanges, process } = this.#deps;
    this.#soon = false;
    const asked = fences.moment();
    const wanted = host.wanted();
    const before = this.#holdings.all();
    const barred = host.barred();
    const info: CollectorInfo = {
      exchanges,
      barred: barred.exchanges,
      stopping: this.#stopping,
      process,
      beat: ++this.#beat,
    };
    const [, kept, holders, alive] = await Promise.all([
      collectors.announce(id, info, ttlMs),
      leases.renew(
        before.map(({ lease, shard }) => ({
          lease,
          covered: this.#holdings.leaving(shardKey(shard)) ? null : host.covered(shard),
        })),
        ttlMs,
      ),
      leases.holders(wanted),
      collectors.alive(),
    ]);
    const alone = this.#seen.collectors.every((peer) => peer.id === id);
    this.#seen.take(wanted, holders, alive);
    for (const holder of holders) this.#holdings.saw(holder?.fence ?? 0);
    const staying = new Set(this.#holdings.staying());
    const gone = before.filter((held, at) => !kept[at] && staying.has(held));
    if (await this.#recover(gone, host, alone)) fences.sure(asked);
    this.#provisional.over();
    if (this.#stopping) return;
    const running = new Set(host.wanted().map(shardKey));
    for (const held of this.#holdings.staying())
      if (!running.has(shardKey(held.shard))) void this.#leave(held, 'the stream was stopped', true);
    await this.#refence(host);
    await this.#share(host.wanted(), barred);
    const moving = host.moving();
    if (moving.length > 0) host.taken(await this.#deps.leases.records(moving));
    const known = [...host.wanted(), ...this.#holdings.all().map(({ shard }) => shard)];
    await this.#leftovers.look(host, new Set(known.map(shardKey)), this.#holdings.highest);
  }

  /**
   * Leases that ended, because the store was away or lost its memory, or that another took.
   * @returns whether it is known of each by now who has it
   */
  async #recover(gone: readonly Held[], host: ShardHost, alone: boolean): Promise<boolean> {
    if (gone.length === 0) return true;
    const { leases, id, ttlMs, clock, log } = this.#deps;
    const wanted = new Map(host.wanted().map((shard) => [shardKey(shard), shard]));
    const asked = gone.flatMap(({ shard }) => wanted.get(shardKey(shard)) ?? []);
    const answers = await leases.acquire(asked, id, ttlMs, [], this.#holdings.highest);
    const taken = new Map(asked.map((shard, at) => [shardKey(shard), answers[at] ?? null]));
    let known = true;
    const back: Held[] = [];
    for (const held of gone) {
      const shard = wanted.get(shardKey(held.shard));
      const again = taken.get(shardKey(held.shard));
      if (again === 'outdated') {
        known = false;
        this.#soon = true;
        continue;
      }
      const another = again ? holderSince(held, again) : this.#seen.holder(held.shard)?.collector;
      if (shard && again && (another === undefined || another === id)) {
        if (!alone) this.#modestUntilMs = clock.now() + Math.max(ttlMs, RETURN_MS);
        this.#holdings.renewed(held, again, shard);
        back.push(held);
        host.changed(streamKey(held.shard));
        continue;
      }
      // Nobody wants it any more: it is left as the others are of which that is so.
      if (!shard) continue;
      this.#lost++;
      // Another had it meanwhile and gave it up: its end of the stream is the beginning of a gap here.
      if (again) await leases.release([{ lease: again.lease, covered: null }]);
      this.#holdings.lose(held);
      const holder = another ?? 'another collector';
      log.warn(
        { phase: 'lease', ...held.shard, holder },
        `lease of ${shardKey(held.shard)} lost to ${holder}`,
      );
      if (holder === id) this.#twin();
      void this.#leave(held, `the lease was lost to ${holder}`);
    }
    // What they had written meanwhile was not taken.
    const holdings = back.map(({ lease, shard }) => ({ lease, covered: host.covered(shard) }));
    if (holdings.length > 0) await leases.renew(holdings, ttlMs).catch(() => []);
    return known;
  }

  /**
   * A shard that gained a code has a new fence before the first row of that code, which may come from a shard whose
   * fence is higher. The store gives it by the latest version only: so whoever had the code can get no fence after it.
   */
  async #refence(host: ShardHost): Promise<void> {
    const { leases, id, ttlMs } = this.#deps;
    const outgrown = host.wanted().filter((shard) => {
      const key = shardKey(shard);
      return !this.#holdings.leaving(key) && this.#holdings.get(key)?.outgrown(shard);
    });
    if (outgrown.length === 0) return;
    const taken = await leases.acquire(outgrown, id, ttlMs, [id], this.#holdings.highest);
    const changed = new Set<string>();
    for (const [at, shard] of outgrown.entries()) {
      const again = taken[at] ?? null;
      const held = this.#holdings.get(shardKey(shard));
      if (again === null || again === 'outdated') this.#soon = true;
      else if (!held) await leases.release([{ lease: again.lease, covered: null }]);
      else {
        this.#holdings.renewed(held, again, shard);
        changed.add(streamKey(shard));
      }
    }
    for (const stream of changed) host.changed(stream);
  }

  async #share(wanted: readonly WantedShard[], barred: Barred): Promise<void> {
    const { leases, id, exchanges, ttlMs, clock, log } = this.#deps;
    if (clock.now() < this.#modestUntilMs) return;
    const peers = this.#seen.collectors.filter((peer) => peer.id !== id);
    const { ids: dead, soon } = endedOf(peers, this.#seen, this.#deps.ended, ttlMs);
    this.#soon ||= soon;
    const others = peers
      .filter((peer) => !peer.info.stopping && !dead.includes(peer.id))
      .map(({ id: peer, info }) => ({ id: peer, exchanges: without(info.exchanges, info.barred) }));
    // Leases of an earlier life of this collector, or of a process that is no more, need not end first.
    const heirOf = this.#fresh ? [id, ...dead] : dead;
    const claimant = this.#claimant(heirOf, others.length === 0);
    const question: ShareQuestion = {
      me: { id, exchanges: without(exchanges, barred.exchanges) },
      others,
      shards: wanted.map((shard) => this.#seen.sharable(shard, this.#holderBut(shard, heirOf))),
      patienceMs: ttlMs,
    };
    const wish = new Set(
      toTake(question).flatMap((shard) => (this.#holdings.leaving(shardKey(shard)) ? [] : [shardKey(shard)])),
    );
    const asked = wanted.filter((shard) => wish.has(shardKey(shard)));
    const answers = await leases.acquire(asked, id, ttlMs, heirOf, this.#holdings.highest);
    const taken = answers.filter((one) => one !== null && one !== 'outdated');
    for (const [at, shard] of asked.entries()) {
      const one = answers[at] ?? null;
      if (one === null || one === 'outdated') continue;
      this.#holdings.keep(one, shard, missedOf(one, shard.symbols, claimant));
    }
    for (const stream of new Set(taken.map(({ lease }) => streamKey(lease.shard))))
      this.#host?.changed(stream);
    if (taken.length > 0)
      log.info(
        { phase: 'lease', taken: taken.length, held: this.#holdings.size },
        `leases taken: ${taken.length}`,
      );
    // Whoever has less goes first; what is left then is not to wait for long.
    if (question.shards.filter(({ holder }) => holder === null).length > taken.length) this.#soon = true;
    const leftOver = question.shards.some(({ holder, freeMs }) => holder === null && freeMs >= ttlMs);
    if (leftOver && others.length > 0) this.#nextGiveMs = clock.now() + LEFT_OVER_LIVES * ttlMs;
    if (clock.now() < this.#nextGiveMs || this.#holdings.anyLeaving) return;
    this.#nextGiveMs = clock.now() + ttlMs / 3;
    const banned = toHandOn(barred.shards, others);
    const reason = banned.length > 0 ? ', for the exchange has shut this address out' : '';
    for (const shard of banned.length > 0 ? banned : toGive(question)) {
      const held = this.#holdings.get(shardKey(shard));
      if (!held) continue;
      this.#given++;
      log.info({ phase: 'lease', ...shard }, `lease of ${shardKey(shard)} handed over${reason}`);
      void this.#leave(held, `the shard is handed over to another collector${reason}`);
    }
  }

  /** Who holds a shard; null also where it is one of those. */
  #holderBut(shard: ShardKey, heirOf: readonly string[]): string | null {
    if (this.#holdings.get(shardKey(shard))) return this.#deps.id;
    const seen = this.#seen.holder(shard)?.collector ?? null;
    return seen === null || heirOf.includes(seen) ? null : seen;
  }

  get #fresh(): boolean {
    return this.#deps.clock.now() - this.#startedMs < this.#deps.ttlMs;
  }

  #claimant(heirOf: readonly string[], alone: boolean): Claimant {
    return { id: this.#deps.id, heirOf, alone, fresh: this.#fresh };
  }

  /** Gives a shard up, and its lease where it is still held; see `Holdings.leave`. */
  async #leave(held: Held, reason: string, unwanted = false): Promise<void> {
    if (!this.#host) return;
    await this.#holdings.leave(held, this.#host, reason, () => this.#stopping, unwanted);
    if (!this.#stopping) void this.look();
  }

  /** Two processes that believe to be each other's earlier life would take the shards from each other for ever. */
  #twin(): void {
    this.#startedMs = Number.NEGATIVE_INFINITY;
    this.#deps.onFault(twinFault(this.#deps.id));
  }
}

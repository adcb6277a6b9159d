import type { Cancel } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { skewOf } from '../../core/connection/clock-offset.ts';
import { sameStream } from '../../core/desired/recall.ts';
import { type DesiredStream, isRunning, type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { Target } from '../../core/events.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import { RememberedIds } from '../../core/pipeline/remembered-ids.ts';
import { DesiredMemory } from '../commands/desired-memory.ts';
import type { WantedShard } from '../leases/held.ts';
import type { Barred, LeaseView, Left, ShardHost } from '../leases/lease-parts.ts';
import type { ShardLeases } from '../leases/shard-leases.ts';
import type { Covered, DesiredStore, ShardKey, ShardRecord } from '../state-store.ts';
import { tellGone } from './gone.ts';
import { StoppedStreams } from './stopped-streams.ts';
import { RunningStream } from './stream.ts';
import type { ExchangeDeps, HeldShard, HeldShards, StreamDeps } from './stream-parts.ts';

export interface OrchestratorDeps extends Omit<StreamDeps, 'skewAtStart'> {
  readonly log: Log;
  readonly desired: DesiredStore;
  readonly pollMs: number;
  /** Which shards run here; null: all of them. */
  readonly leases: ShardLeases | null;
  /** Every stream that this build can run. */
  readonly keys: readonly StreamKey[];
  /** What the streams of an exchange share; resolves when its market list is there or cannot be had for now. */
  exchange(id: string): Promise<ExchangeDeps>;
}

/** A ban that is over sooner is waited for: a handover has its own gap. */
const SHORT_BAN_MS = 60_000;

const NOTHING_LEFT: ReadonlyMap<number, null> = new Map();
const NOTHING_HELD: HeldShards = new Map();
/** A shard where leases are off. */
const EVERYWHERE = { fence: null, symbols: null, missed: null, joined: [] };

/**
 * Desired → actual, by difference. Every stream is changed by one hand at a time; a change that comes while one is
 * being made is made afterwards, with the latest of what is desired.
 */
export class Orchestrator implements ShardHost {
  readonly #deps: OrchestratorDeps & StreamDeps;
  readonly #running = new Map<string, RunningStream>();
  readonly #wanted = new Map<string, DesiredStream>();
  /** Outlives the runs of a stream: one that is stopped and started again writes no trade twice. */
  readonly #seen = new Map<string, RememberedIds>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #stopped: StoppedStreams;
  /** Desired state as it was last seen. */
  readonly memory: DesiredMemory;
  #cancelPoll: Cancel = () => {};
  #cancelNudge: Cancel = () => {};
  #cancelLoss: Cancel = () => {};
  #stopping = false;
  #informed = false;
  /** By exchange, until when it does not want to see this address; also of streams that were handed on since. */
  readonly #barredUntil = new Map<string, number>();

  constructor(deps: OrchestratorDeps) {
    this.#deps = { ...deps, skewAtStart: skewOf(deps.clock) };
    this.#stopped = new StoppedStreams(deps.clock);
    this.memory = new DesiredMemory(deps.desired, deps.clock, (streams) => this.#lost(streams));
  }

  /** Takes up what is desired from the store, and from then on what changes there. */
  async start(): Promise<void> {
    const { desired, leases } = this.#deps;
    this.#cancelNudge = desired.onNudge((key) => void this.#reread(key).then(() => leases?.look()));
    this.#cancelLoss = desired.onLoss(() => void this.#read());
    await this.#poll();
    await leases?.start(this);
  }

  /** Whether what is desired was read since the start: until then that nothing runs says nothing about what shall. */
  get informed(): boolean {
    return this.#informed;
  }

  /** The streams that run, in the order in which they were started. */
  streams(): RunningStream[] {
    return [...this.#running.values()];
  }

  /** How long the oldest row of each stream has been waiting, in ms; of those too that were stopped and have rows left. */
  unacknowledged(): { readonly target: Target; readonly waitedMs: number }[] {
    const all = [...this.#running.values(), ...this.#stopped.draining()];
    return all.map(({ target, waitedMs }) => ({ target, waitedMs }));
  }

  stream(key: StreamKey): RunningStream | undefined {
    return this.#running.get(streamKey(key));
  }

  /** Shards of a stream that do not run here, each with the collector that has it; null while none has. */
  elsewhere(key: StreamKey): { readonly shard: number; readonly collector: string | null }[] {
    const { leases } = this.#deps;
    const desired = this.desired(key);
    if (!leases || !desired) return [];
    const mine = leases.mine(key);
    return desired.shards.flatMap((symbols, shard) =>
      symbols.length === 0 || mine.has(shard)
        ? []
        : [{ shard, collector: leases.holder({ ...desired, shard })?.collector ?? null }],
    );
  }

  /** Streams that are wanted and run neither here nor, as far as is known, elsewhere; with their symbols. */
  idle(): { readonly exchange: string; readonly request_type: string; readonly symbols: string[] }[] {
    return [...this.#wanted.values()].flatMap((desired) => {
      if (!isRunning(desired) || this.#running.has(streamKey(desired))) return [];
      if (this.elsewhere(desired).some(({ collector }) => collector !== null)) return [];
      const { exchange, request_type, shards } = desired;
      return [{ exchange, request_type, symbols: shards.flat() }];
    });
  }

  /** What was seen of the leases; null where they are off. */
  leases(): LeaseView | null {
    return this.#deps.leases?.view() ?? null;
  }

  /** What is desired of a stream as far as it is known here. */
  desired(key: StreamKey): DesiredStream | undefined {
    return this.#wanted.get(streamKey(key));
  }

  /** A stream shall be as `desired` says. Resolves when its connections were told. */
  async want(desired: DesiredStream): Promise<void> {
    const key = streamKey(desired);
    const before = this.#wanted.get(key);
    const known = before && (before.version > desired.version || sameStream(before, desired));
    if (this.#stopping || known) return this.#settled(key);
    this.memory.remember(desired);
    this.#wanted.set(key, desired);
    await this.#queue(key);
    if (!this.#deps.leases) return;
    await this.#deps.leases.look();
    await this.#settled(key);
  }

  /**
   * A market list was read anew: what the exchange refused, never answered for or confirmed in vain may be served now.
   * @param joined what the list before had not
   */
  listRead(exchange: string, joined: readonly Market[]): void {
    const listed = new Set(joined.map(({ symbol }) => symbol));
    for (const stream of this.#running.values())
      if (stream.target.exchange === exchange) stream.askAgain(listed);
  }

  wanted(): WantedShard[] {
    return [...this.#wanted.values()]
      .filter(isRunning)
      .flatMap(({ exchange, request_type, version, shards }) =>
        shards.flatMap((symbols, shard) =>
          symbols.length > 0 ? [{ exchange, request_type, shard, version, symbols }] : [],
        ),
      );
  }

  known(): (StreamKey & { readonly version: number })[] {
    return [...this.#wanted.values()];
  }

  async gone(shard: ShardKey, since: readonly Covered[], to: Micros): Promise<void> {
    await tellGone(this.#deps.reporter, await this.#deps.exchange(shard.exchange), shard, since, to);
  }

  barred(): Barred {
    const nowMs = this.#deps.clock.now();
    const barred = this.streams().filter(({ bannedMs }) => bannedMs > SHORT_BAN_MS);
    for (const { target, bannedMs } of barred) this.#barredUntil.set(target.exchange, nowMs + bannedMs);
    return {
      exchanges: [...this.#barredUntil].flatMap(([id, untilMs]) => (untilMs > nowMs ? [id] : [])),
      shards: barred.flatMap((stream) =>
        stream.shards().flatMap(({ shard, connection: { state } }) => {
          const { exchange, request_type } = stream.target;
          return state === 'blocked' || state === 'backoff' ? [{ exchange, request_type, shard }] : [];
        }),
      ),
    };
  }

  changed(stream: string): void {
    void this.#queue(stream);
  }

  covered(shard: ShardKey): readonly Covered[] | null {
    return this.#running.get(streamKey(shard))?.covered(shard.shard) ?? null;
  }

  moving(): StreamKey[] {
    return this.streams().flatMap(({ moving, desired }) => (moving ? [desired] : []));
  }

  taken(records: readonly ShardRecord[]): void {
    for (const [stream, own] of Map.groupBy(records, ({ shard }) => streamKey(shard)))
      this.#running.get(stream)?.taken(own);
  }

  leave(shard: ShardKey, reason: string): Promise<Left> {
    const key = streamKey(shard);
    const running = this.#running.get(key);
    if (!running || this.#stopped.has(shard)) return this.#settled(key).then(() => this.#stopped.left(shard));
    const left = running.leave(shard.shard, reason);
    void this.#queue(key);
    return left;
  }

  /** Stops every stream and resolves when all of their rows are delivered. Desired state stays as it is. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelPoll();
    this.#cancelNudge();
    this.#cancelLoss();
    const left = this.#deps.leases?.leaveAll();
    await Promise.all(this.#busy.values());
    await Promise.all([...this.#running.values()].map((stream) => this.#stopped.stop(stream, NOTHING_HELD)));
    this.#running.clear();
    await Promise.all([left, this.#stopped.settled()]);
  }

  #queue(key: string): Promise<void> {
    const before = this.#busy.get(key) ?? Promise.resolve();
    const after = before
      .then(() => this.#change(key))
      .catch((error: unknown) =>
        this.#deps.log.error(
          { phase: 'state', stream: key, err: error },
          `stream ${key}: ${messageOf(error)}`,
        ),
      );
    this.#busy.set(key, after);
    return after;
  }

  #settled(key: string): Promise<void> {
    return this.#busy.get(key) ?? Promise.resolve();
  }

  async #change(key: string): Promise<void> {
    const desired = this.#wanted.get(key);
    const running = this.#running.get(key);
    if (!desired || this.#stopping) return;
    const shares = desired.shards.some((symbols) => symbols.length > 0);
    const held = this.#held(running?.desired ?? desired);
    if (!isRunning(desired) || (shares && held.size === 0)) {
      this.#running.delete(key);
      if (running) await this.#stopped.stop(running, held, () => this.#runs(key));
    } else if (running && running.desired.origin === desired.origin) {
      await this.#apply(running, desired, NOTHING_LEFT);
    } else {
      // At another address it is another run; from the end of the old sockets on its codes are missing.
      const since = new Map(desired.shards.map((_, shard) => [shard, running?.covered(shard) ?? null]));
      this.#running.delete(key);
      if (running) await this.#stopped.stop(running, held);
      await this.#begin(key, desired, since);
    }
  }

  /** Whether it shall run, as far as is known by now. */
  #runs(key: string): boolean {
    const desired = this.#wanted.get(key);
    return desired !== undefined && isRunning(desired);
  }

  #remembered(key: StreamKey): RememberedIds {
    const name = streamKey(key);
    const known = this.#seen.get(name) ?? new RememberedIds();
    this.#seen.set(name, known);
    return known;
  }

  #held(desired: DesiredStream): HeldShards {
    const { leases } = this.#deps;
    return leases?.mine(desired) ?? new Map(desired.shards.map((_, shard) => [shard, EVERYWHERE]));
  }

  async #begin(
    key: string,
    desired: DesiredStream,
    since: ReadonlyMap<number, readonly Covered[] | null>,
  ): Promise<void> {
    const of = await this.#deps.exchange(desired.exchange);
    if (this.#stopping) return;
    const stream = new RunningStream(desired, of, this.#deps, this.#remembered(desired), () => {
      // A crash may come before the next renewal.
      void this.#deps.leases?.record(desired);
    });
    this.#running.set(key, stream);
    await this.#apply(stream, desired, since);
  }

  /**
   * What is about to be received is on record first: a crash may come before anything else is written.
   * @param since how far the run before got, by shard
   */
  async #apply(
    stream: RunningStream,
    desired: DesiredStream,
    since: ReadonlyMap<number, readonly Covered[] | null>,
  ): Promise<void> {
    const { leases } = this.#deps;
    const left = this.#left(desired, since);
    const held = this.#heldSince(desired, left);
    if (stream.prepare(desired, held)) await leases?.record(desired);
    if (this.#stopping) return;
    const still = this.#heldSince(desired, left);
    stream.apply(desired, new Map([...still].filter(([shard]) => held.has(shard))));
  }

  /** How far the shards that are about to be carried got before, those too that ended with their stream a moment ago. */
  #left(
    desired: DesiredStream,
    since: ReadonlyMap<number, readonly Covered[] | null>,
  ): ReadonlyMap<number, readonly Covered[] | null> {
    const carried = [...this.#held(desired)].filter(([shard]) => desired.shards[shard]?.length);
    const left = carried.map(([shard, own]) => {
      const resumed = this.#stopped.resumed({ ...desired, shard }, own);
      return [shard, since.get(shard) ?? resumed] as const;
    });
    return new Map(left);
  }

  #heldSince(desired: DesiredStream, since: ReadonlyMap<number, readonly Covered[] | null>): HeldShards {
    const held = Array.from(this.#held(desired), ([shard, own]): [number, HeldShard] => {
      const left = since.get(shard);
      if (!left) return [shard, own];
      const { fence, symbols, joined } = own;
      return [shard, { fence, symbols, joined, missed: { cause: 'cut', since: left } }];
    });
    return new Map(held);
  }

  async #reread(key: string): Promise<void> {
    const known = this.#deps.keys.find((candidate) => streamKey(candidate) === key);
    if (!known) return;
    // The poll makes good what a store that is away withholds now.
    const desired = await this.memory.read(known).catch(() => null);
    if (desired) await this.want(desired);
  }

  /** Streams go on as they are while the store is away; it says so itself. */
  async #read(): Promise<void> {
    const streams = await this.memory.readAll(this.#deps.keys).catch(() => null);
    if (streams === null) return;
    for (const stream of streams) void this.want(stream);
    this.#informed = true;
  }

  async #poll(): Promise<void> {
    const { clock, pollMs } = this.#deps;
    await this.#read();
    if (!this.#stopping) this.#cancelPoll = clock.after(pollMs, () => void this.#poll());
  }

  #lost(streams: readonly DesiredStream[]): void {
    const names = streams.map(streamKey);
    const fault = new Fault(
      'state_lost',
      'state store',
      `The state store had lost what shall run of ${names.join(', ')}; it was written back.`,
      'Give Redis persistence (appendonly yes) and maxmemory-policy noeviction, and let nobody flush it.',
    );
    this.#deps.reporter.error(fault, { target: null });
  }
}

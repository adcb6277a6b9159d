import type { Cancel } from '../common/clock.ts';
import type { BreakerFigures, HostBreaker } from '../core/connection/host-breaker.ts';
import { type DesiredStream, type StreamKey, streamKey } from '../core/desired/stream.ts';
import type { Outcome, Resolved, Target, TargetName } from '../core/events.ts';
import type { Listing, Rate } from '../core/exchange.ts';
import type { Micros } from '../core/market/market.ts';
import type { FillRecord, LastTrade } from './backfill/fill-task.ts';

/**
 * What the collector remembers outside itself, in parts that can be used alone. Every call either answers within the
 * store's timeout or fails with the Fault `redis_unavailable`; nothing hangs and nothing ends the process. Whoever
 * calls decides whether to wait (commands), to go on with what is known (streams), or to let it be (actual state).
 */
export interface StateStore {
  /**
   * Tries to reach the store; one that answers and takes no writes is reached.
   * @throws Fault redis_unavailable after `timeoutMs` without an answer
   */
  start(timeoutMs: number): Promise<void>;
  /** Ends the connection; running calls fail. */
  stop(): Promise<void>;
  /** Whether the store took a write lately. */
  readonly available: boolean;
  /** Why it cannot be used, in its own words; null where it can. */
  readonly reason: string | null;
  /** Why it takes no writes, in its own words, while it answers and can be read; else null. */
  readonly refusal: string | null;
  /** Calls back with every change of `available`. */
  onAvailability(listener: (available: boolean) => void): Cancel;
  /** Resolves when the store can be used, at once where it can; never fails. */
  whenAvailable(): Promise<void>;

  readonly desired: DesiredStore;
  readonly outcomes: OutcomeStore;
  readonly actual: ActualStore;
  readonly markets: MarketCache;
  readonly leases: Leases;
  readonly collectors: Collectors;
  readonly breakers: BreakerStore;
  readonly opens: OpenTimes;
  readonly fills: FillStore;
}

/**
 * What became of a write. `outdated`: the stream has another version by now; `answered`: the record of the outcome
 * was answered before, perhaps by another collector. Nothing was written in either case.
 */
export type Written = 'written' | 'outdated' | 'answered';

/** One life of the store's memory. A store that was emptied begins another. */
export interface Epoch {
  readonly id: string;
  /** How long ago it began, in ms. */
  readonly ageMs: number;
}

/** What else has to be as it was for a write to be made. */
export interface WriteGuard {
  /** Id of the epoch. */
  readonly epoch?: string;
  /** Streams with the versions that were read, 0 where there was none. */
  readonly others?: readonly { readonly key: StreamKey; readonly version: number }[];
}

/**
 * Desired state. Writes are versioned: a writer that read an older version is told so and reads again. A stream that
 * was written once is never without a record, a stopped one included: a record that is missing was lost.
 */
export interface DesiredStore {
  read(key: StreamKey): Promise<DesiredStream | null>;
  /** Those of `keys` that exist, in one round trip. */
  readAll(keys: readonly StreamKey[]): Promise<DesiredStream[]>;
  /**
   * Writes `after`, and with it in one step `outcome` where a command led to it, and nudges every collector.
   * @param expected the version that was read; 0 where there was none
   */
  write(
    expected: number,
    after: DesiredStream,
    outcome?: StoredOutcome,
    guard?: WriteGuard,
  ): Promise<Written>;
  /** The epoch, asked for now. */
  epoch(): Promise<Epoch>;
  /** The last version of a stream that was written, also where its record was lost; 0 for none. */
  lastVersion(key: StreamKey): Promise<number>;
  /** Calls back with the key of a stream (`upbit|ticker`) that somebody wrote; may miss some, so also poll. */
  onNudge(listener: (key: string) => void): Cancel;
  /** Calls back when the store turns out to be in another epoch than before. */
  onLoss(listener: () => void): Cancel;
}

/** Where a command came from. */
export interface RecordPlace {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** The answer to a command, as it was first given. */
export interface CommandReply {
  readonly replyId: string;
  readonly target: TargetName | null;
  readonly correlationId: string | null;
  readonly outcome: Outcome;
  /** A stable word; null where the command was accepted. */
  readonly reason: string | null;
  readonly resolved: readonly Resolved[];
  /** What is wrong with the command, each with the path of its field. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  readonly detail: Readonly<Record<string, unknown>> | null;
}

export interface StoredOutcome {
  readonly place: RecordPlace;
  readonly reply: CommandReply;
}

/** The answers to the last commands of every partition, so that a record that comes again gets the same one. */
export interface OutcomeStore {
  read(place: RecordPlace): Promise<CommandReply | null>;
  /**
   * Remembers an answer that changed no desired state.
   * @returns the answer that stands: this one, or the one that was remembered for the same record before
   */
  write(outcome: StoredOutcome): Promise<CommandReply>;
}

export type ConnectionStatus = 'connecting' | 'connected' | 'disconnected';

/** What runs of one stream in this collector, for others to see. */
export interface ActualStream {
  readonly target: Target;
  readonly status: ConnectionStatus;
  /** UUID; a newer owner of the stream has another. */
  readonly connectionId: string;
  /** When this owner took the stream. */
  readonly createdAt: Micros;
  /** When data arrived last. */
  readonly lastActive: Micros;
  readonly symbols: readonly string[];
}

/** `ws:connection:*`: the actual state, gone by itself when nobody refreshes it. */
export interface ActualStore {
  /**
   * Writes state and symbols in one step and extends their life.
   * @returns false where a newer owner (created later) holds the stream; nothing was written then
   */
  write(stream: ActualStream): Promise<boolean>;
  read(target: Target): Promise<ActualStream | null>;
  /** Deletes the stream if `connectionId` still holds it. @returns whether it did */
  remove(target: Target, connectionId: string): Promise<boolean>;
}

/** The last market list of every exchange, for a start without its REST address. */
export interface MarketCache {
  read(exchange: string): Promise<{ readonly at: Micros; readonly listings: readonly Listing[] } | null>;
  write(exchange: string, at: Micros, listings: readonly Listing[]): Promise<void>;
}

export interface ShardKey extends StreamKey {
  readonly shard: number;
}

/** `upbit|ticker|0`: the key of a shard in maps and in the state store. */
export function shardKey(shard: ShardKey): string {
  return `${streamKey(shard)}|${shard.shard}`;
}

/** A shard that is asked for. */
export interface AskedShard extends ShardKey {
  /** Version of the stream's desired state by which its codes are known; left out where that does not matter. */
  readonly version?: number;
}

export interface Lease {
  readonly shard: ShardKey;
  readonly collector: string;
  /**
   * Rises with every lease that is taken, over all shards; goes with every batch. Never below the store's wall clock in
   * ms, nor below a fence that any living collector knows of, so that a store that lost its memory, or a replica that
   * had not yet heard of the last ones, does not give out tokens that readers have seen.
   */
  readonly fence: number;
}

/**
 * Symbols of which everything until that moment was received and delivered, or nothing was sent: those too that were only
 * asked for by then, or refused. From then on they may have been received, whether the store could be told so or not.
 */
export interface Covered {
  readonly until: Micros;
  readonly symbols: readonly string[];
  /** They are missing since, and that was told under this id: whoever has them next ends the gap under it. */
  readonly gap_id?: string | undefined;
  /**
   * The fence under which they were had. Whoever took a later one saw what was on record before, so that of a code that is
   * on record of several shards what has the highest fence counts. Left out where that is not known: it counts least.
   */
  readonly fence?: number | undefined;
}

/** A lease that is held, and how far its rows got; null: nothing new to say about that. */
export interface Holding {
  readonly lease: Lease;
  readonly covered: readonly Covered[] | null;
}

/** What is on record of a shard. */
export interface ShardRecord {
  readonly shard: ShardKey;
  readonly covered: readonly Covered[];
}

/** A lease that was taken, and what is known of whoever had it before. */
export interface Taken {
  readonly lease: Lease;
  readonly before: { readonly collector: string; readonly covered: readonly Covered[] } | null;
  /** Who took it last before, whether that one wrote anything down or not; null where nobody is known to have. */
  readonly last: string | null;
  /** What is on record of the stream's other shards: codes of this one may have come from there. */
  readonly beside: readonly Covered[];
}

/** Who streams which shard. A lease that is not renewed ends by itself. Every call is one round trip for all shards. */
export interface Leases {
  /**
   * Takes those that nobody holds, each with a new fence. Null where another holds it; `outdated` where the stream's
   * desired state has another version by now: a code that moves has its new fence after whoever had it could take one.
   * @param heirOf collectors whose leases are taken although they have not ended
   * @param above a fence that every new one exceeds
   */
  acquire(
    shards: readonly AskedShard[],
    collector: string,
    ttlMs: number,
    heirOf: readonly string[],
    above?: number,
  ): Promise<(Taken | 'outdated' | null)[]>;
  /**
   * Extends leases; fences given out from then on are above theirs.
   * @returns false where the lease ended or another has it by now
   */
  renew(held: readonly Holding[], ttlMs: number): Promise<boolean[]>;
  /**
   * Leases of a store that takes no writes, as it would give them: their fences are above all that it knows, and nothing
   * of them is in it. Null where another holds one.
   * @param above a fence that every new one exceeds
   */
  provisional(shards: readonly ShardKey[], collector: string, above: number): Promise<(Taken | null)[]>;
  /** Gives leases back and nudges every collector. */
  release(held: readonly Holding[]): Promise<void>;
  holders(
    shards: readonly ShardKey[],
  ): Promise<({ readonly collector: string; readonly fence: number } | null)[]>;
  /** The shards of these streams of which anything is on record, whether they shall run or not. */
  recorded(streams: readonly StreamKey[]): Promise<ShardKey[]>;
  /** What is on record of them. */
  records(streams: readonly StreamKey[]): Promise<ShardRecord[]>;
}

/** Which process of which machine it is, so that another on the same one can see that it has ended. */
export interface ProcessIdentity {
  /** One boot of one machine, or of one container. */
  readonly machine: string;
  readonly pid: number;
  /** When it started, in the machine's own ticks: numbers of processes come again. */
  readonly started: number;
}

/** What a collector says about itself. */
export interface CollectorInfo {
  /** Exchanges that its settings allow. */
  readonly exchanges: readonly string[];
  /** Those of them that have shut its address out for now; left out: none. */
  readonly barred?: readonly string[];
  /** It gives its shards back and takes no more. */
  readonly stopping: boolean;
  /** Null where the system does not say. */
  readonly process: ProcessIdentity | null;
  /** Another with every announcement: whoever goes on to announce has not ended. */
  readonly beat?: number;
}

/** The collectors that are alive. */
export interface Collectors {
  announce(id: string, info: CollectorInfo, ttlMs: number): Promise<void>;
  /** How many other collectors listen to nudges, which every living one does; null where that cannot be seen. */
  others(): Promise<number | null>;
  /** Those that were announced within their time, by id. */
  alive(): Promise<{ readonly id: string; readonly info: CollectorInfo }[]>;
  leave(ids: readonly string[]): Promise<void>;
}

export interface BreakerAnswer {
  readonly breaker: HostBreaker;
  /** Whether the attempt may be made. */
  readonly allowed: boolean;
  /** When to ask again, in ms; 0 where it is allowed. */
  readonly retryInMs: number;
  /** Whether this call changed the breaker's state: whoever is told so reports it, so that it is reported once. */
  readonly changed: boolean;
}

/** Circuit breakers of the exchanges' hosts, shared by all collectors; every transition is one atomic step. */
export interface BreakerStore {
  allow(host: string, figures: BreakerFigures, nowMs: number): Promise<BreakerAnswer>;
  report(host: string, good: boolean, figures: BreakerFigures, nowMs: number): Promise<BreakerAnswer>;
  /** An operator's word: `open` stays open until `closed` is said. */
  force(host: string, state: 'open' | 'closed', nowMs: number): Promise<BreakerAnswer>;
  /** Writes one back that an operator opened, where the store has lost it. */
  recall(known: HostBreaker, nowMs: number): Promise<BreakerAnswer>;
  read(hosts: readonly string[]): Promise<HostBreaker[]>;
}

export interface ShutOut {
  /** Epoch ms. */
  readonly untilMs: number;
  readonly reason: string;
}

/** What hosts know of an address that knocks, by host and that address, because it outlasts a restart. */
export interface OpenTimes {
  /**
   * Takes a place in every window, in one atomic step.
   * @param id names the place
   * @param nowMs epoch ms
   * @returns 0, or how long some window stays full, in ms; nothing was taken then
   */
  take(key: string, id: string, windows: readonly Rate[], nowMs: number): Promise<number>;
  /** The socket was not opened after all. */
  giveBack(key: string, id: string): Promise<void>;
  /** The host does not want to see the address for `forMs`. */
  shutOut(key: string, shutOut: ShutOut, forMs: number): Promise<void>;
  /** The last one, also when it is over; null where none is known. */
  lastShutOut(key: string): Promise<ShutOut | null>;
}

/** What is to be fetched afterwards, and how far trades got, so that whoever has a code next goes on with it. */
export interface FillStore {
  /** Tasks of an exchange; a bounded number of them. */
  tasks(exchange: string): Promise<FillRecord[]>;
  /** Writes tasks, each over what was there of it. */
  put(exchange: string, tasks: readonly FillRecord[]): Promise<void>;
  remove(exchange: string, names: readonly string[]): Promise<void>;
  /** The latest trade of each symbol that Kafka is known to have acknowledged; null where none is. */
  lastTrades(exchange: string, symbols: readonly string[]): Promise<(LastTrade | null)[]>;
  keepLastTrades(exchange: string, trades: ReadonlyMap<string, LastTrade>): Promise<void>;
}

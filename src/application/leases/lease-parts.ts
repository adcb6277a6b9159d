import type { Clock } from '../../common/clock.ts';
import type { Fault } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { StreamKey } from '../../core/desired/stream.ts';
import type { Collectors, Covered, Leases, ProcessIdentity, ShardKey, ShardRecord } from '../state-store.ts';
import type { Fences } from './fences.ts';
import type { WantedShard } from './held.ts';
import type { LeftoversHost } from './leftovers.ts';

export interface LeaseDeps {
  readonly leases: Leases;
  readonly collectors: Collectors;
  /** Told which fences are held, for whoever hands messages over. */
  readonly fences: Fences;
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
  /** Why the store takes no writes while it can be read, else null; left out: that is not known. */
  readonly refusal?: () => string | null;
  onFault(fault: Fault): void;
}

/** Whoever streams the shards. */
export interface ShardHost extends LeftoversHost {
  /** Every shard that shall run somewhere. */
  wanted(): WantedShard[];
  /** What is held here of the stream, or a fence of it, has changed. */
  changed(stream: string): void;
  /** What exchanges keep this collector from by a ban of its address. */
  barred(): Barred;
  /** How far a shard got that runs here; null where it does not run yet. */
  covered(shard: ShardKey): readonly Covered[] | null;
  /** Streams of which codes have gone from shards that run here to others, and are kept on record for those. */
  moving(): readonly StreamKey[];
  /** What is on record of them: somebody may have such a code by now. */
  taken(records: readonly ShardRecord[]): void;
  /** Stops streaming a shard. Resolves when its rows are delivered, or Kafka does not take them for too long. */
  leave(shard: ShardKey, reason: string): Promise<Left>;
}

export interface Barred {
  readonly exchanges: readonly string[];
  /** Shards that wait here for the end of a ban. */
  readonly shards: readonly ShardKey[];
}

/** How a shard was left. */
export interface Left {
  /** How far it got. */
  readonly covered: readonly Covered[] | null;
  /** Whether Kafka has all its rows. */
  readonly delivered: boolean;
  /** Whether its sockets brought all that was sent before they were closed. */
  readonly complete: boolean;
  /** Of codes that it did not have: what it kept on record for other shards. */
  readonly kept: readonly Covered[];
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

import { Fault } from '../../common/errors.ts';
import type { CollectorInfo, ProcessIdentity, Taken } from '../state-store.ts';
import type { HeldShard } from '../streams/stream-parts.ts';
import { type Held, ofThese } from './held.ts';
import type { Sightings } from './sightings.ts';

/** Who takes a shard, and in which circumstances. */
export interface Claimant {
  readonly id: string;
  /** Collectors whose leases pass to this one: its own earlier lives, and those whose process has ended. */
  readonly heirOf: readonly string[];
  /** Whether no other collector is there. */
  readonly alone: boolean;
  /** Whether it started within the life of a lease. */
  readonly fresh: boolean;
}

/** Since when nobody received the codes of a shard that was taken, and why; null where nothing is known of that. */
export function missedOf(
  { before, beside }: Taken,
  symbols: readonly string[],
  { id, heirOf, alone, fresh }: Claimant,
): HeldShard['missed'] {
  const since = [...(before?.covered ?? []), ...ofThese(beside, symbols)];
  if (since.length === 0) return null;
  const earlier = before !== null && (heirOf.includes(before.collector) || before.collector === id);
  return { cause: (alone && fresh) || earlier ? 'restart' : 'takeover', since };
}

/** Who had a shard between the end of its lease here and now. The record of the holder before says nothing of that. */
export function holderSince({ before, taker }: Held, again: Taken): string | undefined {
  if (again.last !== null && again.last !== taker) return again.last;
  return JSON.stringify(again.before) === JSON.stringify(before) ? undefined : again.before?.collector;
}

/**
 * Those whose process has ended as far as can be seen here, where nothing contradicts that: one that announced itself
 * lately has not, whatever the system shows. Else two that think so of each other would take the shards from each
 * other for ever.
 * @returns `soon`: of some it will be known shortly
 */
export function endedOf(
  peers: readonly { readonly id: string; readonly info: CollectorInfo }[],
  seen: Pick<Sightings, 'stillMs'>,
  ended: (process: ProcessIdentity) => boolean,
  ttlMs: number,
): { readonly ids: readonly string[]; readonly soon: boolean } {
  const gone = peers.filter(({ info: { process } }) => process !== null && ended(process));
  const stillMs = gone.map(({ id }) => seen.stillMs(id));
  return {
    ids: gone.flatMap(({ id }, at) => ((stillMs[at] ?? 0) >= ttlMs / 2 ? [id] : [])),
    soon: stillMs.some((ms) => ms >= ttlMs / 3 && ms < ttlMs / 2),
  };
}

/** Another process took leases of this collector under its own id. */
export function twinFault(id: string): Fault {
  return new Fault(
    'cache_conflict',
    `collector ${id}`,
    `Another process runs under the id ${id} and took its leases.`,
    'Give every collector a COLLECTOR_ID of its own.',
  );
}

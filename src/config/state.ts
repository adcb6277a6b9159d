import type { Fences } from '../application/leases/fences.ts';
import { ShardLeases } from '../application/leases/shard-leases.ts';
import type { Reporter } from '../application/reporting/reporter.ts';
import type { StateStore } from '../application/state-store.ts';
import type { Clock } from '../common/clock.ts';
import type { Log } from '../common/log.ts';
import { streamKey } from '../core/desired/stream.ts';
import type { Exchange } from '../core/exchange.ts';
import { memoryStore } from '../infra/memory/store.ts';
import { hasEnded, ownProcess } from '../infra/process/identity.ts';
import { redisStore } from '../infra/redis/store.ts';
import type { Drivers } from './drivers.ts';
import { readPem } from './pem.ts';
import type { Settings } from './settings.ts';

/** The state store that the settings ask for, not started yet. @throws Fault config_unreadable */
export function openStore({ redis }: Settings, { state }: Pick<Drivers, 'state'>, clock: Clock): StateStore {
  if (state === 'memory') return memoryStore(clock);
  const { url, host, port, db, username, password, ssl, sentinels, cluster } = redis;
  return redisStore(
    {
      address: {
        url,
        host,
        port,
        db,
        username,
        password,
        ssl,
        ca: readPem('redis.ca_file', redis.ca_file) ?? null,
        sentinels,
        sentinelName: redis.sentinel_name,
        cluster,
        timeoutMs: redis.connection_timeout * 1000,
      },
      prefix: redis.key_prefix,
      actualTtlS: redis.default_ttl,
    },
    clock,
  );
}

export interface LeaseParts {
  readonly store: StateStore;
  readonly fences: Fences;
  /** Of this collector. */
  readonly id: string;
  readonly exchanges: readonly Exchange[];
  readonly reporter: Reporter;
  readonly clock: Clock;
  readonly log: Log;
}

/** Leases where the state is shared; null where it is this process's own. */
export function openLeases(
  settings: Settings,
  { state }: Pick<Drivers, 'state'>,
  { store, fences, id, exchanges, reporter, clock, log }: LeaseParts,
): ShardLeases | null {
  if (state === 'memory') return null;
  return new ShardLeases({
    leases: store.leases,
    collectors: store.collectors,
    fences,
    clock,
    log,
    id,
    exchanges: exchanges.map((exchange) => exchange.id),
    ttlMs: settings.state.lease_ms,
    process: ownProcess(),
    ended: hasEnded,
    refusal: () => store.refusal,
    onFault: (fault) => reporter.error(fault, { target: null }),
  });
}

/** What runs without a lease is as it should be for nobody. */
export function provisionalNotices(
  leases: ShardLeases | null,
): { readonly what: string; readonly why: string }[] {
  const shards = leases?.provisional() ?? [];
  return Array.from(Map.groupBy(shards, streamKey), ([stream, own]) => ({
    what: stream.replace('|', ' '),
    why: `runs provisionally, ${own.length} of its shards without a lease: the state store takes no writes; start no other collector`,
  }));
}

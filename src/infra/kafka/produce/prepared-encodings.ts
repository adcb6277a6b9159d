import type { StandingOf } from '../../../application/leases/fences.ts';
import type { LostRows } from '../../../application/reporting/reporter.ts';
import type { Clock } from '../../../common/clock.ts';
import type { Fault } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import { preflight } from '../../avro/preflight.ts';
import { type Registered, type Registry, registryClient } from '../../avro/registry.ts';
import type { RegistryOptions } from '../../avro/registry-http.ts';
import type { BreakerListener } from '../client/breaker.ts';
import type { OutboxDeps } from '../recover/open-spool.ts';
import type { TopicFamily } from '../topics/topics.ts';
import { type Encodings, encodings } from './encodings.ts';

export interface RegistrySettings extends RegistryOptions {
  /** `schema_registry.register`: false looks up only. */
  readonly register: boolean;
}

/** The registry, and what messages say of it. */
export interface UsedSchemas {
  readonly registry: Registry;
  readonly registered: ReadonlyMap<TopicFamily, Registered>;
}

/** What opening any driver needs. */
export interface MessagingDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every change of the circuit breaker. */
  readonly onBreaker?: BreakerListener;
  /** Told of rows that are given up. */
  readonly onLoss?: (loss: LostRows) => void;
  /** Whether the lease of a fence is still held here; left out: all are. */
  readonly standingOf?: StandingOf;
  /** Told of what else belongs on `ws.error`. */
  readonly onFault?: (fault: Fault) => void;
  /** Told of the schemas whose ids messages will bear. */
  readonly onSchemas?: (used: UsedSchemas) => void;
  /** Null, or left out: messages are in memory alone. */
  readonly outbox?: OutboxDeps | null;
}

/**
 * The encodings after the preflight of the schemas. @param registry null: everything is JSON
 * @throws {Fault} schema_*, registry_unavailable
 */
export async function preparedEncodings(
  registry: RegistrySettings | null,
  startupTimeoutMs: number,
  { clock, log, onSchemas }: MessagingDeps,
): Promise<Encodings> {
  if (registry === null) return encodings(null);
  const options = { register: registry.register, startupTimeoutMs };
  const client = registryClient(registry);
  const registered = await preflight(client, options, clock, log);
  onSchemas?.({ registry: client, registered });
  return encodings(registered);
}

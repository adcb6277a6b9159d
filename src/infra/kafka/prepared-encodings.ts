import type { LostRows } from '../../application/reporter.ts';
import type { Clock } from '../../common/clock.ts';
import type { Fault } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { preflight } from '../avro/preflight.ts';
import { registryClient } from '../avro/registry.ts';
import type { RegistryOptions } from '../avro/registry-http.ts';
import type { BreakerListener } from './breaker.ts';
import { type Encodings, encodings } from './encodings.ts';

export interface RegistrySettings extends RegistryOptions {
  /** `schema_registry.register`: false looks up only. */
  readonly register: boolean;
}

/** What opening any driver needs. */
export interface MessagingDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every change of the circuit breaker. */
  readonly onBreaker?: BreakerListener;
  /** Told of rows that are given up. */
  readonly onLoss?: (loss: LostRows) => void;
  /** Told of what else belongs on `ws.error`. */
  readonly onFault?: (fault: Fault) => void;
}

/**
 * The encodings after the preflight of the schemas. @param registry null: everything is JSON
 * @throws {Fault} schema_*, registry_unavailable
 */
export async function preparedEncodings(
  registry: RegistrySettings | null,
  startupTimeoutMs: number,
  { clock, log }: MessagingDeps,
): Promise<Encodings> {
  if (registry === null) return encodings(null);
  const options = { register: registry.register, startupTimeoutMs };
  return encodings(await preflight(registryClient(registry), options, clock, log));
}

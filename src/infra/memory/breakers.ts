import type { BreakerAnswer, BreakerStore } from '../../application/state-store.ts';
import {
  type BreakerEvent,
  type BreakerFigures,
  closedBreaker,
  type HostBreaker,
  stepBreaker,
} from '../../core/connection/host-breaker.ts';

/** Breakers of this process alone. */
export function memoryBreakers(): BreakerStore {
  const breakers = new Map<string, HostBreaker>();
  const of = (host: string) => breakers.get(host) ?? closedBreaker(host);

  async function step(
    host: string,
    event: BreakerEvent,
    figures: BreakerFigures | null,
    nowMs: number,
  ): Promise<BreakerAnswer> {
    const before = of(host);
    const next = stepBreaker(before, event, figures, nowMs);
    breakers.set(host, next.breaker);
    return { ...next, changed: next.breaker.state !== before.state };
  }

  return {
    allow: (host, figures, nowMs) => step(host, { kind: 'allow' }, figures, nowMs),
    report: (host, good, figures, nowMs) => step(host, { kind: 'report', good }, figures, nowMs),
    force: (host, state, nowMs) => step(host, { kind: 'force', state }, null, nowMs),
    recall: (known, nowMs) => step(known.host, { kind: 'recall', known }, null, nowMs),
    read: async (hosts) => hosts.map(of),
  };
}

import type { RunningStream } from '../../application/stream.ts';
import type { Observed } from './observed.ts';

export interface Readiness {
  readonly ready: boolean;
  /** What is missing, one sentence each. */
  readonly reasons: readonly Reason[];
}

export interface Reason {
  /** `kafka`, `redis`, or the id of an exchange. */
  readonly what: string;
  readonly why: string;
}

type Watched = Pick<Observed, 'messaging' | 'store' | 'drivers' | 'orchestrator'>;

/** Not ready: something the collector depends on is missing, or nothing comes from an exchange at all. */
export function readiness(observed: Watched): Readiness {
  const reasons = [...kafkaReasons(observed), ...storeReasons(observed), ...darkExchanges(observed)];
  return { ready: reasons.length === 0, reasons };
}

function kafkaReasons({ messaging }: Watched): Reason[] {
  const { breaker, client } = messaging.state();
  if (breaker && breaker.state !== 'closed') {
    return [{ what: 'kafka', why: `the circuit breaker is ${breaker.state.replace('_', ' ')}` }];
  }
  if (client && client.brokers.length > 0 && client.brokers.every(({ state }) => state !== 'UP')) {
    return [{ what: 'kafka', why: 'no broker is connected' }];
  }
  return [];
}

function storeReasons({ store, drivers }: Watched): Reason[] {
  return store.available ? [] : [{ what: drivers.state, why: 'the state store does not answer' }];
}

/** Exchanges of which no connection of any stream is live. A single code that is silent does not count. */
function darkExchanges({ orchestrator }: Watched): Reason[] {
  const byExchange = Map.groupBy(orchestrator.streams(), ({ target }) => target.exchange);
  return [...byExchange].flatMap(([exchange, streams]) => {
    const connections = streams.flatMap((stream) => stream.snapshots());
    if (connections.some(({ state, paused }) => state === 'live' && !paused)) return [];
    return [{ what: exchange, why: `no stream is live: ${streams.map(describe).join('; ')}` }];
  });
}

function describe(stream: RunningStream): string {
  const reason = stream.snapshots().find((connection) => connection.reason !== null)?.reason;
  const state = stream.paused ? 'paused, the byte budget is full' : stream.state;
  return `${stream.target.request_type} ${state}${reason ? ` (${reason})` : ''}`;
}

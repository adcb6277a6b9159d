import type { RunningStream } from '../../application/streams/stream.ts';
import type { CodeSnapshot } from '../../core/connection/snapshot.ts';
import type { SchemaState } from '../avro/registry-watch.ts';
import { inWords } from '../avro/verify.ts';
import type { OutboxState } from '../kafka/recover/open-spool.ts';
import type { Observed } from './observed.ts';
import { waitingReasons, waitingWarnings } from './unacknowledged.ts';

export interface Readiness {
  readonly ready: boolean;
  /** What is missing, one sentence each. */
  readonly reasons: readonly Reason[];
}

export interface Reason {
  /** `kafka`, `redis`, `rows`, `messages`, the id of an exchange, or a stream (`upbit trade`). */
  readonly what: string;
  readonly why: string;
}

/** Codes that a warning names; it counts the others. */
const NAMED = 5;

type Watched = Pick<Observed, 'messaging' | 'publisher' | 'store' | 'drivers' | 'orchestrator'>;

/** Not ready: something the collector depends on is missing, nothing comes through, or nothing comes from an exchange. */
export function readiness(observed: Watched): Readiness {
  const reasons = [
    ...dependencyReasons(observed),
    ...uninformed(observed),
    ...waitingReasons(observed),
    ...darkExchanges(observed),
  ];
  return { ready: reasons.length === 0, reasons };
}

/** Why the broker or the state store cannot be used; `what` is the driver. */
export function dependencyReasons(observed: Omit<Watched, 'orchestrator' | 'publisher'>): Reason[] {
  return [...kafkaReasons(observed), ...storeReasons(observed)];
}

/**
 * What makes nothing unready and is not as it should be: schemas, rows that wait for long, streams that are wanted and do not run, or are not
 * live, codes that are silent, refused or otherwise not received, and orders that cannot be carried out.
 */
export function warnings({
  orchestrator,
  schemas,
  notices,
  messaging,
}: Pick<Observed, 'orchestrator'> & Partial<Pick<Observed, 'schemas' | 'notices' | 'messaging'>>): Reason[] {
  return [
    ...outboxWarnings(messaging?.state().outbox ?? null),
    ...schemaWarnings(schemas?.() ?? null),
    ...(notices?.() ?? []),
    ...waitingWarnings(orchestrator),
    ...idle(orchestrator),
    ...orchestrator.streams().flatMap(streamWarnings),
  ];
}

/** Rows flow without an outbox as well; what is not on disk does not outlive a crash. */
function outboxWarnings(outbox: OutboxState | null): Reason[] {
  if (outbox === null || outbox.state === 'ok' || outbox.state === 'opening') return [];
  const why = outbox.reason === '' ? '' : `: ${outbox.reason}`;
  return [{ what: 'outbox', why: `takes no messages, they are in memory alone (${outbox.state}${why})` }];
}

/** The data path needs no registry; who reads does. */
function schemaWarnings(state: SchemaState | null): Reason[] {
  const what = 'schema registry';
  if (state === null) return [];
  const { wrong, away } = state;
  return [
    ...(wrong.length > 0 ? [{ what, why: `readers cannot decode what is written: ${inWords(wrong)}` }] : []),
    ...(away === null ? [] : [{ what, why: `cannot be asked: ${away}` }]),
  ];
}

function idle(orchestrator: Watched['orchestrator']): Reason[] {
  return orchestrator.idle().map(({ exchange, request_type, symbols }) => {
    const codes = symbols.map((code) => ({ code }));
    return {
      what: `${exchange} ${request_type}`,
      why: `wanted, and no collector runs it: ${named(codes, codes.length)}`,
    };
  });
}

function streamWarnings(stream: RunningStream): Reason[] {
  const { exchange, request_type } = stream.target;
  const live = stream.state === 'live' && !stream.paused;
  const codes = stream.snapshots().flatMap((connection) => connection.codes);
  const silent = codes.filter(({ stale }) => stale);
  const refused = codes.filter((code) => code.refused !== null);
  const unconfirmed = codes.filter((code) => code.unconfirmed !== null);
  const known = new Set([...silent, ...refused, ...unconfirmed]);
  // Of a stream that is not live that goes without saying.
  const missing = live ? codes.filter((code) => code.missing && !known.has(code)) : [];
  const texts: string[] = [];
  if (!live) texts.push(statement(stream));
  if (silent.length > 0) texts.push(`no data: ${named(silent, codes.length)}`);
  if (refused.length > 0) texts.push(`refused by the exchange: ${named(refused, codes.length)}`);
  if (unconfirmed.length > 0) texts.push(`never answered for: ${named(unconfirmed, codes.length)}`);
  if (missing.length > 0) texts.push(`not received: ${named(missing, codes.length)}`);
  return texts.map((why) => ({ what: `${exchange} ${request_type}`, why }));
}

/** `KRW-BTC, KRW-ETH (2 of 30)` */
function named(some: readonly Pick<CodeSnapshot, 'code'>[], all: number): string {
  const shown = some.slice(0, NAMED).map(({ code }) => code);
  return `${shown.join(', ')}${some.length > NAMED ? ', …' : ''} (${some.length} of ${all})`;
}

function kafkaReasons({ messaging, drivers }: Pick<Watched, 'messaging' | 'drivers'>): Reason[] {
  return messaging.state().troubles.map((why) => ({ what: drivers.messaging, why }));
}

function storeReasons({ store, drivers }: Pick<Watched, 'store' | 'drivers'>): Reason[] {
  if (store.available) return [];
  return [{ what: drivers.state, why: `the state store cannot be used: ${store.reason ?? 'no answer'}` }];
}

/** A store that has just come back has told nothing yet. */
function uninformed({ orchestrator, store, drivers }: Watched): Reason[] {
  if (orchestrator.informed || !store.available) return [];
  return [{ what: drivers.state, why: 'what shall run has not been read yet' }];
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
  return `${stream.target.request_type} ${statement(stream)}`;
}

function statement(stream: RunningStream): string {
  const reason = stream.snapshots().find((connection) => connection.reason !== null)?.reason;
  const state = stream.paused ? 'paused, the byte budget is full' : stream.state;
  return `${state}${reason ? ` (${reason})` : ''}`;
}

import type {
  ActualStore,
  ActualStream,
  CommandReply,
  DesiredStore,
  MarketCache,
  OutcomeStore,
  RecordPlace,
  StateStore,
  StoredOutcome,
} from '../../application/state-store.ts';
import type { Clock } from '../../common/clock.ts';
import { type DesiredStream, type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { Target } from '../../core/events.ts';
import { memoryBreakers } from './breakers.ts';
import { memoryFills } from './fills.ts';
import { memoryCollectors, memoryLeases } from './leases.ts';
import { memoryOpens } from './opens.ts';

/** Answers that are kept per partition. */
const OUTCOMES_KEPT = 4096;

/** Where desired state lies in memory. */
export interface MemoryRecords {
  readonly streams: Map<string, DesiredStream>;
  /** Last version of every stream. */
  readonly versions: Map<string, number>;
  /** Forgets everything, as a store that is emptied. */
  clear(): void;
}

/**
 * State that lives as long as the process; for one collector alone, and for tests.
 * @param onRecords handed what lies in it, so that a test can lose some
 */
export function memoryStore(clock: Clock, onRecords?: (records: MemoryRecords) => void): StateStore {
  const outcomes = memoryOutcomes();
  const nudges = new Set<(stream: string) => void>();
  const streams = new Map<string, DesiredStream>();
  const nudge = (stream: string): void => {
    for (const listener of nudges) queueMicrotask(() => listener(stream));
  };
  return {
    start: async () => {},
    stop: async () => {},
    available: true,
    reason: null,
    refusal: null,
    onAvailability: () => () => {},
    whenAvailable: async () => {},
    desired: memoryDesired(clock, streams, outcomes, nudges, nudge, onRecords),
    outcomes,
    actual: memoryActual(),
    markets: memoryMarkets(),
    leases: memoryLeases(clock, nudge, (stream) => streams.get(stream)?.version),
    collectors: memoryCollectors(clock),
    breakers: memoryBreakers(),
    opens: memoryOpens(),
    fills: memoryFills(),
  };
}

function memoryDesired(
  clock: Clock,
  streams: Map<string, DesiredStream>,
  outcomes: MemoryOutcomes,
  nudges: Set<(stream: string) => void>,
  nudge: (stream: string) => void,
  onRecords?: (records: MemoryRecords) => void,
): DesiredStore {
  const versions = new Map<string, number>();
  const losses = new Set<() => void>();
  // Nobody can know more than a memory that has just begun with its process.
  let epoch = { id: crypto.randomUUID() as string, sinceMs: Number.NEGATIVE_INFINITY };
  onRecords?.({
    streams,
    versions,
    clear() {
      streams.clear();
      versions.clear();
      epoch = { id: crypto.randomUUID(), sinceMs: clock.now() };
      for (const listener of losses) queueMicrotask(listener);
    },
  });
  const versionOf = (key: StreamKey): number => streams.get(streamKey(key))?.version ?? 0;
  return {
    read: async (key) => streams.get(streamKey(key)) ?? null,
    readAll: async (keys) =>
      keys.map((key) => streams.get(streamKey(key))).filter((stream) => stream !== undefined),
    async write(expected, after, outcome, guard = {}) {
      if (versionOf(after) !== expected) return 'outdated';
      if (guard.epoch !== undefined && guard.epoch !== epoch.id) return 'outdated';
      if (guard.others?.some(({ key, version }) => versionOf(key) !== version)) return 'outdated';
      if (outcome && outcomes.remember(outcome) !== outcome.reply) return 'answered';
      streams.set(streamKey(after), after);
      versions.set(streamKey(after), after.version);
      nudge(streamKey(after));
      return 'written';
    },
    epoch: async () => ({ id: epoch.id, ageMs: clock.now() - epoch.sinceMs }),
    lastVersion: async (key) => versions.get(streamKey(key)) ?? 0,
    onNudge(listener) {
      nudges.add(listener);
      return () => void nudges.delete(listener);
    },
    onLoss(listener) {
      losses.add(listener);
      return () => void losses.delete(listener);
    },
  };
}

interface MemoryOutcomes extends OutcomeStore {
  /** Returns the answer that stands. */
  remember(outcome: StoredOutcome): CommandReply;
}

function memoryOutcomes(): MemoryOutcomes {
  const partitions = new Map<string, Map<number, CommandReply>>();
  const keyOf = ({ group, topic, partition }: RecordPlace) => `${group}|${topic}|${partition}`;
  function remember({ place, reply }: StoredOutcome): CommandReply {
    const replies = partitions.get(keyOf(place)) ?? new Map<number, CommandReply>();
    partitions.set(keyOf(place), replies);
    const kept = replies.get(place.offset);
    if (kept?.replyId === reply.replyId) return kept;
    replies.set(place.offset, reply);
    replies.delete(place.offset - OUTCOMES_KEPT);
    if (replies.size > OUTCOMES_KEPT)
      for (const offset of replies.keys()) if (offset <= place.offset - OUTCOMES_KEPT) replies.delete(offset);
    return reply;
  }
  return {
    read: async (place) => partitions.get(keyOf(place))?.get(place.offset) ?? null,
    write: async (outcome) => remember(outcome),
    remember,
  };
}

function memoryActual(): ActualStore {
  const streams = new Map<string, ActualStream>();
  const keyOf = ({ exchange, region, request_type }: Target) => `${exchange}:${region}:${request_type}`;
  return {
    async write(stream) {
      const held = streams.get(keyOf(stream.target));
      if (held && held.connectionId !== stream.connectionId && held.createdAt > stream.createdAt)
        return false;
      streams.set(keyOf(stream.target), stream);
      return true;
    },
    read: async (target) => streams.get(keyOf(target)) ?? null,
    async remove(target, connectionId) {
      const mine = streams.get(keyOf(target))?.connectionId === connectionId;
      return mine && streams.delete(keyOf(target));
    },
  };
}

function memoryMarkets(): MarketCache {
  const lists = new Map<string, NonNullable<Awaited<ReturnType<MarketCache['read']>>>>();
  return {
    read: async (exchange) => lists.get(exchange) ?? null,
    write: async (exchange, at, listings) => void lists.set(exchange, { at, listings }),
  };
}

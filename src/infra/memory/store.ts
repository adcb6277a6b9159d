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
import { type DesiredStream, streamKey } from '../../core/desired/stream.ts';
import type { Target } from '../../core/events.ts';
import { memoryBreakers } from './breakers.ts';
import { memoryCollectors, memoryLeases } from './leases.ts';
import { memoryOpens } from './opens.ts';

/** Answers that are kept per partition. */
const OUTCOMES_KEPT = 4096;

/** State that lives as long as the process; for one collector alone, and for tests. */
export function memoryStore(clock: Clock): StateStore {
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
    onAvailability: () => () => {},
    whenAvailable: async () => {},
    desired: memoryDesired(streams, outcomes, nudges, nudge),
    outcomes,
    actual: memoryActual(),
    markets: memoryMarkets(),
    leases: memoryLeases(clock, nudge, (stream) => streams.get(stream)?.version),
    collectors: memoryCollectors(clock),
    breakers: memoryBreakers(),
    opens: memoryOpens(),
  };
}

function memoryDesired(
  streams: Map<string, DesiredStream>,
  outcomes: MemoryOutcomes,
  nudges: Set<(stream: string) => void>,
  nudge: (stream: string) => void,
): DesiredStore {
  return {
    read: async (key) => streams.get(streamKey(key)) ?? null,
    readAll: async (keys) =>
      keys.map((key) => streams.get(streamKey(key))).filter((stream) => stream !== undefined),
    async write(expected, after, outcome) {
      const key = streamKey(after);
      if ((streams.get(key)?.version ?? 0) !== expected) return 'outdated';
      if (outcome && outcomes.remember(outcome) !== outcome.reply) return 'answered';
      streams.set(key, after);
      nudge(key);
      return 'written';
    },
    onNudge(listener) {
      nudges.add(listener);
      return () => void nudges.delete(listener);
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

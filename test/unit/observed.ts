import { ClockOffsets } from '../../src/application/metrics/clock-offsets.ts';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { GapCounts } from '../../src/application/metrics/gap-counts.ts';
import { Live } from '../../src/application/metrics/live.ts';
import type { RunningStream } from '../../src/application/streams/stream.ts';
import { streamStateOf } from '../../src/application/streams/stream-state.ts';
import type { ConnectionSnapshot } from '../../src/core/connection/snapshot.ts';
import type { StreamState, Target } from '../../src/core/events.ts';
import { market } from '../../src/core/market/market.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import { Lane } from '../../src/core/pipeline/lane.ts';
import type { Observed } from '../../src/infra/http/observed.ts';
import { ProcessFigures } from '../../src/infra/http/process-figures.ts';
import type { MessagingState } from '../../src/infra/messaging.ts';
import { ManualClock } from './manual-clock.ts';
import { NOON, UPBIT_TRADES } from './metrics-rig.ts';

const CODE = {
  symbol: 'KRW-BTC',
  code: 'KRW-BTC',
  confirmed: true,
  refused: null,
  unconfirmed: null,
  stale: false,
  missing: false,
  lastDataAt: NOON,
  breaks: 0,
};

export function connection(state: StreamState, reason: string | null = null): ConnectionSnapshot {
  const socket = { id: 1, primary: true, state: 'open', ageMs: 5000, frames: 10, bytes: 1000 } as const;
  return {
    state,
    since: NOON,
    reason,
    retryAt: null,
    attempts: 0,
    lastError: null,
    paused: false,
    opens: 1,
    codes: [CODE],
    sockets: [socket],
    frames: 10,
    bytes: 1000,
  };
}

/** A stream as the observers see it. */
export function stream(
  figures: StreamFigures,
  states: StreamState[],
  target: Target = UPBIT_TRADES,
): RunningStream {
  const lane = new Lane(market('KRW-BTC', 'BTC', 'KRW'), null, false);
  lane.lastReceivedAt = NOON;
  lane.received = 3;
  const connections = states.map((state) => connection(state, state === 'live' ? null : `is ${state}`));
  const seen = {
    target,
    stats: figures.begin(target, NOON),
    connectionId: 'c',
    startedAt: NOON,
    desired: { codes: ['KRW-BTC'], selector: null, correlation_id: null },
    lanes: [lane],
    codes: 1,
    queuedBytes: 10,
    waitedMs: 120,
    shareBytes: 250,
    paused: false,
    state: streamStateOf(states),
    snapshots: () => connections,
    shards: () => connections.map((one, shard) => ({ shard, connection: one })),
  };
  return seen as unknown as RunningStream;
}

const FILLS = {
  ...{ queued: 3, waiting: 1, running: 1, rows: 20, requests: 5, refused: 1 },
  ...{ complete: 4, partial: 1, impossible: 0, oldest: NOON - 2e6, error: null },
};

export const MESSAGING: MessagingState = {
  driver: 'kafka',
  breaker: { state: 'closed', since: NOON, opened: 0 },
  waiting: { messages: 0, bytes: 0 },
  inFlight: { messages: 1, bytes: 100 },
  delivered: { messages: 5, bytes: 500 },
  retried: 0,
  refused: { messages: 0, rows: 0 },
  dropped: new Map([['ws.dlq', 2]]),
  renewed: 0,
  troubles: [],
  outbox: {
    ...{ state: 'ok', reason: '', messages: 3, bytes: 4096, oldestAt: NOON, diskLeft: 1e9 },
    ...{ appended: 8, bytesWritten: 4000, released: 5, notKept: 0, lost: 0, longestWriteMs: 1 },
    ...{ spilling: ['trade-data.korea'], shelved: 3, readBack: 1, comparing: false, trouble: null },
  },
  client: {
    queuedMessages: 0,
    queuedBytes: 0,
    sentBytes: 400,
    sentMessages: 5,
    requests: 3,
    brokers: [{ name: 'broker:9092/1', state: 'UP', rttAvgMs: 1, rttP99Ms: 2, requestErrors: 0 }],
  },
};

/** A collector with one stream that is live, in which every metric has something to say. */
export function observed(overrides: Partial<Observed> = {}): Observed {
  const clock = new ManualClock(NOON);
  const figures = new StreamFigures();
  const streams = [stream(figures, ['live'])];
  const offsets = new ClockOffsets(clock, figures);
  offsets.date('upbit', NOON / 1000, NOON, NOON);
  const gaps = new GapCounts();
  const gap = { cause: 'cut', codes: ['KRW-BTC'], first_missing_id: null, last_missing_id: null } as const;
  gaps.take({ kind: 'gap', target: UPBIT_TRADES, gap: { ...gap, from: NOON - 1e6, to: NOON } });
  return {
    version: { version: '1.0.0', commit: 'abcdef0', bun: '1.4.5', librdkafka: '2.0.0' },
    collectorId: 'test',
    drivers: {
      messaging: 'kafka',
      messagingReason: 'kafka.bootstrap_servers is set',
      state: 'redis',
      stateReason: 'an address is set',
      useAvro: true,
    },
    clock,
    orchestrator: {
      streams: () => streams,
      unacknowledged: () => streams.map(({ target, waitedMs }) => ({ target, waitedMs })),
      informed: true,
      idle: () => [],
      elsewhere: () => [{ shard: 1, collector: 'other' }],
      leases: () => ({ collectors: ['other', 'test'], held: 1, lost: 0, given: 0 }),
    },
    figures,
    live: new Live(clock, figures),
    gaps,
    offsets,
    backfill: { figures: () => [{ exchange: 'upbit', figures: FILLS }] },
    messaging: { bootstrap: 'broker:9092', state: () => MESSAGING },
    publisher: { waitedMs: () => 0 },
    store: { available: true, reason: null },
    notices: () => [],
    budget: new ByteBudget(1000),
    lists: { state: () => ({ error: null, refreshedAt: 0, listed: 3 }) },
    schemas: () => ({ wrong: [], away: null }),
    process: new ProcessFigures(clock),
    breakers: () => [
      {
        host: 'api.upbit.com',
        state: 'closed',
        since: 0,
        failures: [],
        trials: 0,
        successes: 0,
        forced: false,
      },
    ],
    commands: { counts: { accepted: 3, noop: 1, refused: 2, foreign: 0, repeated: 1 }, waiting: false },
    errors: () => new Map([['connect_failed', 2]]),
    codeLabels: true,
    ...overrides,
  };
}

import type { Backfill } from '../../application/backfill/backfill.ts';
import type { CommandIntake } from '../../application/commands/intake.ts';
import type { MarketLists } from '../../application/markets/market-lists.ts';
import type { ClockOffsets } from '../../application/metrics/clock-offsets.ts';
import type { StreamFigures } from '../../application/metrics/figures.ts';
import type { GapCounts } from '../../application/metrics/gap-counts.ts';
import type { Live } from '../../application/metrics/live.ts';
import type { WatchedPublisher } from '../../application/reporting/watched-publisher.ts';
import type { Orchestrator } from '../../application/streams/orchestrator.ts';
import type { Clock } from '../../common/clock.ts';
import type { HostBreaker } from '../../core/connection/host-breaker.ts';
import type { ByteBudget } from '../../core/pipeline/budget.ts';
import type { SchemaState } from '../avro/registry-watch.ts';
import type { Messaging } from '../messaging.ts';
import type { ProcessFigures } from './process-figures.ts';

/** What this program is, as /status and /metrics show it. */
export interface VersionInfo {
  readonly version: string;
  readonly commit: string;
  readonly bun: string;
  /** Null where the addon is not loaded. */
  readonly librdkafka: string | null;
}

/** Which drivers run and why. */
export interface DriverInfo {
  readonly messaging: string;
  readonly messagingReason: string;
  readonly state: string;
  readonly stateReason: string;
  readonly useAvro: boolean;
}

/** Everything that health, status, metrics and the page look at. They only read. */
export interface Observed {
  readonly version: VersionInfo;
  readonly collectorId: string;
  readonly drivers: DriverInfo;
  readonly clock: Clock;
  readonly orchestrator: Pick<
    Orchestrator,
    'informed' | 'idle' | 'streams' | 'unacknowledged' | 'elsewhere' | 'leases'
  >;
  readonly figures: StreamFigures;
  readonly live: Live;
  readonly gaps: GapCounts;
  readonly offsets: ClockOffsets;
  readonly backfill: Pick<Backfill, 'figures'>;
  readonly messaging: Pick<Messaging, 'state' | 'bootstrap'>;
  readonly publisher: Pick<WatchedPublisher, 'waitedMs'>;
  readonly store: { readonly available: boolean; readonly reason: string | null };
  readonly budget: ByteBudget;
  readonly lists: Pick<MarketLists, 'state'>;
  /** What the schema registry knows of the ids in our messages; null where they bear none. */
  readonly schemas: () => SchemaState | null;
  readonly process: ProcessFigures;
  /** What was ordered and does not run: streams of the configuration, codes that no list has. */
  readonly notices: () => readonly { readonly what: string; readonly why: string }[];
  /** Circuit breakers of the exchanges' hosts as far as this collector has heard of them. */
  readonly breakers: () => readonly HostBreaker[];
  /** What became of the commands so far. */
  readonly commands: Pick<CommandIntake, 'counts' | 'waiting'>;
  /** Errors by code since the start. */
  readonly errors: () => ReadonlyMap<string, number>;
  /** Prometheus series per code. */
  readonly codeLabels: boolean;
}

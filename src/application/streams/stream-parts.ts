import type { Clock } from '../../common/clock.ts';
import type { FetchBook } from '../../core/connection/link-parts.ts';
import type { OpenGate } from '../../core/connection/open-gate.ts';
import type { ConnectionSettings } from '../../core/connection/settings.ts';
import type { GapCause } from '../../core/events.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Micros } from '../../core/market/market.ts';
import type { Markets } from '../../core/market/markets.ts';
import type { BatchLimits } from '../../core/pipeline/batch.ts';
import type { ByteBudget } from '../../core/pipeline/budget.ts';
import type { Grid } from '../../core/pipeline/grid.ts';
import type { OpenSocket, SocketOptions, Writer } from '../../core/ports.ts';
import type { Backfill } from '../backfill/backfill.ts';
import type { StreamFigures } from '../metrics/figures.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { Covered } from '../state-store.ts';

/** What all streams share. */
export interface StreamDeps {
  readonly clock: Clock;
  /** `skewOf` the clock when the process began. */
  readonly skewAtStart: Micros;
  readonly writer: Writer;
  readonly budget: ByteBudget;
  readonly batch: BatchLimits;
  /** The tick on which all streams flush. */
  readonly grid: Grid;
  readonly connection: ConnectionSettings;
  readonly reporter: Reporter;
  readonly figures: StreamFigures;
  readonly openSocket: OpenSocket;
  readonly nextSocketId: () => number;
  /** Fetches missed trades afterwards; left out: nobody does. */
  readonly backfill?: Pick<Backfill, 'of'>;
}

/** What the streams of one exchange share. */
export interface ExchangeDeps {
  readonly exchange: Exchange;
  readonly markets: Markets;
  readonly gate: OpenGate;
  readonly socket: SocketOptions;
  /** Scheme, host and port from settings in place of the plug-in's own; null keeps them. */
  readonly url: string | null;
  /** Which of its order books, from settings; null: its first choice. */
  readonly book: string | null;
  /** How its books are fetched; left out where they do not come over REST. */
  readonly fetchBook?: FetchBook | undefined;
}

/** A shard that this collector is to stream. */
export interface HeldShard {
  /** Goes with every batch; null where leases are off. */
  readonly fence: number | null;
  /** The codes that the fence holds for; one that joined waits for a new fence. Null: all of them. */
  readonly symbols: ReadonlySet<string> | null;
  /** How far whoever had it before got: from there on its codes are missing. */
  readonly missed: { readonly cause: GapCause; readonly since: readonly Covered[] } | null;
  /** How far others got with codes that came from their shards under this fence. */
  readonly joined: readonly Covered[];
}
export type HeldShards = ReadonlyMap<number, HeldShard>;

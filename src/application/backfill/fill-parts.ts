import type { Clock } from '../../common/clock.ts';
import type { OpenHistory } from '../../core/connection/open-gate.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { Neighbour, PastTrades } from '../../core/past-trades.ts';
import type { ByteBudget } from '../../core/pipeline/budget.ts';
import type { StreamPipeline } from '../../core/pipeline/stream-pipeline.ts';
import type { Writer } from '../../core/ports.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { RestAnswer } from '../rest/book-fetches.ts';
import type { RestTurns } from '../rest/rest-turns.ts';
import type { FillStore } from '../state-store.ts';
import type { UnsureLeft } from './fill-task.ts';

export interface FillSettings {
  /** What is not filled after so long, in ms, is told as it is. */
  readonly maxAgeMs: number;
  /** Rows that are fetched for one code of one gap. */
  readonly maxRows: number;
}

/** What lies in a topic of the trades of one code that somebody else had. */
export interface WrittenBefore {
  /** The latest that readers keep of those in their order that were received before the hole; null: there is none. */
  readonly last: Neighbour | null;
  /** Those that were received after its beginning all the same, what an outbox brought late, and what was fetched. */
  readonly known: readonly Neighbour[];
  /** Nothing at all lies there in its order from the time on that was looked at. */
  readonly empty: boolean;
  /** Somebody else has written the code since: nothing in its order follows. */
  readonly whole: boolean;
}

/**
 * How far behind the end of a gap its first trade is looked for, in ms: a code that is received again trades within that time, as a
 * rule, or its hole is as long as it seems. Topics hold days.
 */
export const BEHIND_MS = 600_000;

/** A hole whose end is to be looked for. */
export interface OpenEnd {
  /** The trade before it; null: it is known by the time of its beginning alone. */
  readonly before: Neighbour | null;
  readonly from: Micros;
  /** When the code was received again, by the clock of whoever made the task. */
  readonly to: Micros;
  /** Under which the code was received then; null where nobody else can have it. */
  readonly fence: number | null;
}

/** What lies in a topic of the trades of one code behind the beginning of a hole. */
export interface WrittenBehind {
  /** The first that somebody wrote when the code was received again; null: there is none. */
  readonly first: Neighbour | null;
  /** What was received before all the same, came late, or was fetched. */
  readonly known: readonly Neighbour[];
}

/** Looks into the topics for trades that nobody has noted. */
export interface WrittenTrades {
  /**
   * @param unsure from when on, and below which fence
   * @param from when the hole began, by the clock of whoever received the code
   * @throws {Error} where the topic cannot be read now
   */
  before(
    exchange: Pick<Exchange, 'id' | 'region'>,
    market: Market,
    unsure: UnsureLeft,
    from: Micros,
  ): Promise<WrittenBefore>;
  /** @throws {Error} where the topic cannot be read now */
  behind(exchange: Pick<Exchange, 'id' | 'region'>, market: Market, end: OpenEnd): Promise<WrittenBehind>;
}

/** What the fills of all exchanges share. */
export interface FillDeps {
  readonly clock: Clock;
  readonly store: FillStore;
  readonly writer: Pick<Writer, 'write'>;
  /** Left out where nobody can look into topics. */
  readonly written?: WrittenTrades | undefined;
  readonly budget: ByteBudget;
  readonly reporter: Reporter;
  readonly settings: FillSettings;
  turns(exchange: Exchange): RestTurns;
  /** Requests of runs before this one, and of others, from the address that the exchange sees. */
  history(exchange: Exchange): OpenHistory;
  /** One request, bounded in time and size. @throws Error */
  ask(exchange: Exchange, url: string): Promise<RestAnswer>;
}

/** An exchange whose past trades can be fetched. */
export type FilledExchange = Exchange & { readonly pastTrades: PastTrades };

/** The running stream of its trades. */
export interface FillStream {
  readonly pipeline: Pick<StreamPipeline, 'lanes' | 'youngest'>;
  /** Codes that are carried here, each with the fence of its shard; null where leases are off. */
  carried(): Iterable<readonly [Market, number | null]>;
}

/** What was done for one exchange since the start, and what there is to do. */
export interface FillFigures {
  /** Codes of gaps that are to be filled; those of them that wait for their next trade; those under way. */
  readonly queued: number;
  readonly waiting: number;
  readonly running: number;
  readonly rows: number;
  readonly requests: number;
  readonly refused: number;
  /** Codes of gaps by what became of them. */
  readonly complete: number;
  readonly partial: number;
  readonly impossible: number;
  /** When the oldest gap began that can be filled, µs: of a code that has traded since; null where there is none. */
  readonly oldest: number | null;
  /** Why the latest request was of no use; null where it was. */
  readonly error: string | null;
}

import type { FillState, GapCause } from '../../core/events.ts';
import type { Micros } from '../../core/market/market.ts';
import type { Neighbour } from '../../core/past-trades.ts';

/** The gap record that a fill belongs to. */
export interface FillGap {
  readonly gap_id: string;
  readonly from: Micros;
  readonly to: Micros;
  readonly cause: GapCause;
  readonly first_missing_id: string | null;
  readonly last_missing_id: string | null;
}

/** What became of one code of a gap. */
export interface FillResult {
  readonly state: FillState;
  readonly proof: 'ids' | 'time' | 'none';
  /** What kept it from being complete; null where nothing did. */
  readonly reason: string | null;
}

/** Rows that were written for one code of a gap so far. */
export interface Filled {
  readonly rows: number;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

/** The latest trade of a code that needs not be fetched. */
export interface LastTrade extends Neighbour {
  /** Whoever had the code gave it up in order: nothing later of it was written. */
  readonly final?: boolean | undefined;
  /** Time of the latest trade that Kafka had acknowledged, where that is an earlier one: the rest lies in an outbox. */
  readonly delivered?: Micros | undefined;
}

/** What was there before a hole is not known for certain: whoever had the code was killed. */
export interface UnsureLeft {
  /** Trades from then on may lie in the topic, or in an outbox. */
  readonly since: Micros;
  /** Under which the code was received first after that. */
  readonly fence: number;
}

/** One code of one gap whose trades are to be fetched, as the state store keeps it. */
export interface FillRecord {
  /** Of this task among all of its exchange. */
  readonly name: string;
  readonly gap: FillGap;
  readonly symbol: string;
  /** When it was made. */
  readonly since: Micros;
  readonly before: Neighbour | null;
  /** Null as long as the code has not traded since. */
  readonly after: Neighbour | null;
  readonly unsure?: UnsureLeft | undefined;
  /** Under which the code was received when it was made; left out where there are no leases. */
  readonly fence?: number | undefined;
  readonly from: Micros;
  readonly to: Micros;
  readonly known: readonly Neighbour[];
  readonly filled: Filled;
  /** Null while it goes on; else it is only to be told. */
  readonly result: FillResult | null;
}

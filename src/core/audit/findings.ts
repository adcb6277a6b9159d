import type { Micros } from '../market/market.ts';

/**
 * `hole`: ids that were not read. `repeat`: a row that was read before. `order`: a row behind its successor. `book`: a
 * change whose predecessor was not read. `loss`: a connection was lost, and no gap is on record. `minute`: not as many rows as the collector says. `fill`: trades that a gap
 * record says were fetched and that were not read. `unreadable`: a message that cannot be decoded.
 */
export type FindingKind = 'hole' | 'repeat' | 'order' | 'book' | 'loss' | 'minute' | 'fill' | 'unreadable';

/** Something that does not add up. Field names are those of the JSON report; times are epoch µs. */
export interface Finding {
  readonly kind: FindingKind;
  readonly exchange: string;
  readonly request_type: string;
  /** Null where it is about the stream as a whole. */
  readonly code: string | null;
  readonly from: Micros | null;
  readonly to: Micros | null;
  readonly first_id: string | null;
  readonly last_id: string | null;
  /** Rows or ids it is about. */
  readonly count: number;
  readonly told: string;
}

/** What was found of one code. */
export interface CodeReport {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
  readonly symbol: string;
  readonly code: string;
  /** Rows that a reader keeps, repeats included. */
  readonly rows: number;
  /** Rows that a reader drops for their fence. */
  readonly fenced: number;
  /** Of the rows, those that were brought afterwards. */
  readonly late: number;
  readonly repeats: number;
  readonly repeats_unexplained: number;
  readonly disordered: number;
  /** Holes in consecutive ids; null where the exchange has none, or the rows do not tell. */
  readonly holes: number | null;
  /** Ids in them. */
  readonly missing: number | null;
  /** Ids that were missing and were brought afterwards. */
  readonly filled: number | null;
  readonly holes_unexplained: number | null;
  /** Broken links of an order book; null for other types. */
  readonly links: number | null;
  readonly links_unexplained: number | null;
  readonly unexplained: number;
}

/** A stream's rows against its minutes in `ws.metrics.processing`. */
export interface StreamReport {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
  /** Minutes that were compared. */
  readonly minutes: number;
  /** Rows that Kafka had acknowledged and that were not read. */
  readonly rows_missing: number;
  /** Rows that the collector did not make. */
  readonly rows_beyond: number;
  readonly unexplained: number;
}

export interface AuditReport {
  readonly from: Micros | null;
  readonly to: Micros | null;
  readonly messages: number;
  readonly rows: number;
  readonly codes: readonly CodeReport[];
  readonly streams: readonly StreamReport[];
  /** What is unexplained, as far as it is listed. */
  readonly findings: readonly Finding[];
  /** Unexplained beyond those. */
  readonly left_off: number;
  /** What could not be looked at, in words. */
  readonly notes: readonly string[];
  readonly unexplained: number;
}

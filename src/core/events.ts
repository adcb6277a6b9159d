import type { Micros, Region, RequestType } from './market/market.ts';

/** One stream: everything of one type of one exchange. */
export interface Target {
  readonly exchange: string;
  readonly region: Region;
  readonly request_type: RequestType;
}

/** A stream as a command names it, which need not be one that exists. */
export interface TargetName {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
}

export type StreamState = 'connecting' | 'live' | 'stale' | 'backoff' | 'blocked' | 'stopped';
export type Outcome = 'accepted' | 'noop' | 'refused';

/** How a book broke: a change is missing, its checksum does not fit, or it was crossed for longer than it may be. */
export const BOOK_CAUSES = ['sequence', 'checksum', 'crossed'] as const;
export type BookCause = (typeof BOOK_CAUSES)[number];

/** Why a subscribed code was not received for a while. */
export const GAP_CAUSES = [
  'cut',
  'pause',
  'stale',
  'takeover',
  'restart',
  'missing_ids',
  'refused',
  'undelivered',
  ...BOOK_CAUSES,
] as const;
export type GapCause = (typeof GAP_CAUSES)[number];

/** What became of one code of a gap when its trades were fetched. */
export interface FilledCode {
  readonly code: string;
  /** Of the rows that were written; null where there are none. */
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly rows: number;
  readonly state: FillState;
}

/** `complete`: nothing is missing any more; `partial`: what is left is told as smaller gaps; `impossible`: nothing came. */
export const FILL_STATES = ['complete', 'partial', 'impossible'] as const;
export type FillState = (typeof FILL_STATES)[number];

/** How far a gap was filled. */
export interface Fill {
  readonly state: FillState;
  /** The weakest of its codes: consecutive ids; pages from a known trade to a known trade; nothing. */
  readonly proof: 'ids' | 'time' | 'none';
  readonly rows: number;
  readonly codes: readonly FilledCode[];
  /** What kept it from being complete, in words; null where nothing did. */
  readonly reason: string | null;
}

/** An interval in which subscribed codes were not received, or ids that never came. */
export interface Gap {
  /** Names the gap where it is told more than once; left out where it is told once. */
  readonly gap_id?: string;
  readonly from: Micros;
  /** Null while it lasts. */
  readonly to: Micros | null;
  readonly cause: GapCause;
  readonly codes: readonly string[];
  readonly first_missing_id: string | null;
  readonly last_missing_id: string | null;
  /** Left out until its trades were fetched. */
  readonly fill?: Fill;
}

/** One symbol of a command and what it was taken for. */
export interface Resolved {
  readonly asked: string;
  readonly symbol: string;
  readonly code: string;
}

/** What happened to a stream, before it becomes a `ws.event` message. What does not apply is left out. */
export interface StreamEvent {
  readonly kind: 'reply' | 'state' | 'gap';
  readonly target: TargetName | null;
  readonly correlationId?: string | null;
  readonly replyId?: string;
  readonly outcome?: Outcome;
  readonly reason?: string | null;
  readonly resolved?: readonly Resolved[];
  readonly state?: StreamState;
  readonly gap?: Gap;
  readonly detail?: Readonly<Record<string, unknown>> | null;
}

import type { Micros } from '../market/market.ts';

/**
 * `unreachable`: neither market list nor socket. `silent`: a stream without a row. `rejected`: frames that the plug-in
 * cannot read. `keys`: keys of frames that the recorded ones have not. `refused`: codes that the exchange does not serve.
 * `clock`: ours and theirs are apart. `ids`: trade ids that do not go on one by one, where they are to. `absent`: trades
 * of the socket that REST does not have. `extra`: trades of REST that the socket did not bring. `differs`: trades that
 * are not the same on both. `price`: the latest price of REST is none that came. `book`: levels are not the same.
 * `checksum`, `sequence`, `crossed`: a book broke. `rest`: REST does not answer as it is to.
 */
export const LIVE_FINDINGS = [
  ...['unreachable', 'silent', 'rejected', 'keys', 'refused', 'clock', 'ids', 'absent', 'extra', 'differs'],
  ...['price', 'book', 'checksum', 'sequence', 'crossed', 'rest'],
] as const;

/** Something that is not as it should be. Field names from here on are those of the JSON report. */
export interface LiveFinding {
  readonly kind: (typeof LIVE_FINDINGS)[number];
  readonly exchange: string;
  /** Null where it is about the exchange as a whole. */
  readonly request_type: string | null;
  readonly code: string | null;
  /** Frames, trades, levels or keys it is about. */
  readonly count: number;
  readonly told: string;
}

/** Seconds until REST shows a trade: it was seen at `seen`, the age of the youngest, and was not yet at `unseen`. */
export interface Visible {
  readonly seen: number | null;
  readonly unseen: number | null;
}

export interface LiveCode {
  readonly code: string;
  readonly symbol: string;
  readonly rows: number;
  /** Trades that are the same on REST; null for other types. */
  readonly trades_same: number | null;
  readonly visible_s: Visible | null;
  /** Books of REST that were compared, those of them whose number or time is one of ours, and levels in all; else null. */
  readonly books: number | null;
  readonly books_exact: number | null;
  readonly levels: number | null;
  /** Prices of REST that came over the socket; null for other types. */
  readonly prices_same: number | null;
}

export interface LiveStream {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
  readonly frames: number;
  readonly bytes: number;
  readonly rows: number;
  readonly rejected: number;
  /** Frames that keep the connection going: acks, heartbeats. */
  readonly control: number;
  /** Sockets that were opened or tried. */
  readonly opens: number;
  /** Longest time without any frame, seconds. */
  readonly silence_s: number | null;
  /** From an event at the exchange to its arrival, median, ms; null where rows bear no time of the exchange. */
  readonly lag_ms: number | null;
  readonly unknown_keys: readonly string[];
  readonly codes: readonly LiveCode[];
}

export interface LiveExchange {
  readonly exchange: string;
  readonly reached: boolean;
  /** How far its clock is ahead of ours, and how sure that is, ms; null where it did not say. */
  readonly clock_ms: number | null;
  readonly clock_unsure_ms: number | null;
  readonly streams: readonly LiveStream[];
  readonly notes: readonly string[];
}

export interface LiveReport {
  readonly version: string;
  readonly at: Micros;
  readonly seconds: number;
  readonly exchanges: readonly LiveExchange[];
  readonly findings: readonly LiveFinding[];
}

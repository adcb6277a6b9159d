/** Times of a connection's life in milliseconds. */
export interface ConnectionSettings {
  /** A socket that has not opened by then is given up. */
  readonly openTimeoutMs: number;
  /** Data must have flowed for this long before failures in a row count from zero again. */
  readonly goodAfterMs: number;
  /** A code asked for and neither confirmed nor refused by then is asked for again, then reported. */
  readonly confirmAfterMs: number;
  /** Least silence of a code that can make it stale. */
  readonly staleAfterMs: number;
  /** How long a successor may take to confirm all codes before the old socket goes all the same. */
  readonly overlapMs: number;
  /** How long the old socket stays after the successor has taken over: rows on their way still arrive. */
  readonly lingerMs: number;
  /** How often a whole book of our own goes out for each code whose exchange sends changes; 0: never. */
  readonly keyframeMs: number;
}

export const CONNECTION_DEFAULTS: ConnectionSettings = {
  openTimeoutMs: 10_000,
  goodAfterMs: 10_000,
  confirmAfterMs: 10_000,
  staleAfterMs: 120_000,
  overlapMs: 30_000,
  lingerMs: 500,
  keyframeMs: 60_000,
};

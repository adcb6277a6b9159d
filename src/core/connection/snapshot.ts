import type { Clock } from '../../common/clock.ts';
import type { StreamState } from '../events.ts';
import type { Market, Micros } from '../market/market.ts';
import type { Coverage } from './coverage.ts';
import type { Link } from './link.ts';
import type { Refusals } from './refusals.ts';
import type { Watchdog } from './watchdog.ts';

export interface CodeSnapshot {
  readonly symbol: string;
  readonly code: string;
  readonly confirmed: boolean;
  /** Why the exchange refused it; null where it did not. */
  readonly refused: string | null;
  /** What is known of a code that the exchange never answered for; null where it did. */
  readonly unconfirmed: string | null;
  readonly stale: boolean;
  /** Whether a gap is open. */
  readonly missing: boolean;
  readonly lastDataAt: Micros | null;
  /** How often its order book broke. */
  readonly breaks: number;
}

export interface SocketSnapshot {
  readonly id: number;
  /** Whether it carries the codes; any other is about to take over, or to leave. */
  readonly primary: boolean;
  readonly state: 'opening' | 'open' | 'closing' | 'ended';
  readonly ageMs: number;
  readonly frames: number;
  /** Bytes of binary frames, characters of text frames, uncompressed. */
  readonly bytes: number;
}

/** A connection as /status shows it. */
export interface ConnectionSnapshot {
  readonly state: StreamState;
  readonly since: Micros;
  /** Why it is in that state, where there is something to say. */
  readonly reason: string | null;
  readonly retryAt: Micros | null;
  /** Failures in a row. */
  readonly attempts: number;
  readonly lastError: string | null;
  readonly paused: boolean;
  /** Sockets opened or tried since the start. */
  readonly opens: number;
  readonly codes: readonly CodeSnapshot[];
  /** The live ones; frames and bytes of sockets that ended are in `frames` and `bytes` below. */
  readonly sockets: readonly SocketSnapshot[];
  readonly frames: number;
  readonly bytes: number;
}

export function codeSnapshot(
  { symbol, code }: Market,
  confirmed: boolean,
  refusals: Refusals,
  watchdog: Watchdog,
  coverage: Coverage,
  clock: Clock,
  breaks: number,
): CodeSnapshot {
  const lastMs = watchdog.lastMs(symbol);
  const refusal = refusals.of(symbol);
  const unanswered = refusal?.kind === 'unconfirmed';
  return {
    symbol,
    code,
    confirmed,
    refused: unanswered ? null : (refusal?.reason ?? null),
    unconfirmed: unanswered ? refusal.reason : null,
    stale: watchdog.isStale(symbol),
    missing: coverage.missing(symbol),
    lastDataAt: lastMs === null ? null : microsOf(lastMs, clock),
    breaks,
  };
}

/** @param past what came over sockets that have ended */
export function socketSnapshots(
  links: readonly Link[],
  primary: Link | null,
  past: { readonly frames: number; readonly bytes: number },
  clock: Clock,
): Pick<ConnectionSnapshot, 'sockets' | 'frames' | 'bytes'> {
  const sockets = links.map((link) => {
    const { id, state, frames, bytes, openedMs } = link;
    return { id, primary: link === primary, state, frames, bytes, ageMs: clock.now() - openedMs };
  });
  return {
    sockets,
    frames: sockets.reduce((sum, { frames }) => sum + frames, past.frames),
    bytes: sockets.reduce((sum, { bytes }) => sum + bytes, past.bytes),
  };
}

/** The wall clock time of a monotonic reading. */
export function microsOf(ms: number, clock: Clock): Micros {
  return clock.micros() - Math.round((clock.now() - ms) * 1000);
}

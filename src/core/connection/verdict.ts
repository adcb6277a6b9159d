import type { Ban, Exchange } from '../exchange.ts';
import { boundedBan, LONGEST_BAN_MS } from './ban-time.ts';
import type { LinkEnd } from './link-parts.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Stay-away times where the exchange names none. */
const SLOW_DOWN_MS = 10 * SECOND;
const BAN_MS = 5 * MINUTE;
/** Our clock and the exchange's do not run alike. */
const COURTESY_MS = 250;

/** What an ended socket means for the next attempt. */
export interface Verdict {
  readonly state: 'backoff' | 'blocked';
  readonly waitMs: number;
  readonly reason: string;
  /** Holds for every socket to the same host, not for this connection alone. */
  readonly ban: Ban | null;
}

/**
 * @param backoffMs wait of an ordinary failure
 * @param bans how many bans in a row came before this one
 */
export function verdict(end: LinkEnd, exchange: Exchange, backoffMs: number, bans: number): Verdict {
  const reason = describe(end);
  if (end.local !== undefined) return { state: 'backoff', waitMs: backoffMs, reason, ban: null };
  const ban = exchange.ban?.(end.code, end.reason) ?? null;
  if (ban) return away('blocked', ban.forMs, ban.reason, backoffMs);
  const { status, retryAfterMs } = end;
  if (status === 418 || status === 403 || status === 451) {
    const forMs = retryAfterMs ?? Math.min(BAN_MS * 2 ** bans, LONGEST_BAN_MS);
    return away('blocked', forMs, reason, backoffMs);
  }
  if (status === 429) {
    const forMs = retryAfterMs ?? exchange.limits.shutOutMs ?? SLOW_DOWN_MS;
    return away('backoff', forMs, reason, backoffMs);
  }
  if (retryAfterMs !== null) return away('backoff', retryAfterMs, reason, backoffMs);
  return { state: 'backoff', waitMs: backoffMs, reason, ban: null };
}

function away(state: Verdict['state'], forMs: number, reason: string, backoffMs: number): Verdict {
  const awayMs = boundedBan(forMs) + COURTESY_MS;
  return { state, waitMs: Math.max(awayMs, backoffMs), reason, ban: { forMs: awayMs, reason } };
}

/** In words, for people: `HTTP 429 on opening`, `closed by the exchange: 1001 going away`. */
export function describe({ cause, status, code, reason, local }: LinkEnd): string {
  if (local !== undefined) return `this machine could not open a socket: ${local}`;
  if (cause === 'open_timeout') return 'did not open in time';
  if (cause === 'dead') return 'no frame for too long';
  if (cause === 'mute') return 'confirmed nothing and sent no data';
  if (status !== null) return `HTTP ${status} on opening`;
  if (code === 1006) return reason === '' ? 'cut without a closing frame' : reason;
  return `closed by the exchange: ${code} ${reason}`.trimEnd();
}

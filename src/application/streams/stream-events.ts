import { Fault } from '../../common/errors.ts';
import type { ConnectionEvents } from '../../core/connection/connection-parts.ts';
import type { LinkEnd } from '../../core/connection/link-parts.ts';
import type { Verdict } from '../../core/connection/verdict.ts';
import type { Gap, Target } from '../../core/events.ts';
import type { Market } from '../../core/market/market.ts';
import type { RefusalNotices } from '../reporting/refusal-notices.ts';
import type { Reporter } from '../reporting/reporter.ts';

export interface StreamEventDeps {
  readonly reporter: Reporter;
  readonly notices: RefusalNotices;
  readonly target: Target;
  readonly shard: number;
  /** Which of the shard's connections, where it has several. */
  readonly part: number;
  /** Where the shard's connection leads. */
  readonly url: string;
  correlationId(): string | null;
  /** An answer that the exchange asked for was dropped. */
  onUnanswered(): void;
  /** A gap by the ids under which its codes are told. */
  nameGap(gap: Gap): readonly Gap[];
  /** Told of every gap beside. */
  onGap(gap: Gap): void;
  /** Told of each code of which a gap begins. */
  onLost(market: Market): void;
  /** A socket has no room for these codes. */
  onFull(markets: readonly Market[], carried: number): void;
}

/** What the connection of a shard tells, as messages. */
export function connectionEvents(deps: StreamEventDeps): ConnectionEvents {
  const { reporter, notices, target, shard, part, url, correlationId, onGap, onUnanswered, onFull } = deps;
  return {
    state: (state, detail) =>
      reporter.tell({
        kind: 'state',
        target,
        correlationId: correlationId(),
        state,
        reason: detail.reason,
        detail: { shard, ...(part > 0 ? { part } : {}), retry_at: detail.retryAt, attempts: detail.attempts },
      }),
    confirmed: (market) => reporter.connectSuccess(target, market, correlationId()),
    refused: (markets, refusal) => {
      notices.refused(shard, markets, refusal);
      if (refusal.carried !== undefined) onFull(markets, refusal.carried);
    },
    unanswered: onUnanswered,
    served: (market) => notices.served(shard, market),
    announced: (reason) =>
      reporter.error(new Fault('exchange_notice', url, reason, 'Nothing: a new socket takes over.'), {
        target,
        correlationId: correlationId(),
        context: { url, shard },
      }),
    gap: (lost) => {
      for (const gap of deps.nameGap(lost)) {
        onGap(gap);
        reporter.tell({ kind: 'gap', target, correlationId: correlationId(), gap, detail: { shard } });
      }
    },
    lost: deps.onLost,
    silent: (market, reason) =>
      reporter.tell({
        kind: 'state',
        target,
        correlationId: correlationId(),
        state: reason === null ? 'live' : 'stale',
        reason,
        detail: { shard, code: market.code, symbol: market.symbol },
      }),
    failed,
  };

  function failed(end: LinkEnd, next: Verdict, attempts: number): void {
    reporter.error(new Fault(errorOf(end, next), url, next.reason, remedyOf(end)), {
      target,
      correlationId: correlationId(),
      context: {
        url,
        attempt: attempts,
        backoff: next.waitMs / 1000,
        shard,
        close_code: end.code,
        status: end.status,
      },
    });
  }
}

function errorOf(end: LinkEnd, next: Verdict): Fault['code'] {
  if (end.local !== undefined) return 'local_fault';
  if (next.state === 'blocked' || end.status !== null) return 'connection_refused';
  if (end.cause === 'mute') return 'connection_idle';
  return end.cause === 'open_timeout' || end.cause === 'unopened' ? 'connect_failed' : 'disconnect_failed';
}

function remedyOf({ local }: LinkEnd): string {
  return local === undefined
    ? 'It is tried again by itself.'
    : 'Look after this machine: its limits (ulimit -n, LimitNOFILE), network, resolver and source address. It is tried again by itself.';
}

import { Fault } from '../common/errors.ts';
import type { ConnectionEvents } from '../core/connection/connection-parts.ts';
import type { LinkEnd } from '../core/connection/link.ts';
import type { Verdict } from '../core/connection/verdict.ts';
import type { Gap, Target } from '../core/events.ts';
import type { Market } from '../core/market/market.ts';
import type { Reporter } from './reporter.ts';

export interface StreamEventDeps {
  readonly reporter: Reporter;
  readonly target: Target;
  readonly shard: number;
  /** Where the shard's connection leads. */
  readonly url: string;
  correlationId(): string | null;
  /** Told of every gap beside. */
  onGap(gap: Gap): void;
}

/** What the connection of a shard tells, as messages. */
export function connectionEvents(deps: StreamEventDeps): ConnectionEvents {
  const { reporter, target, shard, url, correlationId, onGap } = deps;
  return {
    state: (state, detail) =>
      reporter.tell({
        kind: 'state',
        target,
        correlationId: correlationId(),
        state,
        reason: detail.reason,
        detail: { shard, retry_at: detail.retryAt, attempts: detail.attempts },
      }),
    confirmed: (market) => reporter.connectSuccess(target, market, correlationId()),
    refused: (markets, reason) => refused(markets, reason),
    gap: (gap) => {
      onGap(gap);
      reporter.tell({ kind: 'gap', target, correlationId: correlationId(), gap, detail: { shard } });
    },
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

  function refused(markets: readonly Market[], reason: string): void {
    reporter.tell({
      kind: 'state',
      target,
      correlationId: correlationId(),
      reason,
      detail: { shard, refused: markets.map(({ symbol, code }) => ({ symbol, code })) },
    });
    for (const { symbol, code } of markets) {
      const subject = `${target.exchange} ${symbol}`;
      reporter.error(
        new Fault('subscription_refused', subject, reason, 'Check the symbol on the exchange.'),
        { target, correlationId: correlationId(), code, context: { shard, symbol } },
      );
    }
  }

  function failed(end: LinkEnd, next: Verdict, attempts: number): void {
    reporter.error(new Fault(errorOf(end, next), url, next.reason, 'It is tried again by itself.'), {
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
  if (next.state === 'blocked' || end.status !== null) return 'connection_refused';
  if (end.cause === 'mute') return 'connection_idle';
  return end.cause === 'open_timeout' || end.cause === 'unopened' ? 'connect_failed' : 'disconnect_failed';
}

import type { Cancel, Clock } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import type { Refusal } from '../../core/connection/refusals.ts';
import type { Target } from '../../core/events.ts';
import type { Market } from '../../core/market/market.ts';
import type { Reporter } from './reporter.ts';

/** What comes within this time of something told is told together; as long as it goes on the time doubles. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** Words that name no code and are told one by one; what else is said meanwhile is counted. */
const NAMELESS = 5;

/** Under which name of its detail an event lists the codes. */
const LISTED = { refused: 'refused', full: 'no_room', unconfirmed: 'unconfirmed', served: 'served' } as const;

interface Notice {
  readonly market: Market;
  readonly shard: number;
  /** Null: it is served after all. */
  readonly refusal: Refusal | null;
}

export interface RefusalNotices {
  /** Codes that are not served; with none where the exchange's words name none. */
  refused(shard: number, markets: readonly Market[], refusal: Refusal): void;
  /** A code that was told as not served is. */
  served(shard: number, market: Market): void;
  /** Tells what still waits. */
  flush(): void;
}

/**
 * What an exchange does not serve of one stream → `ws.event` and `ws.error`. The first word passes at once; of a code
 * about which more is said meanwhile the latest is told, with codes of one reason in one event, and of words that name
 * no code a few, with the count of the others. An exchange that refuses without end costs a few messages a minute.
 */
export function refusalNotices(
  target: Target,
  reporter: Pick<Reporter, 'tell' | 'error'>,
  clock: Clock,
  correlationId: () => string | null,
): RefusalNotices {
  const codes = new Map<string, Notice>();
  const nameless = new Map<string, { shard: number; repeated: number }>();
  let folded = 0;
  /** Words beyond those few: the first event counts them. */
  let others = 0;
  let windowMs = 0;
  let cancel: Cancel | null = null;

  function tell(): void {
    for (const notices of Map.groupBy(codes.values(), keyOf).values()) event(notices, folded);
    for (const [reason, { shard, repeated }] of nameless) {
      words(reason, shard, repeated);
      others = 0;
    }
    codes.clear();
    nameless.clear();
    folded = 0;
    windowMs = Math.min(Math.max(FIRST_MS, 2 * windowMs), LONGEST_MS);
    cancel = clock.after(windowMs, over);
  }

  function over(): void {
    cancel = null;
    if (codes.size + nameless.size > 0) tell();
    else windowMs = 0;
  }

  function event([first, ...others]: readonly Notice[], repeated: number): void {
    if (!first) return;
    const { shard, refusal } = first;
    const markets = [first, ...others].map(({ market }) => market);
    const listed = markets.map(({ symbol, code }) => ({ symbol, code }));
    reporter.tell({
      kind: 'state',
      target,
      correlationId: correlationId(),
      ...(refusal ? {} : { state: 'live' }),
      reason: refusal?.reason ?? null,
      detail: { shard, [LISTED[refusal?.kind ?? 'served']]: listed, ...(repeated > 0 ? { repeated } : {}) },
    });
    if (refusal && refusal.kind !== 'full') for (const market of markets) error(shard, market, refusal);
  }

  function words(reason: string, shard: number, repeated: number): void {
    const counts = { ...(repeated > 0 ? { repeated } : {}), ...(others > 0 ? { others } : {}) };
    const detail = { shard, refused: [], ...counts };
    reporter.tell({ kind: 'state', target, correlationId: correlationId(), reason, detail });
  }

  function error(shard: number, { symbol, code }: Market, { kind, reason }: Refusal): void {
    const fault = new Fault(
      kind === 'refused' ? 'subscription_refused' : 'subscription_unconfirmed',
      `${target.exchange} ${symbol}`,
      reason,
      'It is asked for again by itself. Where that goes on, check the symbol on the exchange.',
    );
    reporter.error(fault, { target, correlationId: correlationId(), code, context: { shard, symbol } });
  }

  function waitOrTell(): void {
    if (cancel === null) tell();
  }

  function take(notice: Notice): void {
    if (codes.has(notice.market.symbol)) folded++;
    codes.set(notice.market.symbol, notice);
  }

  return {
    refused(shard, markets, refusal) {
      for (const market of markets) take({ market, shard, refusal });
      if (markets.length === 0) {
        const known = nameless.get(refusal.reason);
        if (known) known.repeated++;
        else if (nameless.size < NAMELESS) nameless.set(refusal.reason, { shard, repeated: 0 });
        else others++;
      }
      waitOrTell();
    },
    served(shard, market) {
      take({ market, shard, refusal: null });
      waitOrTell();
    },
    flush() {
      cancel?.();
      if (codes.size + nameless.size > 0) tell();
      cancel?.();
      cancel = null;
    },
  };
}

function keyOf({ shard, refusal }: Notice): string {
  return `${shard} ${refusal?.kind ?? ''} ${refusal?.reason ?? ''}`;
}

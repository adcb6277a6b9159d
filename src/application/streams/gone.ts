import type { GapCause } from '../../core/events.ts';
import type { Micros } from '../../core/market/market.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { Covered, ShardKey } from '../state-store.ts';
import type { ExchangeDeps } from './stream-parts.ts';

const CAUSE: GapCause = 'restart';

/**
 * Tells that nobody received these codes of a shard since then, of which nobody streams anything any more. Resolves when
 * the broker has it.
 */
export async function tellGone(
  reporter: Reporter,
  { exchange, markets }: ExchangeDeps,
  { request_type, shard }: ShardKey,
  since: readonly Covered[],
  to: Micros,
): Promise<void> {
  const target = { exchange: exchange.id, region: exchange.region, request_type };
  const gaps = since.map(({ until, symbols, gap_id }) => ({
    ...(gap_id === undefined ? {} : { gap_id }),
    from: until,
    to: Math.max(until, to),
    cause: CAUSE,
    codes: symbols.flatMap((symbol) => markets.get(symbol)?.code ?? []),
    first_missing_id: null,
    last_missing_id: null,
  }));
  await Promise.all(
    gaps.flatMap((gap) =>
      gap.codes.length > 0 ? [reporter.event({ kind: 'gap', target, gap, detail: { shard } })] : [],
    ),
  );
}

import { sleep } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import type { Market } from '../../core/market/market.ts';
import type { Trade } from '../../core/market/rows.ts';
import type { Lane } from '../../core/pipeline/lane.ts';
import { costOf, MESSAGE_COST } from '../../core/pipeline/weights.ts';
import type { FillDeps, FilledExchange } from './fill-parts.ts';

const PER_BATCH = 500;
/** Live data goes first: while it takes more than this part of the byte budget, nothing is added. */
const MOST_OF_BUDGET = 0.5;
const LOOK_MS = 250;

/** What is known of the trades that a socket brings. */
export type LiveTrades = Pick<Lane, 'brought' | 'fetches' | 'failed'>;

/**
 * Hands trades over one message after the other, each when Kafka has the one before. What a socket has brought since it was asked
 * for is left out, and what a socket brings from now on is a repeat of what is handed over.
 * @param written told of those that Kafka has
 * @returns `left` where the lease was lost or the program ends; `refused` where Kafka will never take some of them
 */
export async function writeRows(
  { clock, writer, budget }: Pick<FillDeps, 'clock' | 'writer' | 'budget'>,
  exchange: FilledExchange,
  market: Market,
  rows: readonly Trade[],
  live: LiveTrades | null,
  fence: () => number | null | undefined,
  written: (rows: readonly Trade[]) => void,
): Promise<'written' | 'left' | 'refused'> {
  const account = budget.open('trade', () => {});
  let refused = false;
  try {
    for (let at = 0; at < rows.length; at += PER_BATCH) {
      while (budget.used > budget.total * MOST_OF_BUDGET && fence() !== undefined)
        await sleep(clock, LOOK_MS);
      const token = fence();
      if (token === undefined) return 'left';
      const part = rows.slice(at, at + PER_BATCH).filter((row) => !live?.brought(row));
      if (part.length === 0) continue;
      live?.fetches(part);
      const cost = costOf(part) + MESSAGE_COST;
      account.reserve(cost);
      try {
        await writer.write({
          exchange: exchange.id,
          region: exchange.region,
          requestType: 'trade',
          market,
          rows: part,
          correlationId: null,
          fence: token,
          late: 'backfill',
        });
        written(part);
      } catch (error) {
        live?.failed(part);
        if (!(error instanceof Fault) || error.code !== 'message_rejected') return 'left';
        refused = true;
      } finally {
        account.release(cost);
      }
    }
  } finally {
    budget.close(account);
  }
  return refused ? 'refused' : 'written';
}

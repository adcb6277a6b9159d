import { messageOf } from '../../common/errors.ts';
import { boundedBan } from '../../core/connection/ban-time.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { TradePage } from '../../core/past-trades.ts';
import type { RestAnswer } from '../rest/book-fetches.ts';
import { AWAY_MS } from '../rest/book-fetches.ts';
import type { FillDeps, FilledExchange } from './fill-parts.ts';

/**
 * One page of past trades, in its turn.
 * @param began of the gap: the oldest goes first
 * @returns null where it was given up, as nobody wants it any more
 */
export function askPage(
  exchange: FilledExchange,
  market: Market,
  url: string,
  { clock, turns, ask }: Pick<FillDeps, 'clock' | 'turns' | 'ask'>,
  began: Micros,
  wanted: () => boolean,
): Promise<TradePage | null> {
  return new Promise((resolve) => {
    turns(exchange).add({
      class: 'backfill',
      weight: exchange.pastTrades.weight,
      rank: () => -began,
      wanted,
      dropped: () => resolve(null),
      async run() {
        try {
          const answer = await ask(exchange, url);
          const page = read(exchange, market, answer, clock.micros());
          resolve(page);
          return answer.status === 200 ? 0 : boundedBan(answer.retryAfterMs ?? AWAY_MS[answer.status] ?? 0);
        } catch (error) {
          resolve({ refused: messageOf(error), again: 'later' });
          return 0;
        }
      },
    });
  });
}

/** What is answered with an error may be the exchange's own word about the question, or somebody's between. */
function read(
  { pastTrades }: FilledExchange,
  market: Market,
  { status, text }: RestAnswer,
  at: Micros,
): TradePage {
  if (status === 200) return pastTrades.read(text, market, at);
  const said = `answered HTTP ${status}`;
  if (status in AWAY_MS || status >= 500) return { refused: said, again: 'later' };
  const page = pastTrades.read(text, market, at);
  return 'refused' in page && page.again === 'never' ? page : { refused: said, again: 'later' };
}

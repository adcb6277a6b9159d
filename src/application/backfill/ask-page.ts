import { messageOf } from '../../common/errors.ts';
import { boundedBan } from '../../core/connection/ban-time.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { TradePage } from '../../core/past-trades.ts';
import type { RestAnswer } from '../rest/book-fetches.ts';
import { AWAY_MS } from '../rest/book-fetches.ts';
import type { FillDeps, FilledExchange } from './fill-parts.ts';
import type { SharedRequests } from './shared-requests.ts';

const TOO_MANY = 429;

export interface Asking {
  readonly exchange: FilledExchange;
  readonly deps: Pick<FillDeps, 'clock' | 'turns' | 'ask'>;
  readonly shared: SharedRequests;
}

/**
 * One page of past trades, in its turn.
 * @param began of the gap: the oldest goes first
 * @returns null where it was given up, as nobody wants it any more
 */
export function askPage(
  { exchange, deps: { clock, turns, ask }, shared }: Asking,
  market: Market,
  url: string,
  began: Micros,
  wanted: () => boolean,
): Promise<TradePage | null> {
  return new Promise((resolve) => {
    const add = () =>
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
            const forMs = awayMs(exchange, answer);
            if (forMs > 0) shared.ban({ forMs, reason: `answered HTTP ${answer.status}` });
            resolve(page);
            return forMs;
          } catch (error) {
            resolve({ refused: messageOf(error), again: 'later' });
            return 0;
          }
        },
      });
    void shared.place(wanted).then((there) => (there ? add() : resolve(null)));
  });
}

/** For how long the exchange wants to see no request, in ms. */
function awayMs({ limits }: FilledExchange, { status, retryAfterMs }: RestAnswer): number {
  if (status === 200) return 0;
  const unsaid = status === TOO_MANY ? limits.shutOutMs : undefined;
  return boundedBan(retryAfterMs ?? unsaid ?? AWAY_MS[status] ?? 0);
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

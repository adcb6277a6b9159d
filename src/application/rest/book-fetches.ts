import type { Clock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import { boundedBan } from '../../core/connection/ban-time.ts';
import type { BookFetch, FetchBook } from '../../core/connection/link-parts.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { RestTurns } from './rest-turns.ts';

/** What a REST address answered. */
export interface RestAnswer {
  readonly status: number;
  /** `Retry-After` in ms; null where there is none. */
  readonly retryAfterMs: number | null;
  readonly text: string;
}

export interface BookFetchDeps {
  readonly clock: Clock;
  readonly turns: RestTurns;
  /** One request, bounded in time and size. @throws Error */
  ask(exchange: Exchange, url: string): Promise<RestAnswer>;
  onFailure(exchange: Exchange, fault: Fault): void;
}

/** Statuses that mean "not now", and for how long where the answer does not say, in ms. */
export const AWAY_MS: Readonly<Record<number, number>> = { 429: 10_000, 418: 300_000, 403: 300_000 };

/**
 * Books over REST, each in its turn: the busiest codes first, within what the exchange allows an address.
 * @returns undefined where this exchange's books do not come over REST
 */
export function bookFetches(
  exchange: Exchange,
  choice: string | null,
  deps: BookFetchDeps,
): FetchBook | undefined {
  const { orderbooks } = exchange;
  if (!orderbooks?.rest) return undefined;
  const { url, weight } = orderbooks.rest;
  return (fetch) =>
    deps.turns.add({
      class: 'book',
      weight,
      rank: fetch.activity,
      wanted: fetch.wanted,
      run: () => answered(exchange, url(fetch.market.symbol, choice ?? orderbooks.choices[0]), fetch, deps),
      dropped: () => fetch.deliver(null),
    });
}

/** @returns for how long nothing more is to be asked, in ms */
async function answered(
  exchange: Exchange,
  url: string,
  { market, deliver }: BookFetch,
  deps: BookFetchDeps,
): Promise<number> {
  try {
    const { status, retryAfterMs, text } = await deps.ask(exchange, url);
    if (status === 200) {
      deliver(text);
      return 0;
    }
    deliver(null);
    deps.onFailure(exchange, failure(exchange, `${url} answered HTTP ${status}`));
    return boundedBan(retryAfterMs ?? AWAY_MS[status] ?? 0);
  } catch (error) {
    deliver(null);
    deps.onFailure(exchange, failure(exchange, `${market.code}: ${messageOf(error)}`, error));
    return 0;
  }
}

function failure({ id }: Exchange, what: string, cause?: unknown): Fault {
  return new Fault(
    'book_fetch_failed',
    id,
    `An order book could not be fetched: ${what}.`,
    'It is asked for again; until then the changes of this code are no rows, and its gap stays open.',
    cause,
  );
}

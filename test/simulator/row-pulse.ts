import { Pulse } from './pulse.ts';
import type { Random } from './random.ts';
import type { Feed, SimExchange } from './sim-exchange.ts';

/**
 * Makes trades and tickers happen over all codes that were ever subscribed.
 * @param rowsPerS rows in one second over all exchanges, codes and types, as one subscriber of each would get them
 */
export function rowPulse(
  exchanges: readonly SimExchange[],
  random: Random,
  rowsPerS: number,
  exponent: number,
): Pulse<Feed> {
  const pulse = new Pulse<Feed>(
    {
      list: () => exchanges.flatMap(({ feeds }) => feeds).sort((a, b) => a.nth - b.nth),
      step: ({ exchange, type, symbol }) => exchange.happen(type, symbol),
    },
    random,
    rowsPerS,
    exponent,
  );
  for (const exchange of exchanges) exchange.onFeeds = () => pulse.changed();
  return pulse;
}

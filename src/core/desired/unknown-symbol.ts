import { didYouMean } from '../../common/nearest.ts';
import type { Markets } from '../market/markets.ts';

/** Each is held against every market of the exchange; of a command that names hundreds the first are enough. */
const MOST_HINTS = 5;
/** Longer than any exchange's symbol. */
const MAX_SYMBOL = 64;

/**
 * What to say of symbols that mean nothing at an exchange: with the one that was probably meant, be it written with another
 * separator, the other way round, or misspelt.
 */
export function unknownSymbols(markets: Markets, exchange: string): (asked: string) => string {
  let hints = 0;
  return (asked) => {
    const hint = hints++ < MOST_HINTS && asked.length <= MAX_SYMBOL ? hintFor(markets, asked) : '';
    return `${asked} is not a market of ${exchange}${hint === '' ? '' : `.${hint}`}`;
  };
}

function hintFor(markets: Markets, asked: string): string {
  const all = markets.all();
  const letters = lettersOf(asked);
  const same = all.find(
    ({ symbol, base, quote }) =>
      lettersOf(symbol) === letters || base + quote === letters || quote + base === letters,
  );
  if (same) return ` Did you mean ${same.symbol}?`;
  return didYouMean(
    asked,
    all.flatMap(({ symbol, code }) => [symbol, code]),
  );
}

function lettersOf(symbol: string): string {
  return symbol.toUpperCase().replace(/[^\p{L}\p{N}]/gu, '');
}

import type { Exchange } from '../../src/core/exchange.ts';
import type { RequestType } from '../../src/core/market/market.ts';
import { marketList } from '../simulator/listings.ts';
import type { Listing, Protocol, Venue } from '../simulator/protocol.ts';
import { protocols } from '../simulator/protocols/index.ts';
import { seededRandom } from '../simulator/random.ts';

/** The simulator's own reading of an exchange's documents, which shares no code with the plug-in. */
export interface Simulation {
  readonly protocol: Protocol;
  readonly listings: readonly Listing[];
  readonly venue: Venue;
  /** Of the exchange's types those that it serves. */
  readonly types: readonly RequestType[];
  /** Which of its order books are read where every frame is to say what happened; left out: the default. */
  readonly book?: string | undefined;
}

/** Whole books, where the default needs more than frames. */
const BOOKS: Readonly<Record<string, string>> = { binance: 'depth20@100ms' };

/** Undefined where the simulator does not know the exchange. */
export function simulated({ id, limits, types }: Exchange): Simulation | undefined {
  const protocol = protocols[id];
  if (!protocol) return undefined;
  const listings = marketList(protocol, limits.codesPerSocket, 11).map(({ listing }) => listing);
  const bySymbol = new Map(listings.map((listing) => [listing.symbol, listing]));
  const venue: Venue = {
    find: (symbol) => bySymbol.get(symbol),
    now: () => 1_790_134_800_123,
    random: seededRandom(3),
  };
  return {
    protocol,
    listings,
    venue,
    types: types.filter((type) => protocol.types.includes(type)),
    book: BOOKS[id],
  };
}

/** The same, and once more with the books of the default where `book` names others. */
export function simulations(exchange: Exchange): Simulation[] {
  const one = simulated(exchange);
  if (!one) return [];
  const { book, ...byDefault } = one;
  return book === undefined ? [one] : [one, { ...byDefault, types: ['orderbook'] }];
}

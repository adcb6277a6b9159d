import type { BookChange, BookChannel, BookLevel, Books, BookView } from '../../books/channel.ts';
import { krakenChecksum } from '../../books/checksum.ts';
import { eight, isoMicros } from '../../books/text.ts';
import type { Listing } from '../../protocol.ts';

const DEPTHS = [10, 25, 100, 500, 1000];

/** https://docs.kraken.com/api/docs/websocket-v2/book */
export const books: Books = {
  channel(name) {
    const depth = Number(/^book (\d+)$/.exec(name)?.[1]);
    return DEPTHS.includes(depth) ? book(name, depth) : undefined;
  },
  restart: 'end',
};

/** undefined where the depth is none of the list: it is refused, not rounded. */
export function channelOf(depth: unknown): string | undefined {
  const asked = depth === undefined ? 10 : depth;
  return DEPTHS.includes(asked as number) ? `book ${asked}` : undefined;
}

/** What falls out of the window is not told: the reader cuts each side to its depth. */
function book(name: string, depth: number): BookChannel {
  return {
    name,
    everyMs: 0,
    depth,
    silentFallOut: true,
    checksummed: true,
    snapshotsAgain: true,
    whole: (view) => [frame('snapshot', view, view.bids, view.asks, checksum(view))],
    changes: (change) => [update(change)],
    sequence: () => null,
  };
}

/** Levels of an update are in no order. */
function update(change: BookChange): string {
  const side = (buys: boolean) =>
    change.inOrder.filter((each) => each.buys === buys).map(({ level }) => level);
  const right = checksum(change.view(10));
  return frame('update', change, side(true), side(false), change.wrongChecksum ? right ^ 1 : right);
}

function priceText({ priceDigits }: Listing, price: number): string {
  return price.toFixed(priceDigits);
}

/** Over the text on the wire of the ten best of each side. */
function checksum({ listing, bids, asks }: BookView): number {
  const texts = (levels: readonly BookLevel[]) =>
    levels.slice(0, 10).map(({ price, size }) => [priceText(listing, price), eight(size)] as const);
  return krakenChecksum(texts(asks), texts(bids));
}

/** Numbers are bare, with trailing zeros. */
function frame(
  type: string,
  { listing, timeMs }: { listing: Listing; timeMs: number },
  bids: readonly BookLevel[],
  asks: readonly BookLevel[],
  sum: number,
): string {
  const side = (levels: readonly BookLevel[]) =>
    `[${levels.map(({ price, size }) => `{"price":${priceText(listing, price)},"qty":${eight(size)}}`).join(',')}]`;
  return (
    `{"channel":"book","type":"${type}","data":[{"symbol":"${listing.symbol}","bids":${side(bids)},"asks":${side(asks)},` +
    `"checksum":${sum >>> 0},"timestamp":"${isoMicros(timeMs)}"}]}`
  );
}

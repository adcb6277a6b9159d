import type { BookLevel, Books, BookView, Numbers } from '../../books/channel.ts';
import { plain } from '../../books/text.ts';

/** How much older than its id the first frame of a subscription says it is. */
const FIRST_OLDER_MS = 10_100;

/** https://docs.coinone.co.kr/reference/public-websocket-orderbook: every frame is the whole book of 16 levels. */
export const books: Books = {
  channel: (name) =>
    name === 'ORDERBOOK'
      ? { name, everyMs: 100, depth: 16, repeats: 0.2, whole: (view) => [whole(view)], sequence }
      : undefined,
  restart: 'end',
};

/** Milliseconds and three more digits. */
function sequence({ timeMs }: Numbers): number {
  return timeMs * 1000 + 1;
}

/** Asks come worst first. */
function whole(view: BookView): string {
  const { listing, timeMs, bids, asks, snapshot } = view;
  const level = ({ price, size }: BookLevel) => `{"price":"${plain(price)}","qty":"${plain(size)}"}`;
  return (
    `{"response_type":"DATA","channel":"ORDERBOOK","data":{"quote_currency":"${listing.quote}",` +
    `"target_currency":"${listing.base}","timestamp":${snapshot ? timeMs - FIRST_OLDER_MS : timeMs},` +
    `"id":"${sequence(view)}","asks":[${asks.map(level).reverse().join(',')}],"bids":[${bids.map(level).join(',')}]}}`
  );
}

import type { BookLevel, Books, BookView } from '../../books/channel.ts';
import { plain } from '../../books/text.ts';

/** https://docs.korbit.co.kr/: every frame is the whole book of 30 levels. */
export const books: Books = {
  channel: (name) =>
    name === 'orderbook'
      ? { name, everyMs: 100, depth: 30, whole: (view) => [whole(view)], sequence: () => null }
      : undefined,
  restart: 'end',
};

/** The time in `data` is that of the last change, the one beside it that of the frame. */
function whole({ listing, timeMs, bids, asks, snapshot }: BookView): string {
  const level = ({ price, size }: BookLevel) => `{"price":"${plain(price)}","qty":"${plain(size)}"}`;
  const side = (levels: readonly BookLevel[]) => `[${levels.map(level).join(',')}]`;
  return (
    `{"symbol":"${listing.symbol}","timestamp":${timeMs + 3},"type":"orderbook",${snapshot ? '"snapshot":true,' : ''}` +
    `"data":{"timestamp":${timeMs},"asks":${side(asks)},"bids":${side(bids)}}}`
  );
}

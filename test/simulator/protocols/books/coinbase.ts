import type { BookChange, BookLevel, Books, BookView } from '../../books/channel.ts';
import { eight, isoMicros, plain } from '../../books/text.ts';

/** https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#level2-batch-channel: the whole depth, no numbers. */
export const books: Books = {
  channel: (name) =>
    name === 'level2_batch'
      ? {
          name,
          everyMs: 50,
          depth: Number.POSITIVE_INFINITY,
          whole: (view) => [snapshot(view)],
          changes: (change) => [update(change)],
          snapshotsAgain: true,
          sequence: () => null,
        }
      : undefined,
  restart: 'end',
};

function snapshot({ listing, bids, asks }: BookView): string {
  const side = (levels: readonly BookLevel[]) =>
    `[${levels.map(({ price, size }) => `["${plain(price)}","${eight(size)}"]`).join(',')}]`;
  return `{"type":"snapshot","product_id":"${listing.symbol}","asks":${side(asks)},"bids":${side(bids)}}`;
}

/** A level that is gone has a size of zero, in one of several spellings. */
function update({ listing, timeMs, frame, inOrder }: BookChange): string {
  const gone = ['0', '0.0', '0.00000000'][frame % 3];
  const changes = inOrder.map(
    ({ buys, level: { price, size } }) =>
      `["${buys ? 'buy' : 'sell'}","${plain(price)}","${size === 0 ? gone : eight(size)}"]`,
  );
  return (
    `{"type":"l2update","product_id":"${listing.symbol}","changes":[${changes.join(',')}],` +
    `"time":"${isoMicros(timeMs)}"}`
  );
}

import type { BookChannel, Books, BookView } from '../../books/channel.ts';
import { eight, java } from '../../books/text.ts';

const DEPTHS = [1, 5, 15, 30];

/** https://docs.upbit.com/kr/reference/websocket-orderbook: every frame is the whole book. */
export const books: Books = {
  channel(name) {
    const depth = Number(/^orderbook\.(\d+)$/.exec(name)?.[1]);
    return DEPTHS.includes(depth) ? orderbook(depth) : undefined;
  },
  restart: 'end',
};

/** `KRW-BTC.15`; any other number gives 30. */
export function channelOf(code: string): string {
  const depth = Number(/\.(\d+)$/.exec(code)?.[1]);
  return `orderbook.${DEPTHS.includes(depth) ? depth : 30}`;
}

function orderbook(depth: number): BookChannel {
  return { name: `orderbook.${depth}`, everyMs: 100, depth, whole: (view) => [whole(view, depth)], sequence };
}

/** None. */
function sequence(): null {
  return null;
}

/** Numbers come in several spellings; a thin side is padded with zeros. */
function whole({ listing, timeMs, bids, asks, snapshot }: BookView, depth: number): string {
  const units = Array.from({ length: depth }, (_, i) => {
    const [ask, bid] = [asks[i], bids[i]];
    return (
      `{"ask_price":${ask ? java(ask.price) : '0'},"bid_price":${bid ? java(bid.price) : '0'},` +
      `"ask_size":${ask ? eight(ask.size) : '0'},"bid_size":${bid ? eight(bid.size) : '0'}}`
    );
  });
  const total = (side: BookView['bids']) => eight(side.reduce((sum, { size }) => sum + size, 0));
  return (
    `{"type":"orderbook","code":"${listing.symbol}","timestamp":${timeMs},"total_ask_size":${total(asks)},` +
    `"total_bid_size":${total(bids)},"orderbook_units":[${units.join(',')}],` +
    `"stream_type":"${snapshot ? 'SNAPSHOT' : 'REALTIME'}","level":0}`
  );
}

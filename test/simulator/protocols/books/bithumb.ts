import type { BookChannel, Books, BookView } from '../../books/channel.ts';

const MOST = 15;

/** https://apidocs.bithumb.com/: every frame is the whole book, and about half of them repeat the one before. */
export const books: Books = {
  channel(name) {
    const depth = Number(/^orderbook\.(\d+)$/.exec(name)?.[1]);
    return depth >= 1 && depth <= MOST ? orderbook(depth) : undefined;
  },
  restart: 'end',
};

/** `KRW-BTC.5` narrows; more than 15 are never sent. */
export function channelOf(code: string): string {
  const depth = Number(/\.(\d+)$/.exec(code)?.[1] ?? MOST);
  return `orderbook.${Math.max(1, Math.min(MOST, depth))}`;
}

function orderbook(depth: number): BookChannel {
  return {
    name: `orderbook.${depth}`,
    everyMs: 100,
    depth,
    repeats: 0.4,
    whole: (view) => [whole(view, depth)],
    sequence: () => null,
    shown,
  };
}

/** Sizes have four decimals: dust reads 0 at a price that lives. */
function shown(size: number): number {
  return Number(size.toFixed(4));
}

/** The time is in microseconds, here alone. */
function whole({ listing, timeMs, frame, bids, asks, snapshot }: BookView, depth: number): string {
  const units = Array.from({ length: depth }, (_, i) => {
    const [ask, bid] = [asks[i], bids[i]];
    return (
      `{"ask_price":${ask?.price ?? 0},"bid_price":${bid?.price ?? 0},` +
      `"ask_size":${shown(ask?.size ?? 0)},"bid_size":${shown(bid?.size ?? 0)}}`
    );
  });
  const total = (side: BookView['bids']) => shown(side.reduce((sum, { size }) => sum + size, 0));
  const micros = `${timeMs}${String(frame % 1000).padStart(3, '0')}`;
  return (
    `{"type":"orderbook","code":"${listing.symbol}","total_ask_size":${total(asks)},"total_bid_size":${total(bids)},` +
    `"orderbook_units":[${units.join(',')}],"level":1,"timestamp":${micros},` +
    `"stream_type":"${snapshot ? 'SNAPSHOT' : 'REALTIME'}"}`
  );
}

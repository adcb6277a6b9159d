import type { BookChannel, BookLevel, Books, BookView, Numbers } from '../../books/channel.ts';
import { plain } from '../../books/text.ts';

const FIRST = 344_430_000_000;
/** How long a channel says nothing where nothing changes; the documents say about 60 s. */
const KEEPALIVE_MS = 25_000;

/** https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel */
export const books: Books = {
  channel(name) {
    if (name === 'books') return changing(name);
    if (name === 'books5') return best(name, 5, 100);
    return name === 'bbo-tbt' ? best(name, 1, 10) : undefined;
  },
  // A reset after a maintenance: one update whose seqId is below its prevSeqId.
  restart: 'reset',
};

function sequence({ version }: Numbers): number {
  return FIRST + version;
}

function changing(name: string): BookChannel {
  return {
    name,
    everyMs: 100,
    depth: 400,
    whole: (view) => [frame(name, 'snapshot', view, -1)],
    changes: (change) => [frame(name, 'update', change, FIRST + change.previous)],
    snapshotsAgain: true,
    idle: {
      ms: KEEPALIVE_MS,
      text: (view) => [frame(name, 'update', { ...view, bids: [], asks: [] }, sequence(view))],
    },
    sequence,
  };
}

/** The whole window each time, without action and link. */
function best(name: string, depth: number, everyMs: number): BookChannel {
  const whole = (view: BookView) => {
    const { symbol } = view.listing;
    return [
      `{"arg":{"channel":"${name}","instId":"${symbol}"},"data":[{"asks":${side(view.asks)},"bids":${side(view.bids)},` +
        `"instId":"${symbol}","ts":"${view.timeMs}","seqId":${sequence(view)}}]}`,
    ];
  };
  return { name, everyMs, depth, whole, sequence };
}

function side(levels: readonly BookLevel[]): string {
  return `[${levels.map(({ price, size, orders }) => `["${plain(price)}","${plain(size)}","0","${orders}"]`).join(',')}]`;
}

interface Told extends Numbers {
  readonly listing: BookView['listing'];
  readonly bids: readonly BookLevel[];
  readonly asks: readonly BookLevel[];
}

function frame(name: string, action: string, told: Told, prevSeqId: number): string {
  return (
    `{"arg":{"channel":"${name}","instId":"${told.listing.symbol}"},"action":"${action}","data":[{"asks":${side(told.asks)},` +
    `"bids":${side(told.bids)},"ts":"${told.timeMs}","seqId":${sequence(told)},"prevSeqId":${prevSeqId}}]}`
  );
}

import type { BookChange, BookChannel, BookLevel, Books, BookView, Numbers } from '../../books/channel.ts';
import { eight } from '../../books/text.ts';

/** Update ids of a code, above its level changes. */
const FIRST = 49_980_000_000;
const LIMIT = 100;
const MOST = 5000;

/** https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#diff-depth-stream */
export const books: Books = {
  channel(name) {
    const [, depth, fast] = /^depth(5|10|20)?(@100ms)?$/.exec(name) ?? [];
    if (!/^depth/.test(name) || !/^depth(5|10|20)?(@100ms)?$/.test(name)) return undefined;
    const everyMs = fast ? 100 : 1000;
    return depth === undefined ? diff(name, everyMs) : partial(name, everyMs, Number(depth));
  },
  restart: 'end',
  /** https://developers.binance.com/docs/binance-spot-api-docs/rest-api#order-book */
  rest(path, query) {
    if (path !== '/api/v3/depth') return undefined;
    return {
      symbol: query.get('symbol') ?? '',
      channel: 'depth@100ms',
      depth: depthOf(query),
      answer: (view) => JSON.parse(best(view)),
      unknown: { status: 400, body: { code: -1121, msg: 'Invalid symbol.' } },
    };
  },
};

export function depthOf(query: URLSearchParams): number {
  return Math.min(MOST, Number(query.get('limit') ?? LIMIT) || LIMIT);
}

function sequence({ version }: Numbers): number {
  return FIRST + version;
}

/** Changes alone: the whole book comes over REST. */
function diff(name: string, everyMs: number): BookChannel {
  const depth = Number.POSITIVE_INFINITY;
  return { name, everyMs, depth, whole: (view) => [best(view)], changes: (c) => [update(c)], sequence };
}

function partial(name: string, everyMs: number, depth: number): BookChannel {
  return { name, everyMs, depth, whole: (view) => [best(view)], sequence };
}

function side(levels: readonly BookLevel[]): string {
  return `[${levels.map(({ price, size }) => `["${eight(price)}","${eight(size)}"]`).join(',')}]`;
}

function update(change: BookChange): string {
  const { listing, timeMs, previous, bids, asks } = change;
  return (
    `{"e":"depthUpdate","E":${timeMs},"s":"${listing.symbol}","U":${FIRST + previous + 1},"u":${sequence(change)},` +
    `"b":${side(bids)},"a":${side(asks)}}`
  );
}

/** Without symbol and time. */
function best(view: BookView): string {
  return `{"lastUpdateId":${sequence(view)},"bids":${side(view.bids)},"asks":${side(view.asks)}}`;
}

import type { BookChannel, BookLevel, Books } from '../../books/channel.ts';
import { bitfinexChecksum } from '../../books/checksum.ts';

const LENGTHS = ['1', '25', '100', '250'];
const CHECKSUM_MS = 3000;

/** https://docs.bitfinex.com/reference/ws-public-books, P0. Texts are payloads: the channel id and the tail are a socket's own. */
export const books: Books = {
  channel(name) {
    const [, freq, length = ''] = /^book P0 (F[01]) (\d+)$/.exec(name) ?? [];
    return LENGTHS.includes(length) ? book(name, freq === 'F0' ? 0 : 2000, Number(length)) : undefined;
  },
  restart: 'end',
};

/** @returns the channel's name, or what is wrong with the request */
export function channelOf(request: Record<string, unknown>): { name: string } | { wrong: string } {
  const { prec = 'P0', freq = 'F0', len = '25' } = request;
  if (prec !== 'P0') return { wrong: 'precision: invalid' };
  if (!LENGTHS.includes(String(len))) return { wrong: 'length: invalid' };
  return { name: `book P0 ${freq === 'F1' ? 'F1' : 'F0'} ${String(len)}` };
}

function book(name: string, everyMs: number, depth: number): BookChannel {
  return {
    name,
    everyMs,
    depth,
    whole: ({ bids, asks }) => {
      const entries = [
        ...bids.map((level) => entry(true, level)),
        ...asks.map((level) => entry(false, level)),
      ];
      return [`[${entries.join(',')}]`];
    },
    changes: ({ inOrder }) => inOrder.map(({ buys, level }) => entry(buys, level)),
    checksum: {
      everyMs: CHECKSUM_MS,
      text({ bids, asks }, wrong) {
        const pairs = (levels: readonly BookLevel[]) =>
          levels.map(({ price, size }) => [price, size] as const);
        const right = bitfinexChecksum(pairs(bids), pairs(asks));
        return `"cs",${wrong ? right ^ 1 : right}`;
      },
    },
    sequence: () => null,
  };
}

/** [price, orders, amount]: above 0 a bid. Without orders it is gone, and the amount says of which side. */
function entry(buys: boolean, { price, size, orders }: BookLevel): string {
  const amount = size === 0 ? 1 : size;
  return `[${price},${size === 0 ? 0 : orders},${buys ? amount : -amount}]`;
}

import { crc32 } from 'node:zlib';
import type { Book, SideBook } from './book.ts';
import { crcOf, joined } from './marks.ts';

/**
 * Kraken's: the ten best asks, then the ten best bids, of each level the digits of price and size as the wire spells
 * them. Unsigned.
 * https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
 */
export function digitChecksum({ asks, bids }: Pick<Book, 'asks' | 'bids'>, levels = 10): number {
  return crcOf(joined(asks.marked(levels), bids.marked(levels)));
}

/**
 * Bitfinex's, and OKX's until 2026: bid and ask in turn, `price:size` each, joined with colons; where one side is
 * shorter the other goes on. Signed.
 * https://docs.bitfinex.com/docs/ws-websocket-checksum
 */
export function turnChecksum(bids: readonly string[], asks: readonly string[], levels = 25): number {
  const parts: string[] = [];
  for (let nth = 0; nth < levels; nth++)
    for (const one of [bids[nth], asks[nth]]) if (one !== undefined) parts.push(one);
  return crc32(parts.join(':')) | 0;
}

/** `price:size` of the best levels as JavaScript, and Bitfinex, spell numbers; `sign` −1 for sizes below 0. */
export function spelledLevels(side: SideBook, sign: 1 | -1, levels = 25): string[] {
  return Array.from(
    { length: Math.min(levels, side.count) },
    (_, nth) => `${side.price(nth)}:${sign * side.size(nth)}`,
  );
}

import { crc32 } from 'node:zlib';
import type { Book, SideBook } from './book.ts';

const ZERO = 48;

/**
 * Kraken's: the ten best asks, then the ten best bids, of each level the digits of price and size as the wire spells
 * them. Unsigned.
 * https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
 */
export function digitChecksum({ asks, bids }: Pick<Book, 'asks' | 'bids'>, levels = 10): number {
  let text = '';
  for (const side of [asks, bids])
    for (let nth = 0; nth < Math.min(levels, side.count); nth++) text += side.text(nth);
  return crc32(text);
}

/** A number as the wire spells it, without its point and the zeros in front: `0.00100000` → `100000`. */
export function digitsOf(spelling: string): string {
  const point = spelling.indexOf('.');
  const digits = point === -1 ? spelling : spelling.slice(0, point) + spelling.slice(point + 1);
  let zeros = 0;
  while (digits.charCodeAt(zeros) === ZERO) zeros++;
  return digits.slice(zeros);
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
